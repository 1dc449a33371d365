import { formatDigest, formatInstant, visible } from "@countersign/core";
import { checkPack } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { enoughText, evidenceSummary, forEvidence, onlyLockfile } from "../evidence-run.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { readPackFile } from "../pack-file.ts";
import { count, layoutOf, renderReport } from "../render.ts";
import { requestOf } from "../request.ts";

/**
 * Verifies a lockfile offline with nothing but a pack, as if somebody had vouched for its digest. Neither the store
 * nor the project changes. Exit codes are those of verify, and 2 where the pack is not enough.
 */
export async function checkEvidence(host: Host, path: string, options: ProjectOptions): Promise<number> {
  const { pack, sha256 } = await readPackFile(host, path);
  const verification = forEvidence(
    await checkPack(pack, true, requestOf(host, options), environmentOf(host)),
  );
  const { lockfile } = onlyLockfile(verification).set;
  if (formatDigest(lockfile.digest) !== pack.lockfile.digest) {
    throw new CommandError(
      `${path} belongs to another lockfile: it was made for ${pack.lockfile.path} with ${pack.lockfile.digest}, and ${lockfile.path} is ${formatDigest(lockfile.digest)}`,
      "countersign evidence pack",
      1,
    );
  }
  const { text, missing } = evidenceSummary(verification);
  host.terminal.out(
    [
      renderReport(verification.report, "human", layoutOf(host, "out", false)),
      `${visible(path)}: ${count(pack.entries.length, "row")}, made ${formatInstant(pack.createdAt)}, sha256 ${sha256}`,
      text,
      enoughText(missing),
      "",
    ].join("\n"),
  );
  return verification.exitCode === 0 && missing > 0 ? 2 : verification.exitCode;
}
