import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import {
  decodeSealStatement,
  isStopping,
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
import { MistakesError } from "../mistakes.ts";
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
  const stopping = findings.filter(({ code }) => isStopping(code));
  if (stopping.length > 0) throw new MistakesError(stopping);
  if (root === null) {
    const { why, fix } = findings.find(({ effect }) => effect === "block") ?? {
      why: "there is no trust store",
      fix: "countersign trust init",
    };
    throw new CommandError(`which seals count cannot be told: ${why}`, fix);
  }
  const failed: string[] = [];
  const kept = new KeptSeals();
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
      if (verdict?.outcome === "verified") kept.add("counts", 1);
      else if (isOutOfReach(verdict, bytes, root, host.variables))
        kept.add(`that cannot be checked here: ${verdict?.detail ?? "it failed"}`, 1);
      else failed.push(path);
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
  const unreplaced =
    options.lockfile.length > 0
      ? "of other bytes, since --lockfile names only some lockfiles"
      : "of other bytes, until every lockfile as it stands has a seal that counts";
  for (const hex of sealedDigests(home)) {
    if (current.has(hex)) continue;
    const { files, many } = await readSealFiles(home, hex);
    if (isOfAnother(files, own, repositoryRoot(home))) {
      kept.add("of other lockfiles of the repository", files.length);
    } else if (replaced) {
      old.push(hex);
      paths.push(...files.map(({ path }) => path));
    } else kept.add(unreplaced, many ?? files.length);
  }
  if (paths.length === 0) {
    host.terminal.err(
      kept.isEmpty
        ? "countersign: there are no seals\n"
        : `countersign: no seal is to be removed\n${kept.text()}`,
    );
    return 0;
  }
  for (const path of paths) host.terminal.out(`${visible(path)}\n`);
  if (options.dryRun === true) {
    host.terminal.err(kept.text());
    return 0;
  }
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
  host.terminal.err(`countersign: removed ${count(paths.length, "seal")}\n${kept.text()}`);
  return 0;
}

/** How many seals stay, by why. */
class KeptSeals {
  readonly #counts = new Map<string, number>();

  add(why: string, seals: number): void {
    if (seals > 0) this.#counts.set(why, (this.#counts.get(why) ?? 0) + seals);
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  text(): string {
    return [...this.#counts]
      .map(([why, seals]) => `  kept: ${count(seals, "seal")} ${visible(this.#reason(why, seals))}\n`)
      .join("");
  }

  #reason(why: string, seals: number): string {
    if (why !== "counts") return why;
    return seals === 1 ? "that counts" : "that count";
  }
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
