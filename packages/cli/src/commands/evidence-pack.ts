import { createHash } from "node:crypto";
import { visible } from "@countersign/core";
import { checkPack, packEvidence as collect, writePack } from "@countersign/gate";
import { enoughText, evidenceSummary, onlyLockfile, runForEvidence } from "../evidence-run.ts";
import { writeNamed } from "../files.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { count } from "../render.ts";
import { requestOf } from "../request.ts";

/**
 * Collects and writes what verifies one lockfile elsewhere. 0 when the pack is enough by itself, 2 when it is not:
 * what could not be had, or is absent, which is never stored.
 */
export async function packEvidence(
  host: Host,
  options: ProjectOptions & { output: string },
): Promise<number> {
  const environment = environmentOf(host);
  const request = requestOf(host, options);
  const verification = await runForEvidence(request, environment);
  const pack = await collect(onlyLockfile(verification), environment);
  const bytes = writePack(pack);
  await writeNamed(host, options.output, bytes);
  const { missing } = evidenceSummary(await checkPack(pack, true, request, environment));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  host.terminal.out(
    [
      `${visible(options.output)}: ${count(pack.entries.length, "row")} for ${visible(pack.lockfile.path)}`,
      evidenceSummary(verification).text,
      enoughText(missing),
      `sha256 ${sha256}`,
      "On the other machine, with the digest carried by a way you trust:",
      `  countersign evidence import ${visible(options.output)} --sha256 ${sha256}`,
      "",
    ].join("\n"),
  );
  return missing === 0 ? 0 : 2;
}
