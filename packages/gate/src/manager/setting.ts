import { startOf, type Ecosystem, type Finding, type Position } from "@countersign/core";
import { hostAndPath } from "../registry/address.ts";

/** Where a key stands in a configuration file, by a plain search of its lines; the file's start if it does not. */
export function positionOf(path: string, text: string, key: string): Position {
  const offset = text.indexOf(key);
  if (offset === -1) return startOf(path);
  const before = text.slice(0, offset);
  return { path, line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

export const inEnvironment: Position = startOf("environment");

/** A setting that turns one of the manager's own integrity checks off. */
export const weakens = (at: Position, setting: string, effect: string, fix: string): Finding => ({
  code: "settings/weakens",
  effect: "block",
  at,
  why: `${setting}: ${effect}`,
  fix,
});

export type Attached = {
  at: Position;
  /** Normalised address that it would be sent to. */
  address: string;
  /** Name of the variable; null for a value that stands in the file. */
  variable: string | null;
  ecosystem: Ecosystem;
};

const whatOf = ({ variable }: Attached): string => (variable === null ? "a credential" : `\${${variable}}`);

/** A project's file that would send a credential of the user's to a host that nothing trusted names. */
export const foreignCredential = (attached: Attached): Finding => ({
  code: "settings/credential-foreign",
  effect: "block",
  at: attached.at,
  why: `A file of the project sends ${whatOf(attached)} to ${hostAndPath(attached.address)}, which neither your own configuration nor the policy names: whoever changes this file chooses who gets it. It was not sent.`,
  fix: `If the host is yours, name it in the policy: registries: [{ url: "${attached.address}", ecosystem: ${attached.ecosystem} }]`,
});

/** The same where no policy says which hosts are trusted: done as the manager would, and said. */
export const unguardedCredential = (attached: Attached): Finding => ({
  code: "settings/credential-unguarded",
  effect: "note",
  at: attached.at,
  why: `A file of the project sends ${whatOf(attached)} to ${hostAndPath(attached.address)}. There is no policy, so it was sent, as the package manager does.`,
  fix: `Name the hosts that are yours in a policy: registries: [{ url: "${attached.address}", ecosystem: ${attached.ecosystem} }]`,
});

/** A project's file that would put somebody between us and the registries. */
export const foreignNetwork = (at: Position, setting: string, used: boolean): Finding => ({
  code: "settings/weakens",
  effect: used ? "note" : "block",
  at,
  why: `${setting} in a file of the project: whoever changes it can read and answer your requests, credentials included. ${used ? "There is no policy, so it was used, as the package manager does." : "It was not used."}`,
  fix: `Move ${setting} to your own configuration or the environment.`,
});

/** A registry's address that nothing may be asked at. */
export const unusableRegistry = (at: Position, setting: string, value: string): Finding =>
  value.startsWith("http://")
    ? weakens(
        at,
        setting,
        "packages come over plain http, and anybody on the way can answer for the registry.",
        `Write ${setting} with https.`,
      )
    : {
        code: "settings/malformed",
        effect: "block",
        at,
        why: `${setting} is no web address, holds a variable that is not set, or a user name: nobody can say which registry is meant.`,
        fix: `Write ${setting} as https://HOST/PATH/, and credentials apart from it.`,
      };

export const unreadable = (path: string, detail: string): Finding => ({
  code: "settings/malformed",
  effect: "block",
  at: startOf(path),
  why: `The manager's configuration cannot be read: ${detail}.`,
  fix: `Correct ${path}.`,
});

export const notRead = (path: string, what: string): Finding => ({
  code: "settings/unread",
  effect: "note",
  at: startOf(path),
  why: `${what} is not read; the package manager reads it.`,
  fix: "Move what it sets to a file that docs/managers/README.md lists.",
});
