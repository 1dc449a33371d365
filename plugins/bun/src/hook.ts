import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parsePurl, toPlainJson, visible } from "@countersign/core";
import { runHook, type HookResult } from "@countersign/gate";

/** What Bun would install, as far as it says: what is locked already, or what a command has just resolved. */
type ScannedPackage = { name: string; version: string; requestedRange: string; tarball: string };
/** Bun stops at `fatal`. It asks at `warn`, and where nobody can answer it stops too: so we never give one. */
type Advisory = { level: "fatal"; package: string; url: null; description: string };

const lockfile = "bun.lock";

/** Bun's security scanner: it decides on bun.lock, and refuses in `strict` what is not locked yet. */
export const scanner: {
  version: "1";
  scan(given: { packages: readonly ScannedPackage[] }): Promise<Advisory[]>;
} = {
  version: "1",
  async scan({ packages }) {
    const directory = process.cwd();
    forgetFromFiles(directory);
    const signal = new AbortController().signal;
    const result = await runHook({ directory, lockfiles: [lockfile], signal });
    if (result.mode === "disabled") return [];
    if (result.mode !== "strict") {
      const undecided = result.verification === null ? [] : unlocked(directory, packages);
      process.stderr.write(result.text + undecided.map((each) => `countersign: ${why(each)}\n`).join(""));
      return [];
    }
    // A lockfile that is refused says it all, and may not be readable.
    const advisories = advisoriesOf(result);
    if (result.exitCode === 0) advisories.push(...unlocked(directory, packages).map(refused));
    if (advisories.length === 0) process.stderr.write(result.text);
    return advisories;
  },
};

/**
 * Bun puts what the project's `.env` files set into our environment. What we obey is the user's to set, so a name that
 * such a file mentions is forgotten; where the user's own variable goes with it, its default is the stricter value.
 */
function forgetFromFiles(directory: string): void {
  const ours = Object.keys(process.env).filter((name) => /^(?:COUNTERSIGN_|XDG_|LOCALAPPDATA$)/i.test(name));
  if (ours.length === 0) return;
  const files = readdirSync(directory).filter((name) => name.toLowerCase().startsWith(".env"));
  const texts = files.map((name) => {
    try {
      return readFileSync(join(directory, name), "utf8");
    } catch {
      return "";
    }
  });
  for (const name of ours) if (texts.some((text) => text.includes(name))) delete process.env[name];
}

/** What bun.lock does not name: it is written when the scan is over. */
function unlocked(directory: string, packages: readonly ScannedPackage[]): ScannedPackage[] {
  const rows = rowsOf(join(directory, lockfile));
  return packages.filter(({ name, version, tarball }) => {
    const addresses = rows.get(`${name}@${version}`);
    // No address: the registry's own, which the gate knows. A version that is an address names it itself.
    return !addresses?.some((address) => address === tarball || address === "" || version.includes(tarball));
  });
}

/** Rows of a bun.lock that the gate has read without complaint: `NAME@VERSION` and the addresses beside it. */
function rowsOf(path: string): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  const plain = existsSync(path) ? toPlainJson(readFileSync(path, "utf8")) : null;
  if (plain === null || !plain.ok) return rows;
  const lock = JSON.parse(plain.text) as { packages?: Readonly<Record<string, readonly unknown[]>> };
  for (const [locked, address] of Object.values(lock.packages ?? {})) {
    if (typeof locked !== "string") continue;
    rows.set(locked, [...(rows.get(locked) ?? []), typeof address === "string" ? address : ""]);
  }
  return rows;
}

const why = ({ name, version }: ScannedPackage): string =>
  `${visible(`${name}@${version}`)} is not in ${lockfile} yet, so it was not verified.`;

const refused = (given: ScannedPackage): Advisory => ({
  level: "fatal",
  package: given.name,
  url: null,
  description: `command/uncovered: ${why(given)}\nfix: Let the wrapper lock it first: countersign bun install, or countersign bun add ${visible(given.name)}.`,
});

/** Every blocking finding, and one line of the whole where none says why. */
function advisoriesOf({ verification, exitCode, text }: HookResult): Advisory[] {
  if (exitCode === 0) return [];
  const findings = verification?.report.findings.filter(({ effect }) => effect === "block") ?? [];
  if (findings.length === 0)
    return [{ level: "fatal", package: lockfile, url: null, description: text.trim() }];
  return findings.map(({ code, purl, at, why: reason, fix }) => {
    const parsed = purl === null ? null : parsePurl(purl);
    const place = at.line > 1 ? `${at.path}:${at.line}` : at.path;
    return {
      level: "fatal",
      package: parsed === null ? at.path : parsed.name,
      url: null,
      description: lines(`${code} (${place}): ${reason}\nfix: ${fix}`),
    };
  });
}

/** Line by line: a fix may be several lines to write. */
const lines = (text: string): string =>
  text
    .split("\n")
    .map((line) => visible(line))
    .join("\n");
