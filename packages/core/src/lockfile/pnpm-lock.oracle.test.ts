import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvLockfile, readWantedLockfile } from "@pnpm/lockfile.fs";
import { nameVerFromPkgSnapshot } from "@pnpm/lockfile.utils";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIntegrity } from "../digest.ts";
import { fuzzRuns, integrityOf, readText } from "../../test/read-text.ts";
import { hasVectors, readVector } from "../../test/vectors.ts";
import type { PackageSet } from "./package-set.ts";
import { packageKeyOf } from "./pnpm-path.ts";

/** One comparable line a package: name, version, digest, source. */
type Row = string;
type Snapshots = Record<string, { resolution?: unknown; version?: string }>;

const row = (name: string, version: string, digest: string, source: string): Row =>
  [name, version, digest, source].join(" | ");

async function theirs(text: string): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-"));
  try {
    writeFileSync(join(folder, "pnpm-lock.yaml"), text);
    const wanted = await readWantedLockfile(folder, { ignoreIncompatible: false, wantedVersions: ["9.0"] });
    const environment = await readEnvLockfile(folder);
    const rows = new Map<string, Row>();
    for (const [key, snapshot] of Object.entries((wanted?.packages ?? {}) as Snapshots))
      rows.set(packageKeyOf(key).key, theirRow(key, snapshot));
    for (const [key, pkg] of Object.entries((environment?.packages ?? {}) as Snapshots))
      rows.set(key, theirRow(key, pkg));
    return [...rows.values()].toSorted();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function theirRow(key: string, snapshot: Snapshots[string]): Row {
  const { name, version } = nameVerFromPkgSnapshot(key as never, snapshot as never);
  const resolution = snapshot.resolution as Record<string, string | undefined>;
  const parsed = parseIntegrity(resolution["integrity"] ?? "");
  const digest = parsed.ok ? parsed.digest.hex : "";
  const source =
    resolution["type"] === "directory"
      ? `path ${resolution["directory"]}`
      : resolution["type"] === "git"
        ? `git ${resolution["repo"]} ${resolution["commit"]}`
        : `tarball ${resolution["tarball"] ?? ""}`;
  return row(name ?? "", version ?? "", digest, source);
}

function ours(set: PackageSet): Row[] {
  return set.packages
    .filter(({ source, name }) => !(source.kind === "path" && source.path === name))
    .map(({ name, version, source, artefacts: [artefact] }) => {
      const from =
        source.kind === "path" && artefact === undefined
          ? `path ${source.path}`
          : source.kind === "git"
            ? `git ${source.url} ${source.commit}`
            : `tarball ${artefact?.url ?? ""}`;
      return row(name, version, artefact?.digest?.hex ?? "", from);
    })
    .toSorted();
}

describe.skipIf(!hasVectors)("readPnpmLock against @pnpm/lockfile.fs, real lockfiles", () => {
  it.each([
    ["vite.pnpm-lock.yaml", 1405],
    ["astro.pnpm-lock.yaml", 2170],
  ])("agrees on name, version, digest and source of every entry of %s", async (file, atLeast) => {
    const text = readVector("lockfiles", file);
    const { set, codes } = await readText("pnpm-lock", text);
    if (set === null) throw new Error(codes.join());
    expect(ours(set)).toEqual(await theirs(text));
    expect(ours(set).length).toBeGreaterThanOrEqual(atLeast - 20);
    expect(new Set(codes)).toEqual(new Set(["lockfile/alias"]));
  });
});

describe("readPnpmLock against @pnpm/lockfile.fs, generated lockfiles", () => {
  const name = fc.stringMatching(/^(?:@[a-z]{1,3}\/)?[a-z][a-z0-9-]{0,4}$/);
  const version = fc.stringMatching(/^[0-9]\.[0-9]\.[0-9](?:-[a-z]\.[0-9])?$/);
  const hash = fc.stringMatching(/^[a-f][0-9a-f]{39}$/);
  const entry = fc.oneof(
    fc.tuple(name, version).map(([n, v]) => ({
      key: `${n}@${v}`,
      resolution: `{integrity: ${integrityOf(n + v)}}`,
      peers: false,
    })),
    fc
      .tuple(name, version)
      .map(([n, v]) => ({ key: `${n}@${v}`, resolution: `{integrity: ${integrityOf(n)}}`, peers: true })),
    fc.tuple(name, hash).map(([n, h]) => {
      const key = `${n}@git+https://git.example/${h.slice(0, 3)}.git#${h}`;
      return {
        key,
        resolution: `{commit: ${h}, repo: https://git.example/${h.slice(0, 3)}.git, type: git}`,
        peers: false,
      };
    }),
    fc.tuple(name, hash).map(([n, h]) => {
      const url = `https://files.example/${h}.tgz`;
      return {
        key: `${n}@${url}`,
        resolution: `{integrity: ${integrityOf(h)}, tarball: ${url}}`,
        peers: false,
      };
    }),
    name.map((n) => ({
      key: `${n}@file:lib/${n}-dir`,
      resolution: `{directory: lib/${n}-dir, type: directory}`,
      peers: false,
    })),
  );

  it("agrees on every entry", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 12 }),
        async (entries) => {
          const packages = entries.map(
            ({ key, resolution }) => `  '${key}':\n    resolution: ${resolution}\n`,
          );
          const snapshots = entries.map(({ key, peers }) =>
            peers ? `  '${key}(a@1.0.0)': {}\n  '${key}(a@2.0.0(b@1.0.0))': {}\n` : `  '${key}': {}\n`,
          );
          const text = `lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n\npackages:\n\n${packages.join("")}\nsnapshots:\n\n${snapshots.join("")}`;
          const { set, codes } = await readText(
            "pnpm-lock",
            entries.length === 0 ? "lockfileVersion: '9.0'\nimporters:\n  .: {}\n" : text,
          );
          expect(codes).toEqual([]);
          expect(set === null ? null : ours(set)).toEqual(entries.length === 0 ? [] : await theirs(text));
        },
      ),
      { numRuns: Math.min(fuzzRuns, 100) },
    );
  });
});
