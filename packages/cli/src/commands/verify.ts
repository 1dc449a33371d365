import { verifyProject } from "@countersign/gate";
import type { Host } from "../host.ts";
import { environmentOf } from "../environment.ts";
import { CommandError } from "../command-error.ts";
import { writeNamed } from "../files.ts";
import type { Format, ProjectOptions } from "../options.ts";
import { fileLayout, layoutOf, renderReport } from "../render.ts";
import { requestOf } from "../request.ts";
import { mistakesOf, renderMistakes } from "../mistakes.ts";

export type VerifyOptions = ProjectOptions & {
  format?: Format;
  json?: boolean;
  output?: string;
  verbose?: boolean;
};

/**
 * Verifies and reports. The chosen format goes to `--output`, else to stdout; the report for people goes to the
 * terminal beside it, to stderr where stdout carries the format.
 */
export async function verify(host: Host, options: VerifyOptions): Promise<number> {
  const format = formatOf(options);
  const request = { ...requestOf(host, options), saves: "parsing" } as const;
  const verification = await verifyProject(request, environmentOf(host));
  const { report } = verification;
  const verbose = options.verbose ?? false;
  const mistakes = mistakesOf(verification);
  // Where nothing was decided there is no verdict to show; a program still gets the whole report.
  const summary = (stream: "out" | "err"): string =>
    mistakes.length === 0
      ? renderReport(report, "human", layoutOf(host, stream, verbose))
      : renderMistakes(mistakes);
  const person = mistakes.length === 0 ? "out" : "err";
  if (options.output !== undefined) {
    await writeNamed(host, options.output, renderReport(report, format, fileLayout(verbose)));
    host.terminal[person](summary(person));
  } else if (format === "human") {
    host.terminal[person](summary(person));
  } else {
    host.terminal.out(renderReport(report, format, fileLayout(verbose)));
    host.terminal.err(summary("err"));
  }
  return verification.exitCode;
}

function formatOf({ format, json }: VerifyOptions): Format {
  if (json === true && format !== undefined && format !== "json") {
    throw new CommandError(`--json and --format ${format} contradict each other`, "leave one of them out");
  }
  return json === true ? "json" : (format ?? "human");
}
