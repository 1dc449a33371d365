import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import {
  decodeSealStatement,
  readSealDocument,
  visible,
  type SealVerdict,
  type TrustRoot,
} from "@countersign/core";
import {
  readSealFiles,
  removeSealFile,
  repositoryRoot,
  sealedDigests,
  sealsFolder,
  verifySeals,
  type SealFile,
} from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { count } from "../render.ts";
import { requestOf } from "../request.ts";

export type PruneOptions = ProjectOptions & { yes?: boolean; dryRun?: boolean };

const mostPruned = 100_000;

/**
 * Removes seals that count for nothing: those of the current lockfiles that fail, and those of lockfiles that are gone
 * once every current one has a seal that counts. What only another machine can verify stays, and so do seals of other
 * lockfiles of the repository. Git keeps what is removed.
 */
export async function pruneSeals(host: Host, options: PruneOptions): Promise<number> {
  const { home, root, lockfiles, findings, checker } = await verifySeals(
    requestOf(host, options),
    environmentOf(host),
  );
  if (root === null) {
    const { why, fix } = findings.find(({ effect }) => effect === "block") ?? {
      why: "there is no trust store",
      fix: "countersign trust init",
    };
    throw new CommandError(`which seals count cannot be told: ${why}`, fix);
  }
  const failed: string[] = [];
  for (const { file, subject } of lockfiles) {
    // Too many to be read by a run that decides are looked at one by one where somebody clears them away.
    if (subject === null) continue;
    const seals = await readSealFiles(home, subject.digest.hex, mostPruned);
    if (seals.many !== null)
      throw new CommandError(
        `${file.path} has ${seals.many} seals`,
        `remove what does not belong in ${posix.join(sealsFolder, subject.digest.hex)} by hand`,
      );
    const verdicts = await checker.verify(seals.files, file, subject);
    for (const [index, { path, bytes }] of seals.files.entries()) {
      const verdict = verdicts[index] ?? null;
      const stays = verdict?.outcome === "verified" || isOutOfReach(verdict, bytes, root, host.variables);
      if (!stays) failed.push(path);
    }
  }
  const current = new Set(lockfiles.map(({ subject }) => subject?.digest.hex));
  const replaced =
    options.lockfile.length === 0 &&
    lockfiles.length > 0 &&
    lockfiles.every(({ judgement }) => judgement.verdicts.some(({ outcome }) => outcome === "verified"));
  const own = new Set(lockfiles.flatMap(({ subject }) => (subject === null ? [] : [subject.path])));
  const old: string[] = [];
  const paths = [...failed];
  for (const hex of replaced ? sealedDigests(home) : []) {
    if (current.has(hex)) continue;
    const { files } = await readSealFiles(home, hex);
    if (isOfAnother(files, own, repositoryRoot(home))) continue;
    old.push(hex);
    paths.push(...files.map(({ path }) => path));
  }
  if (paths.length === 0) {
    host.terminal.err("countersign: every seal is of a current lockfile, and counts\n");
    return 0;
  }
  for (const path of paths) host.terminal.out(`${visible(path)}\n`);
  if (options.dryRun === true) return 0;
  if (options.yes !== true) {
    if (host.terminal.confirm === null)
      throw new CommandError(
        "nothing was removed: there is no terminal to ask on",
        "countersign seal prune --yes",
      );
    if (!(await host.terminal.confirm(`Remove ${count(paths.length, "seal")}?`))) return 2;
  }
  for (const path of paths) await removeSealFile(home, path);
  for (const hex of old) await removeSealFile(home, `${sealsFolder}/${hex}`);
  host.terminal.err(`countersign: removed ${count(paths.length, "seal")}\n`);
  return 0;
}

/** A secret that is not here, or a certificate whose sigstore root is not, says nothing about the seal. */
function isOutOfReach(
  verdict: SealVerdict | null,
  bytes: Uint8Array | null,
  root: TrustRoot,
  variables: Host["variables"],
): boolean {
  const read = bytes === null || verdict?.code !== "seal/key-unknown" ? null : readSealDocument(bytes);
  if (read?.ok !== true) return false;
  const { kind, keyid } = read.value;
  if (kind === "sigstore-certificate") return true;
  return root.signers
    .flatMap(({ keys }) => keys)
    .some(
      (key) =>
        key.algorithm === "hmac-sha256" && key.keyid === keyid && variables[key.variable] === undefined,
    );
}

/** Whether a seal says that it is of another lockfile, which lies in the repository and was not looked at here. */
const isOfAnother = (files: readonly SealFile[], own: ReadonlySet<string>, root: string): boolean =>
  files.some(({ bytes }) => {
    const read = bytes === null ? null : readSealDocument(bytes);
    const statement = read?.ok === true ? decodeSealStatement(read.value.payload) : null;
    if (statement?.ok !== true) return false;
    const { path } = statement.value.subject;
    return !own.has(path) && existsSync(join(root, path));
  });
