import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fuzzRuns, integrityOf, packageOf, placeOf, readText, sha512Of } from "../../test/read-text.ts";
import { hasVectors, readVector } from "../../test/vectors.ts";

const good = integrityOf("good");

/** A project that requires `leaf`, which requires `deep` (a peer variant of it). */
const base = `lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      leaf:
        specifier: ^1.0.0
        version: 1.0.0
      pkg-a:
        specifier: workspace:*
        version: link:packages/a

  packages/a:
    dependencies:
      other:
        specifier: npm:@scope/deep@^2.0.0
        version: '@scope/deep@2.0.0(leaf@1.0.0)'

packages:

  '@scope/deep@2.0.0':
    resolution: {integrity: ${integrityOf("deep")}}
    os: [linux]
    cpu: [x64]
    libc: glibc
    peerDependencies:
      leaf: '*'

  leaf@1.0.0:
    resolution: {integrity: ${good}}
    engines: {node: '>=18'}
    deprecated: no longer kept

snapshots:

  '@scope/deep@2.0.0(leaf@1.0.0)':
    dependencies:
      leaf: 1.0.0
    optional: true

  leaf@1.0.0: {}
`;

const change = (from: string, to: string): string => {
  if (!base.includes(from)) throw new Error(`no ${from}`);
  return base.replace(from, to);
};
/** The lock with another entry in the place of \`leaf\`. */
const leaf = (key: string, entry: string): string =>
  base
    .replace("version: 1.0.0\n", `version: ${key.slice("leaf@".length)}\n`)
    .replaceAll(
      "'@scope/deep@2.0.0(leaf@1.0.0)':\n    dependencies:\n      leaf: 1.0.0\n",
      "'@scope/deep@2.0.0(leaf@1.0.0)':\n",
    )
    .replace(/ {2}leaf@1\.0\.0:\n {4}resolution: .*\n/, `  ${key}:\n    ${entry}\n`)
    .replace("leaf@1.0.0: {}", `${key}: {}`);
const read = (text: string, budget = {}) => readText("pnpm-lock", text, budget);
const codes = async (text: string) => (await read(text)).codes;

