import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { toIntegrity } from "../digest.ts";
import { readPackageLock } from "./package-lock.ts";

/** The part of npm's library that is used here; it ships no types. */
type LoadedNode = {
  isRoot: boolean;
  isLink: boolean;
  location: string;
  name: string;
  packageName: string | null;
  version: string;
  integrity: string | null;
  resolved: string | null;
};
type Library = {
  default: new (options: { path: string }) => {
    loadVirtual(): Promise<{ inventory: Map<string, LoadedNode> }>;
  };
};
const library: string = "@npmcli/arborist";
const { default: Arborist } = (await import(library)) as Library;

const zero = { algorithm: "sha256", hex: "0".repeat(64) } as const;
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

type Row = [name: string, version: string, integrity: string, resolved: string];

/** What npm's own library makes of the file: every package that lies in a node_modules folder, links aside. */
async function oracle(text: string): Promise<Row[]> {
  const path = mkdtempSync(join(tmpdir(), "countersign-oracle-"));
  folders.push(path);
  writeFileSync(join(path, "package-lock.json"), text);
  mkdirSync(join(path, "packages"));
  const tree = await new Arborist({ path }).loadVirtual();
  const rows: Row[] = [];
  for (const node of tree.inventory.values()) {
    if (node.isRoot || node.isLink || !node.location.includes("node_modules/")) continue;
    rows.push([node.packageName ?? node.name, node.version, node.integrity ?? "", node.resolved ?? ""]);
  }
  return sorted(rows);
}

function ours(text: string): Row[] {
  const result = readPackageLock({ path: "package-lock.json", text, digest: zero, budget: defaultBudget });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  const rows = result.value.packages
    .filter(({ source }) => source.kind !== "path" || !source.workspace)
    .map(({ name, version, source, artefacts }): Row => {
      const digest = artefacts[0]?.digest ?? null;
      const git = source.kind === "git" ? `${source.url}#${source.commit}` : "";
      return [name, version, digest === null ? "" : toIntegrity(digest), artefacts[0]?.url ?? git];
    });
  return sorted(rows);
}

/** One row a package: theirs has one for every place. */
const sorted = (rows: Row[]): Row[] =>
  [...new Map(rows.map((row) => [row.join(" "), row])).entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);

const sri = (content: string): string => `sha512-${createHash("sha512").update(content).digest("base64")}`;

const name = fc.constantFrom("leaf", "other", "@acme/leaf", "@acme/top", "JSONStream", "a.b");
const version = fc.constantFrom("1.0.0", "2.0.0-rc.1", "0.0.1");
const entry = fc.record({
  name,
  version,
  kind: fc.constantFrom("plain", "plain", "bare", "git", "url", "alias"),
});
const tree = fc.array(fc.record({ top: entry, nested: fc.array(entry, { maxLength: 3 }) }), { maxLength: 5 });

function entryOf({
  name,
  version,
  kind,
}: {
  name: string;
  version: string;
  kind: string;
}): Record<string, unknown> {
  const integrity = sri(name + version);
  if (kind === "bare") return { version, integrity };
  if (kind === "git") return { version, resolved: `git+ssh://git@git.example/${name}.git#${"a".repeat(40)}` };
  if (kind === "url") return { version, resolved: `https://files.example/${name}.zip`, integrity };
  const registry = `https://npm.example/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
  return { ...(kind === "alias" ? { name } : {}), version, resolved: registry, integrity };
}

describe("readPackageLock against npm's own library", () => {
  it("agrees on name, version, digest and address of generated lockfiles", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.constantFrom(2, 3), async (tops, lockfileVersion) => {
        const packages: Record<string, unknown> = {
          "": { name: "project", version: "1.0.0", workspaces: ["packages/*"] },
        };
        packages["node_modules/ws"] = { resolved: "packages/ws", link: true };
        packages["packages/ws"] = { version: "1.0.0" };
        for (const { top, nested } of tops) {
          const at = `node_modules/${top.kind === "alias" ? `alias-of-${top.name.replace(/\W/g, "")}` : top.name}`;
          packages[at] = entryOf(top);
          for (const inner of nested) {
            if (inner.kind !== "alias") packages[`${at}/node_modules/${inner.name}`] = entryOf(inner);
          }
        }
        const text = JSON.stringify(
          { name: "project", version: "1.0.0", lockfileVersion, requires: true, packages },
          null,
          2,
        );
        expect(ours(text)).toEqual(await oracle(text));
      }),
      { numRuns: 30 },
    );
  });

  it.skipIf(!hasVectors)("agrees on every entry of a large real lockfile", { timeout: 60_000 }, async () => {
    const text = readVector("lockfiles", "large.package-lock.json");
    const rows = ours(text);
    expect(rows.length).toBeGreaterThan(2000);
    expect(rows).toEqual(await oracle(text));
  });
});
