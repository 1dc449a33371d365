import { verifyProject } from "@countersign/gate";
import type { Host } from "../host.ts";
import { environmentOf } from "../environment.ts";
import { CommandError } from "../command-error.ts";
import { writeNamed } from "../files.ts";
import type { Format, ProjectOptions } from "../options.ts";
import { fileLayout, layoutOf, renderReport } from "../render.ts";
import { requestOf } from "../request.ts";
import { completeness } from "../completeness.ts";

export type VerifyOptions = ProjectOptions & { format?: Format; json?: boolean; output?: string; verbose?: boolean };

/**
 * Verifies and reports. The chosen format goes to `--output`, else to stdout; the report for people goes to the
 * terminal beside it, to stderr where stdout carries the format.
 */
export async function verify(host: Host, options: VerifyOptions): Promise<number> {
  const format = formatOf(options);
  const request = requestOf(host, options);
  const verification = await verifyProject(request, environmentOf(host));
  const { report } = verification;
  const verbose = options.verbose ?? false;
  if (options.output !== undefined) {
    await writeNamed(host, options.output, renderReport(report, format, fileLayout(verbose)));
    host.terminal.out(renderReport(report, "human", layoutOf(host, "out", verbose)));
  } else if (format === "human") {
    host.terminal.out(renderReport(report, "human", layoutOf(host, "out", verbose)));
  } else {
    host.terminal.out(renderReport(report, format, fileLayout(verbose)));
    host.terminal.err(renderReport(report, "human", layoutOf(host, "err", verbose)));
  }
  return completeness(verification) === "complete" ? verification.exitCode : 2;
}

function formatOf({ format, json }: VerifyOptions): Format {
  if (json === true && format !== undefined && format !== "json") {
    throw new CommandError(`--json and --format ${format} contradict each other`, "leave one of them out");
  }
  return json === true ? "json" : (format ?? "human");
}