describe("readPnpmLock, 9.0", () => {
  it("reads name, version, digest, source, edges, markers and places", async () => {
    const outcome = await read(base);
    expect(outcome.set?.lockfile).toMatchObject({ format: "pnpm-lock", formatVersion: "9.0" });
    const deep = packageOf(outcome, "pkg:npm/%40scope/deep@2.0.0");
    expect(deep).toMatchObject({
      name: "@scope/deep",
      version: "2.0.0",
      source: { kind: "registry", ecosystem: "npm", registry: null },
      aliases: ["other"],
      requires: [{ as: "leaf", purl: "pkg:npm/leaf@1.0.0" }],
      markers: { optional: true, os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
      at: placeOf(base, "'@scope/deep@2.0.0':"),
    });
    expect(deep.artefacts).toEqual([
      {
        form: "tarball",
        file: null,
        url: null,
        digest: { algorithm: "sha512", hex: sha512Of("deep") },
        at: placeOf(base, integrityOf("deep")),
      },
    ]);
    expect(packageOf(outcome, "pkg:npm/.")).toMatchObject({
      source: { kind: "path", path: ".", workspace: true },
      requires: [
        { as: "leaf", purl: "pkg:npm/leaf@1.0.0" },
        { as: "pkg-a", purl: "pkg:npm/packages/a" },
      ],
    });
    expect(outcome.set?.packages).toHaveLength(4);
    expect(outcome.codes).toEqual(["lockfile/alias"]);
  });

  it("reads CRLF like LF, with the same places", async () => {
    const [unix, windows] = [await read(base), await read(base.replaceAll("\n", "\r\n"))];
    expect(windows.set?.packages).toEqual(unix.set?.packages);
    expect(windows.set?.setDigest).toEqual(unix.set?.setDigest);
  });

  it.each([
    ["several digests", `${good} ${integrityOf("evil")}`, "artefact/digest-several"],
    ["only a weak digest", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "artefact/digest-weak"],
    ["a digest that is none", "sha512-AAAA", "artefact/digest-malformed"],
  ])("finds %s, at the digest", async (_, integrity, code) => {
    const text = change(good, `'${integrity}'`);
    const outcome = await read(text);
    expect(outcome.findings.filter((finding) => finding.effect === "block")).toMatchObject([
      { code, at: placeOf(text, `'${integrity}'`), purl: "pkg:npm/leaf@1.0.0" },
    ]);
    expect(packageOf(outcome, "pkg:npm/leaf@1.0.0").artefacts[0]?.digest).toBeNull();
  });

  it("finds a digest that was removed, at the entry", async () => {
    for (const resolution of [
      "resolution: {}",
      "resolution: {tarball: https://npm.acme.example/leaf/-/leaf-1.0.0.tgz}",
    ]) {
      const text = change(`resolution: {integrity: ${good}}`, resolution);
      expect((await read(text)).findings).toContainEqual(
        expect.objectContaining({
          code: "artefact/digest-missing",
          at: placeOf(text, "leaf@1.0.0:\n    res"),
        }),
      );
    }
    expect(await codes(change(`    resolution: {integrity: ${good}}\n`, ""))).toContain(
      "artefact/digest-missing",
    );
  });

  it.each([
    ["another package", "https://npm.acme.example/evil/-/evil-1.0.0.tgz"],
    ["another version", "https://npm.acme.example/leaf/-/leaf-6.6.6.tgz"],
    [
      "another package by dot segments",
      "https://npm.acme.example/leaf/-/leaf-1.0.0.tgz/../../../evil/-/evil-1.0.0.tgz",
    ],
    ["another host by a relative address", "//evil.example/leaf/-/leaf-1.0.0.tgz"],
    ["a file", "file:evil.tgz"],
    ["an address with credentials", "https://npm.acme.example@evil.example/leaf/-/leaf-1.0.0.tgz"],
  ])("finds a tarball of %s", async (_, tarball) => {
    const text = change(`{integrity: ${good}}`, `{integrity: ${good}, tarball: '${tarball}'}`);
    const outcome = await read(text);
    expect(outcome.findings).toContainEqual(
      expect.objectContaining({ code: "lockfile/resolved-mismatch", at: placeOf(text, `'${tarball}'`) }),
    );
    expect(packageOf(outcome, "pkg:npm/leaf@1.0.0").source).toEqual({ kind: "url", url: tarball });
  });

  it("names the registry that a tarball's address tells, so that another host is another source", async () => {
    const url = "https://evil.example/npm/leaf/-/leaf-1.0.0.tgz";
    const outcome = await read(change(`{integrity: ${good}}`, `{integrity: ${good}, tarball: ${url}}`));
    const { source, artefacts } = packageOf(outcome, "pkg:npm/leaf@1.0.0");
    expect(source).toEqual({ kind: "registry", ecosystem: "npm", registry: "https://evil.example/npm/" });
    expect(artefacts[0]?.url).toBe(url);
  });

  it("takes an address of no registry's shape for a direct address", async () => {
    const url = "https://evil.example/download/leaf";
    const outcome = await read(change(`{integrity: ${good}}`, `{integrity: ${good}, tarball: ${url}}`));
    expect(packageOf(outcome, "pkg:npm/leaf@1.0.0").source).toEqual({ kind: "url", url });
  });

  it("finds an entry whose own version or name is not its key's: pnpm fetches that one", async () => {
    const version = change("    engines: {node: '>=18'}", "    version: 6.6.6");
    expect(await codes(version)).toContain("lockfile/resolved-mismatch");
    expect(await codes(change("    engines: {node: '>=18'}", "    name: evil"))).toContain(
      "lockfile/resolved-mismatch",
    );
    expect(await codes(change("    engines: {node: '>=18'}", "    version: 1.0.0"))).toEqual([
      "lockfile/alias",
    ]);
  });

  it("finds a registry's key that is fetched from a repository or folder", async () => {
    const commit = "a".repeat(40);
    const git = change(
      `{integrity: ${good}}`,
      `{type: git, repo: https://git.example/evil, commit: ${commit}}`,
    );
    expect(await codes(git)).toContain("lockfile/resolved-mismatch");
    expect(await codes(change(`{integrity: ${good}}`, "{type: directory, directory: evil}"))).toContain(
      "lockfile/resolved-mismatch",
    );
  });

  it("reports a direct alias, which pnpm installs without a word", async () => {
    const outcome = await read(change("version: 1.0.0\n", "version: '@scope/deep@2.0.0(leaf@1.0.0)'\n"));
    expect(packageOf(outcome, "pkg:npm/%40scope/deep@2.0.0").aliases).toEqual(["leaf", "other"]);
    expect(outcome.codes).toEqual(["lockfile/alias", "lockfile/alias"]);
    expect(outcome.set?.setDigest).not.toEqual((await read(base)).set?.setDigest);
  });

  it("tells an invented edge by the set's digest", async () => {
    const outcome = await read(
      change("leaf@1.0.0: {}", "leaf@1.0.0:\n    dependencies:\n      evil: '@scope/deep@2.0.0(leaf@1.0.0)'"),
    );
    expect(packageOf(outcome, "pkg:npm/leaf@1.0.0").requires).toEqual([
      { as: "evil", purl: "pkg:npm/%40scope/deep@2.0.0" },
    ]);
    expect(outcome.set?.setDigest).not.toEqual((await read(base)).set?.setDigest);
  });

  it("finds a link outside the declared projects", async () => {
    const inside = await read(change("link:packages/a", "link:evil"));
    expect(inside.codes).toContain("lockfile/link-outside");
    expect(packageOf(inside, "pkg:npm/evil").source).toEqual({
      kind: "path",
      path: "evil",
      workspace: false,
    });
    expect(await codes(change("link:packages/a", "link:../evil"))).toContain("lockfile/link-outside");
    expect(await codes(change("link:packages/a", "link:packages/a/../../packages/b"))).toContain(
      "lockfile/link-outside",
    );
    const outside = change("link:packages/a", "link:../evil").replace("  packages/a:", "  ../evil:");
    expect(await codes(outside)).toContain("lockfile/link-outside");
    expect(
      await codes(leaf("leaf@file:../evil", "resolution: {type: directory, directory: ../evil}")),
    ).toContain("lockfile/link-outside");
  });

  it("D9: reads every snapshot variant as one package", async () => {
    const outcome = await read(`${base}\n  '@scope/deep@2.0.0': {}\n`);
    const deep = packageOf(outcome, "pkg:npm/%40scope/deep@2.0.0");
    expect(deep.requires).toEqual([{ as: "leaf", purl: "pkg:npm/leaf@1.0.0" }]);
    expect(deep.markers.optional).toBe(false);
  });

  it.each([
    ["a snapshot without a package", `${base}\n  evil@1.0.0: {}\n`],
    ["an edge to what is not locked", change("leaf: 1.0.0\n    optional", "leaf: 2.0.0\n    optional")],
    ["a project's dependency that is not locked", change("version: 1.0.0\n", "version: 3.0.0\n")],
    [
      "a key without a version",
      leaf("leaf@", `resolution: {integrity: ${good}}`).replaceAll("leaf@:", "leaf:"),
    ],
    [
      "a fetcher of its own",
      change(`{integrity: ${good}}`, "{type: 'custom:cdn', cdnUrl: https://evil.example}"),
    ],
    [
      "a branch for a commit",
      leaf(
        "leaf@git+https://git.example/l#main",
        "resolution: {type: git, repo: https://git.example/l, commit: main}",
      ),
    ],
    ["a dependency without a version", change("        version: 1.0.0\n", "")],
  ])("refuses %s", async (_, text) => {
    const outcome = await read(text);
    expect(outcome.set).toBeNull();
    expect(outcome.codes).toContain("lockfile/entry-malformed");
  });

  it("finds a package that no snapshot installs, and a patch that nothing declares", async () => {
    expect(
      await codes(
        change("packages:\n", `packages:\n\n  extra@1.0.0:\n    resolution: {integrity: ${good}}\n`),
      ),
    ).toContain("lockfile/entry-malformed");
    const patched = base
      .replaceAll("leaf@1.0.0: {}", `leaf@1.0.0(patch_hash=${"a".repeat(64)}): {}`)
      .replace("version: 1.0.0\n", `version: 1.0.0(patch_hash=${"a".repeat(64)})\n`)
      .replace("      leaf: 1.0.0\n", `      leaf: 1.0.0(patch_hash=${"a".repeat(64)})\n`);
    expect(await codes(patched)).toContain("lockfile/entry-malformed");
    const declared = patched.replace(
      "importers:",
      `patchedDependencies:\n  leaf@1.0.0:\n    hash: ${"a".repeat(64)}\n    path: p.patch\n\nimporters:`,
    );
    expect(await codes(declared)).toEqual(["lockfile/alias"]);
  });

  it("reads tarballs, repositories, folders and runtimes", async () => {
    const url = "https://files.example/leaf.tgz";
    const tarball = await read(
      leaf(`leaf@${url}`, `resolution: {integrity: ${good}, tarball: ${url}}\n    version: 1.2.3`),
    );
    expect(packageOf(tarball, "pkg:npm/leaf@1.2.3").source).toEqual({ kind: "url", url });
    const commit = "abcdef0123".repeat(4);
    const git = await read(
      leaf(
        `leaf@git+https://git.example/l.git#${commit}`,
        `resolution: {type: git, repo: https://git.example/l.git, commit: ${commit}}`,
      ),
    );
    expect(packageOf(git, "pkg:npm/leaf")).toMatchObject({
      source: { kind: "git", url: "https://git.example/l.git", commit },
      artefacts: [],
    });
    const folder = await read(leaf("leaf@file:lib", "resolution: {directory: lib, type: directory}"));
    expect(packageOf(folder, "pkg:npm/leaf").source).toEqual({
      kind: "path",
      path: "lib",
      workspace: false,
    });
    const file = await read(
      leaf("leaf@file:leaf.tgz", `resolution: {integrity: ${good}, tarball: file:leaf.tgz}`),
    );
    expect(packageOf(file, "pkg:npm/leaf").artefacts).toMatchObject([
      { form: "tarball", digest: { algorithm: "sha512" } },
    ]);
    const variant = (os: string): string =>
      `{resolution: {type: binary, archive: tarball, bin: bin/node, url: https://files.example/${os}.tgz, integrity: ${integrityOf(os)}}, targets: [{os: ${os}, cpu: x64}]}`;
    const runtime = await read(
      leaf(
        "leaf@runtime:24.6.0",
        `resolution: {type: variations, variants: [${variant("linux")}, ${variant("darwin")}]}\n    version: 24.6.0`,
      ),
    );
    expect(packageOf(runtime, "pkg:npm/leaf@24.6.0")).toMatchObject({
      artefacts: [{ digest: { hex: sha512Of("linux") } }, { digest: { hex: sha512Of("darwin") } }],
      markers: { os: ["linux", "darwin"], cpu: ["x64"] },
    });
    const named = await read(leaf("leaf@work:1.0.0", `resolution: {integrity: ${good}}`));
    expect(packageOf(named, "pkg:npm/leaf@1.0.0").source).toMatchObject({
      kind: "registry",
      registry: "work:",
    });
  });

  it("finds a tarball address, commit or folder that its key does not name", async () => {
    const url = "https://files.example/leaf.tgz";
    const other = leaf(
      `leaf@${url}`,
      `resolution: {integrity: ${good}, tarball: https://evil.example/leaf.tgz}`,
    );
    expect(await codes(other)).toContain("lockfile/resolved-mismatch");
    expect(await codes(leaf(`leaf@${url}`, `resolution: {integrity: ${good}}`))).toContain(
      "lockfile/resolved-mismatch",
    );
    const git = leaf(
      `leaf@git+https://git.example/l#${"a".repeat(40)}`,
      `resolution: {type: git, repo: https://git.example/l, commit: ${"b".repeat(40)}}`,
    );
    expect(await codes(git)).toContain("lockfile/resolved-mismatch");
    expect(await codes(leaf("leaf@file:lib", "resolution: {directory: evil, type: directory}"))).toContain(
      "lockfile/resolved-mismatch",
    );
    expect(await codes(leaf(`leaf@${url}`, `resolution: {tarball: ${url}}`))).toContain(
      "artefact/digest-missing",
    );
  });

  it("marks digests over the unpacked tar", async () => {
    const outcome = await read(change("settings:\n", "settings:\n  integrityTarget: tar\n"));
    expect(packageOf(outcome, "pkg:npm/leaf@1.0.0").artefacts[0]?.form).toBe("unpacked-tar");
    expect(await codes(change("settings:\n", "settings:\n  integrityTarget: zip\n"))).toEqual([
      "lockfile/malformed",
    ]);
  });

  it("notes fields that it does not know", async () => {
    expect(await codes(`${base}\nsurprise: 1\n`)).toContain("lockfile/unknown-field");
    expect(await codes(change(`{integrity: ${good}}`, `{integrity: ${good}, mirror: x}`))).toContain(
      "lockfile/unknown-field",
    );
  });
});

describe("readPnpmLock, the file", () => {
  it.each(["'6.0'", "5.4", "'9.1'", "'10.0'", "'99'"])(
    "refuses version %s and says how to upgrade",
    async (version) => {
      const outcome = await read(change("'9.0'", version));
      expect(outcome.findings).toMatchObject([
        { code: "lockfile/version-unsupported", at: { line: 1, column: 18 } },
      ]);
      expect(outcome.findings[0]?.fix).toContain("pnpm install --lockfile-only");
    },
  );

  it("refuses duplicate keys at their place", async () => {
    const text = change(
      "  leaf@1.0.0:\n    resolution:",
      `  leaf@1.0.0:\n    resolution: {integrity: ${good}}\n    resolution:`,
    );
    const line = placeOf(text, `resolution: {integrity: ${good}}\n    engines`);
    expect((await read(text)).findings).toMatchObject([{ code: "lockfile/duplicate-key", at: line }]);
    expect(await codes(`${base}\npackages: {}\n`)).toEqual(["lockfile/duplicate-key"]);
  });

  it.each([
    ["an anchor", change(`{integrity: ${good}}`, `&x {integrity: ${good}}`)],
    ["a tag", change(good, `!!str ${good}`)],
    ["a merge key", change(`{integrity: ${good}}`, `{<<: {integrity: ${good}}}`)],
    ["a version that is a number", change("version: 1.0.0\n", "version: 1.0\n")],
    ["a version that YAML 1.1 takes for a date", change("version: 1.0.0\n", "version: 2026-01-01\n")],
    ["a list for a map", change("leaf@1.0.0: {}", "leaf@1.0.0: []")],
    ["no version", base.replace("lockfileVersion: '9.0'\n", "")],
    ["nothing", ""],
    ["a word", "pnpm"],
    ["an open bracket", `${base}[`],
  ])("refuses %s", async (_, text) => {
    const outcome = await read(text);
    expect(outcome.set).toBeNull();
    expect(outcome.codes).toContain("lockfile/malformed");
  });

  it("bounds entries and depth", async () => {
    expect((await read(base, { lockfileEntries: 5 })).codes).toEqual(["budget/entries"]);
    expect((await read(base, { lockfileEntries: 6 })).set).not.toBeNull();
    expect((await read(base, { depth: 3 })).codes).toEqual(["budget/depth"]);
    expect((await read(`${base}\noverrides: ${"[".repeat(70)}${"]".repeat(70)}`)).codes).toEqual([
      "budget/depth",
    ]);
  });

  it("keeps __proto__ out of everything", async () => {
    const outcome = await read(
      change("leaf@1.0.0: {}", "leaf@1.0.0:\n    dependencies:\n      __proto__: 1.0.0"),
    );
    expect(outcome.codes).toEqual(["lockfile/entry-malformed"]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("readPnpmLock, environment document", () => {
  const environment = `---
lockfileVersion: '9.0'

importers:

  .:
    configDependencies:
      plugin:
        specifier: 1.0.0
        version: 1.0.0
    packageManagerDependencies:
      pnpm:
        specifier: 12.0.0
        version: 12.0.0

packages:

  plugin@1.0.0:
    resolution: {integrity: ${integrityOf("plugin")}}

  pnpm@12.0.0:
    resolution: {integrity: ${integrityOf("pnpm")}}

snapshots:

  plugin@1.0.0: {}

  pnpm@12.0.0: {}

---
`;

  it("reads its packages too: they are installed and run", async () => {
    const outcome = await read(environment + base);
    expect(packageOf(outcome, "pkg:npm/plugin@1.0.0").artefacts[0]?.digest?.hex).toBe(sha512Of("plugin"));
    expect(packageOf(outcome, "pkg:npm/.").requires.map(({ as }) => as)).toEqual([
      "plugin",
      "pnpm",
      "leaf",
      "pkg-a",
    ]);
    const alone = await read(environment);
    expect(alone.set?.packages.map(({ name }) => name)).toEqual(["plugin", "pnpm", "."]);
    const windows = await read((environment + base).replaceAll("\n", "\r\n"));
    expect(windows.set?.setDigest).toEqual(outcome.set?.setDigest);
  });

  it("finds a package on which the two documents disagree", async () => {
    const text =
      environment.replaceAll("plugin@1.0.0", "leaf@1.0.0").replace("      plugin:", "      leaf:") + base;
    expect(await codes(text)).toContain("lockfile/conflicting-entries");
    expect(await codes(text.replace(integrityOf("plugin"), good))).toEqual(["lockfile/alias"]);
  });

  it.each([
    ["a lockfile in the place of the environment document", `---\n${base}`],
    ["a separator that only YAML knows", (environment + base).replace("\n---\nlock", "\n--- # x\nlock")],
    ["an end marker for a separator", (environment + base).replace("\n---\nlock", "\n...\nlock")],
    ["a third document", `${environment}${base}---\n${base}`],
    ["two documents without the leading line", environment.slice(4) + base],
    ["a leading line with a comment", (environment + base).replace("---\n", "--- # x\n")],
  ])("refuses %s: pnpm would read another file than YAML", async (_, text) => {
    expect((await read(text)).set).toBeNull();
    expect(await codes(text)).toEqual(["lockfile/malformed"]);
  });
});

describe("readPnpmLock, lockfile.format v13", () => {
  const v13 = `{
	"lockfileVersion": "13.0",

	"settings": {
		"autoInstallPeers": true,
		"catalogs": {"default": {"deep": {"specifier": "^2.0.0", "version": "2.0.0"}}},
	},

	"projects": {
		".": {
			"dependencies": {
				"deep": "catalog:",
				"leaf": "1.0.0",
				"left": "npm:left-pad@1.3.0",
				"pkg-a": "workspace:*",
			},
		},

		"packages/a": {
			"name": "pkg-a",
			"dependencies": {
				"pkg-b": "workspace:*",
				"pad": {"specifier": "npm:left-pad@^1", "version": "left-pad@1.3.0"},
			},
		},

		"packages/b": {"name": "pkg-b"},
	},

	"packages": {
		"deep@2.0.0": {
			"integrity": "${integrityOf("deep")}",
			"peerDependencies": {"leaf": {"specifier": "*", "version": "1.0.0"}},
			"snapshots": [{"dependencies": {"pad": "left-pad@1.3.0"}}],
		},

		"leaf@1.0.0": {
			"integrity": "${good}",
			"os": ["linux"],
			"optional": true,
		},

		"left-pad@1.3.0": {"integrity": "${integrityOf("pad")}"},
	},
}
`;

  it("reads projects, folded snapshots, catalogs and aliases", async () => {
    const outcome = await read(v13);
    expect(outcome.set?.lockfile.formatVersion).toBe("13.0");
    expect(packageOf(outcome, "pkg:npm/.").requires).toEqual([
      { as: "deep", purl: "pkg:npm/deep@2.0.0" },
      { as: "leaf", purl: "pkg:npm/leaf@1.0.0" },
      { as: "left", purl: "pkg:npm/left-pad@1.3.0" },
      { as: "pkg-a", purl: "pkg:npm/packages/a" },
    ]);
    expect(packageOf(outcome, "pkg:npm/packages/a").requires).toContainEqual({
      as: "pkg-b",
      purl: "pkg:npm/packages/b",
    });
    expect(packageOf(outcome, "pkg:npm/deep@2.0.0").requires).toEqual([
      { as: "leaf", purl: "pkg:npm/leaf@1.0.0" },
      { as: "pad", purl: "pkg:npm/left-pad@1.3.0" },
    ]);
    const pkg = packageOf(outcome, "pkg:npm/leaf@1.0.0");
    expect(pkg).toMatchObject({
      markers: { optional: true, os: ["linux"] },
      at: placeOf(v13, `"leaf@1.0.0"`),
    });
    expect(pkg.artefacts).toMatchObject([
      { form: "tarball", digest: { hex: sha512Of("good") }, at: placeOf(v13, `"${good}"`) },
    ]);
    expect(packageOf(outcome, "pkg:npm/left-pad@1.3.0").aliases).toEqual(["left", "pad"]);
  });

  it.each([
    ["an integrity that was removed", `"integrity": "${good}",`, "", "artefact/digest-missing"],
    ["several digests", `"${good}"`, `"${good} ${integrityOf("evil")}"`, "artefact/digest-several"],
    [
      "a duplicate key",
      `"os": ["linux"],`,
      `"integrity": "${integrityOf("evil")}",`,
      "lockfile/duplicate-key",
    ],
    [
      "a second resolution",
      `"os": ["linux"],`,
      `"resolution": {"integrity": "${integrityOf("evil")}"},`,
      "lockfile/entry-malformed",
    ],
    ["another version in the entry", `"os": ["linux"],`, `"version": "6.6.6",`, "lockfile/resolved-mismatch"],
    [
      "a project that is not there",
      `"pkg-b": "workspace:*"`,
      `"evil": "workspace:*"`,
      "lockfile/entry-malformed",
    ],
    ["a catalog that is not there", `"catalog:"`, `"catalog:evil"`, "lockfile/entry-malformed"],
    ["a version that is not locked", `"leaf": "1.0.0"`, `"leaf": "6.6.6"`, "lockfile/entry-malformed"],
  ])("finds %s", async (_, from, to, code) => {
    expect(v13).toContain(from);
    expect(await codes(v13.replace(from, to))).toContain(code);
  });
});

describe("readPnpmLock, properties", () => {
  it("never throws on damaged text, and a refusal says why", async () => {
    const text = hasVectors ? readVector("lockfiles", "astro.pnpm-lock.yaml").slice(0, 8192) : base;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length),
        fc.nat(2000),
        fc.array(
          fc.tuple(
            fc.nat(2000),
            fc.constantFrom("\n", "  ", ":", "{", "}", "'", "@", "(", ")", "&", "\0", "9", ""),
          ),
          { maxLength: 6 },
        ),
        async (start, length, edits) => {
          let slice = text.slice(0, 4000) + text.slice(start, start + length);
          for (const [at, put] of edits) slice = slice.slice(0, at) + put + slice.slice(at + 1);
          const outcome = await read(slice);
          expect(outcome.set !== null || outcome.findings.length > 0).toBe(true);
        },
      ),
      { numRuns: fuzzRuns },
    );
  });

  it("gives the same set digest whatever the order of the packages", async () => {
    const sections = base.split(/(?= {2}'@scope\/deep@2\.0\.0':)|(?= {2}leaf@1\.0\.0:\n)|(?=snapshots:)/);
    const [head, deep, one, tail] = sections as [string, string, string, string];
    const swapped = await read(head + one + deep + tail);
    expect(swapped.set?.setDigest).toEqual((await read(base)).set?.setDigest);
  });
});
