import { join, posix, relative, sep } from "node:path";
import { defaultBudget, isStopping, sealSubject } from "@countersign/core";
import {
  findLockfiles,
  mostSeals,
  readLockfileBytes,
  readSealFiles,
  sealsFolder,
  subjectPath,
  trustHome,
} from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import type { Host } from "./host.ts";
import { MistakesError } from "./mistakes.ts";

/** Paths of the seals over the project's lockfiles as they stand, from the working directory. */
export async function findSealFiles(host: Host, lockfiles: readonly string[]): Promise<string[]> {
  const { directory, lockfiles: found, findings } = await findLockfiles(host.directory, lockfiles);
  const stopping = findings.find(({ code }) => isStopping(code));
  if (stopping !== undefined) throw new MistakesError([stopping]);
  const home = trustHome(directory);
  const contents = await readLockfileBytes(directory, found, defaultBudget);
  const paths: string[] = [];
  for (const { file, bytes } of contents.found) {
    const subject = sealSubject(subjectPath(directory, file.path), bytes);
    if (!subject.ok)
      throw new CommandError(`${file.path} cannot be sealed: ${subject.detail}`, "regenerate it");
    const { hex } = subject.subject.digest;
    const seals = await readSealFiles(home, hex);
    if (seals.many !== null)
      throw new CommandError(
        `${file.path} has ${seals.many} seals; at most ${mostSeals} are read`,
        `remove what does not belong in ${posix.join(sealsFolder, hex)}`,
      );
    paths.push(
      ...seals.files.map(({ path }) => relative(host.directory, join(home, path)).split(sep).join("/")),
    );
  }
  return paths;
}
