import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasManager, programOf } from "@countersign/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasVectors, readVectorBytes, vectorsPath } from "../../test/vectors.ts";
import { formatDigest } from "../digest.ts";
import type { LockFormat, LockedPackage } from "./package-set.ts";
import { readLockfile } from "./read-lockfile.ts";

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;
const uv = programOf("uv-0", "uv") as string;
const hasUv = hasManager("uv-0");
const hasTomllib = works("python3", "-c", "import tomllib");
const vector = "attest-action.uv.lock";

const packagesOf = async (format: LockFormat, bytes: Uint8Array): Promise<readonly LockedPackage[]> => {
  const result = await readLockfile(format, "lock", bytes);
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  expect(result.value.problems).toEqual([]);
  return result.value.packages;
};
const hashesOf = (packages: readonly LockedPackage[]): Record<string, string[]> =>
  Object.fromEntries(
    packages.map((pkg) => [
      pkg.purl,
      pkg.artefacts.map(({ digest }) => (digest === null ? "none" : formatDigest(digest))).toSorted(),
    ]),
  );

describe.skipIf(!hasVectors || !hasTomllib)("uv.lock against Python's tomllib", () => {
  it("name, version, address and hash of every file agree", async () => {
    const script = [
      "import json, sys, tomllib",
      "rows = []",
      "for p in tomllib.load(open(sys.argv[1], 'rb'))['package']:",
      "    files = ([p['sdist']] if 'sdist' in p else []) + p.get('wheels', [])",
      "    source = p['source'].get('registry')",
      "    rows.append([p['name'], p.get('version', ''), source, [[f['url'], f['hash']] for f in files]])",
      "json.dump(rows, sys.stdout)",
    ].join("\n");
    const run = spawnSync("python3", ["-c", script, vectorsPath("lockfiles", vector)], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const ours = (await packagesOf("uv-lock", readVectorBytes("lockfiles", vector))).map(
      ({ name, version, source, artefacts }) => [
        name,
        version,
        source.kind === "registry" ? source.registry : null,
        artefacts.map(({ url, digest }) => [url, digest === null ? null : formatDigest(digest)]),
      ],
    );
    expect(ours).toEqual(JSON.parse(run.stdout));
  });
});

describe.skipIf(!hasVectors || !hasUv)("uv.lock against uv export", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "countersign-uv-"));
    copyFileSync(vectorsPath("lockfiles", vector), join(directory, "uv.lock"));
    copyFileSync(vectorsPath("lockfiles", "attest-action.pyproject.toml"), join(directory, "pyproject.toml"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([
    ["pylock.toml", "pylock"],
    ["requirements.txt", "requirements"],
  ] as const)("the export as %s names the same packages and hashes", async (format, reader) => {
    const args = [
      "export",
      "--frozen",
      "--offline",
      "--no-config",
      "--no-python-downloads",
      "--all-groups",
      "--no-emit-project",
      "--quiet",
    ];
    const run = spawnSync(uv, [...args, "--format", format, "--output-file", format], {
      cwd: directory,
      encoding: "utf8",
    });
    expect(run.status, run.stderr).toBe(0);
    const exported = hashesOf(await packagesOf(reader, readFileSync(join(directory, format))));
    const locked = hashesOf(
      (await packagesOf("uv-lock", readVectorBytes("lockfiles", vector))).filter(
        ({ source }) => source.kind === "registry",
      ),
    );
    expect(exported).toEqual(locked);
  });

  it("the export's edges between locked packages are those of the lock", async () => {
    const args = [
      "export",
      "--frozen",
      "--offline",
      "--no-config",
      "--no-python-downloads",
      "--all-groups",
      "--no-emit-project",
      "--quiet",
    ];
    const run = spawnSync(uv, [...args, "--format", "requirements.txt"], {
      cwd: directory,
      encoding: "utf8",
    });
    const theirs = new Set<string>();
    let target = "";
    for (const line of run.stdout.split("\n")) {
      target = /^([a-z0-9-]+)==/.exec(line)?.[1] ?? target;
      const via = /^ +# +(?:via )?([a-z0-9-]+)$/.exec(line)?.[1];
      if (via !== undefined && via !== "via" && via !== "attest-action") theirs.add(`${via} ${target}`);
    }
    const packages = await packagesOf("uv-lock", readVectorBytes("lockfiles", vector));
    // Of a project that is not exported, uv names only some edges.
    const ours = packages.flatMap(({ name, source, requires }) =>
      source.kind === "registry" ? requires.map(({ as }) => `${name} ${as}`) : [],
    );
    expect(theirs.size).toBeGreaterThan(40);
    expect(ours.toSorted()).toEqual([...theirs].toSorted());
  });
});
