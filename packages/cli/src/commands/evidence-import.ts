import { visible } from "@countersign/core";
import { importPack } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import { readPackFile } from "../pack-file.ts";
import { count } from "../render.ts";

/**
 * Takes a pack into the evidence store. Without the digest that its maker tells, only what proves itself is taken:
 * everything else in the file is the unsigned word of whoever wrote it.
 */
export async function importEvidence(
  host: Host,
  path: string,
  options: { sha256?: string },
): Promise<number> {
  const { pack, sha256 } = await readPackFile(host, path);
  const named = options.sha256?.toLowerCase().replace(/^sha256:/, "");
  if (named !== undefined && named !== sha256) {
    throw new CommandError(
      `${path} is sha256 ${sha256}, not what --sha256 names`,
      "fetch the pack again, and its digest from whoever made it",
      1,
    );
  }
  const { taken, left, notices } = await importPack(pack, named !== undefined, environmentOf(host));
  const unusable = notices.find(({ code }) => code === "evidence/store-unavailable");
  if (unusable !== undefined) throw new CommandError(unusable.why, unusable.fix);
  const lines = [
    `imported ${taken} of ${count(pack.entries.length, "row")} for ${visible(pack.lockfile.path)}`,
  ];
  if (left > 0) {
    lines.push(
      `left out: ${count(left, "row")} (listings and publish times) that nothing signs; with the digest from whoever made the pack:`,
      `  countersign evidence import ${visible(path)} --sha256 HEX`,
    );
  }
  host.terminal.out(`${lines.join("\n")}\n`);
  return 0;
}
