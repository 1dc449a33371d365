import { formatInstant, shellWord, startOf, type Finding } from "@countersign/core";
import { isRepository } from "../project/repository.ts";
import { rootName, trustFolder } from "./root-folder.ts";

/** What a person can go back to when the store here is not the one that is known. */
export type WayBack = {
  /** A commit that is trusted to have it; null without git. */
  commit: string | null;
  /** The folder of what this machine remembers, where that is what says so. */
  memory: string | null;
};

/** The commit whose store is the known one: the base that was named, or what a clone usually calls it. */
export function trustedCommit(directory: string, base: string | null): string | null {
  return base ?? (isRepository(directory) ? "origin/main" : null);
}

const rootAt = (version: number): string => `${trustFolder}/${rootName(version)}`;
const atRoot = (version: number): Finding["at"] => startOf(rootAt(version));

const takeBack = (path: string, commit: string | null): string =>
  commit === null
    ? `Take ${path} from a copy of the project that you trust.`
    : `Take ${path} from the trusted branch, such as: git checkout ${shellWord(commit)} -- ${path}`;

const forget = (memory: string | null, when: string): string[] =>
  memory === null ? [] : [`If ${when} and you have compared fingerprints: rm -r ${shellWord(memory)}`];

export const rolledBack = (
  seen: number,
  here: number,
  { commit, memory }: WayBack,
  what: string,
): Finding => ({
  code: "trust/rollback",
  effect: "block",
  at: atRoot(Math.max(here, 1)),
  why: `The trust store ends at version ${here}, and ${what} version ${seen}: an older one may trust a key that is revoked since.`,
  fix: [
    takeBack(trustFolder, commit),
    ...(memory === null || commit === null
      ? []
      : [
          `If version ${seen} is on a branch that is not merged yet, be on that one: git log --all --source --oneline -- ${rootAt(seen)} names it`,
        ]),
    ...forget(memory, `the store was begun anew, or version ${seen} was given up,`),
  ].join("\n"),
});

export const otherThanSeen = (version: number, { commit, memory }: WayBack, what: string): Finding => ({
  code: "trust/forked",
  effect: "block",
  at: atRoot(version),
  why: `Version ${version} of the trust store is another one than ${what}.`,
  fix: [takeBack(trustFolder, commit), ...forget(memory, "the store was begun anew")].join("\n"),
});

export const forked = (path: string, version: number, { commit, memory }: WayBack): Finding => ({
  code: "trust/forked",
  effect: "block",
  at: startOf(path),
  why: `This is another version ${version} of the trust store than the one that is trusted: the change brings its own signers.`,
  fix: [takeBack(path, commit), ...forget(memory, "the store was begun anew")].join("\n"),
});

export const withoutFirst = (path: string, { commit }: WayBack): Finding => ({
  code: "trust/version-gap",
  effect: "block",
  at: startOf(path),
  why: "Version 1 of the trust store is missing: whoever puts another one there begins the chain.",
  fix: takeBack(path, commit),
});

export const unreadableMemory = (path: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "block",
  at: startOf(path),
  why: `What this machine remembers of the trust store cannot be read, so a rollback would not show: ${detail}.`,
  fix: `Compare the fingerprint that countersign trust list shows with a colleague's, then: rm -r ${shellWord(path)}\nand run once with --trust-root ${rootAt(1)}`,
});

export const notRemembered = (path: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "note",
  at: startOf(path),
  why: `This version of the trust store could not be remembered, so a later rollback would not show here: ${detail}.`,
  fix: `Make ${path} writable.`,
});

export const expired = (version: number, at: number): Finding => ({
  code: "trust/expired",
  effect: "block",
  at: atRoot(version),
  why: `Version ${version} of the trust store expired on ${formatInstant(at)}: whoever withholds a newer one can keep a revoked key alive.`,
  fix: "countersign trust rotate --key FILE renews it",
});

export const overManaged = (trustRoot: string): Finding => ({
  code: "policy/loosens",
  effect: "block",
  at: startOf(trustRoot),
  why: "A managed policy pins the trust store, and --trust-root names another one.",
  fix: "Leave --trust-root out; put roots into the folder trust beside the managed policy.",
});

/** A store that was begun and has never counted: there is nothing yet that could be pinned. */
export const unfinished = (detail: string): Finding => ({
  code: "trust/threshold",
  effect: "block",
  at: atRoot(1),
  why: `The project's trust store waits for signatures, so nothing says whose seals count: ${detail}.`,
  fix: "countersign trust sign --key FILE",
});

export function unpinned(first: number, directory: string, base: string | null): Finding {
  const commit = trustedCommit(directory, null);
  const byBase =
    base === null
      ? commit === null
        ? []
        : [`--base trusts the store of a commit: countersign trust list --base ${commit}`]
      : [`${base} has no trust store: merge it first`];
  return {
    code: "trust/unpinned",
    effect: "block",
    at: atRoot(first),
    why: "The project has a trust store, and nothing outside of the checked change says that it is the right one: a change could bring its own signers.",
    fix: [
      ...byBase,
      `${byBase.length === 0 ? "Compare" : "Or compare"} the fingerprint that countersign trust list shows with a colleague's, then: countersign trust list --trust-root ${rootAt(first)}`,
    ].join("\n"),
  };
}
