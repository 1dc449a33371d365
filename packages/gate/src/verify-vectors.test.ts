import { readLockfile, toIntegrity, type LockFormat, type PackageSet } from "@countersign/core";
import {
  moveLockfile,
  readVectors,
  serveNpmLock,
  servePackuments,
  servePypiLock,
  type Vectors,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { blocking, codesOf, openScene, type Scene } from "../test/scene.ts";
import { hasVectors, readVector, vectorsDirectory } from "../test/vectors.ts";

async function readSet(format: LockFormat, path: string, text: string): Promise<PackageSet> {
  const result = await readLockfile(format, path, new TextEncoder().encode(text));
  if (!result.ok) throw new Error(JSON.stringify(result.findings.slice(0, 3)));
  return result.value;
}

describe.skipIf(!hasVectors)("real lockfiles, end to end against a loopback registry", () => {
  let scene: Scene;
  let vectors: Vectors;
  beforeEach(async () => {
    vectors = readVectors(vectorsDirectory) as Vectors;
    scene = await openScene({ alsoTrust: vectors.trust });
  });
  afterEach(() => scene.close());

  // astro locks a tarball of its own test fixtures, which is no workspace: its policy allows paths.
  const npm: [LockFormat, string, string, number, string][] = [
    ["pnpm-lock", "pnpm-lock.yaml", "vite.pnpm-lock.yaml", 1000, "workspace"],
    ["pnpm-lock", "pnpm-lock.yaml", "astro.pnpm-lock.yaml", 1500, "allow"],
    ["package-lock", "package-lock.json", "large.package-lock.json", 2000, "workspace"],
  ];
  it.each(npm)("%s as %s: %s", async (format, name, file, least, paths) => {
    const { kit } = scene;
    const text = moveLockfile(readVector("lockfiles", file), kit);
    const set = await readSet(format, name, text);
    const locked = set.packages.flatMap(({ name: packageName, version, source, artefacts }) =>
      source.kind === "registry" && artefacts[0] !== undefined && artefacts[0].digest !== null
        ? [{ name: packageName, version, integrity: toIntegrity(artefacts[0].digest) }]
        : [],
    );
    serveNpmLock(kit.npm, locked, vectors);
    scene.write({ [name]: text, ".npmrc": `registry=${kit.npm.url}\n` });
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${kit.npm.url}", ecosystem: npm }\nrequire:\n  - { ecosystem: npm, names: ["**"], level: signed }\nsources: { path: ${paths} }\n`,
    );
    const cold = await scene.run();
    const registry = cold.report.lockfiles[0]?.verdicts.filter(({ registry: from }) => from !== null) ?? [];
    expect(registry.length).toBeGreaterThan(least);
    expect(registry.filter(({ outcome }) => outcome !== "verified")).toEqual([]);
    expect(blocking(cold).map(({ at, why }) => ({ at, why }))).toEqual([]);
    expect(cold).toExitWith(0);
    const warm = await scene.run();
    expect(warm.report.requests).toBe(0);
    expect(warm).toExitWith(0);
  });

  it("D1: real packuments, signatures and attestations take the real path", async () => {
    const { kit } = scene;
    servePackuments(kit.npm, vectors);
    const sigstore = vectors.packuments.find(({ name }) => name === "sigstore");
    const versions = Object.entries(sigstore?.versions ?? {}) as [string, { dist: { integrity: string } }][];
    const attested = versions.filter(([version, { dist }]) =>
      vectors.attestations.has(
        `sigstore@${version} ${Buffer.from(dist.integrity.slice(7), "base64").toString("hex")}`,
      ),
    );
    expect(attested.length).toBeGreaterThan(2);
    const packages = Object.fromEntries(
      attested.map(([version, { dist }]) => [`sigstore@${version}`, { integrity: dist.integrity }]),
    );
    const npm = Object.fromEntries(attested.map(([version]) => [`npm:sigstore@${version}`, version]));
    scene.write({
      ".npmrc": `registry=${kit.npm.url}\n`,
      "deno.lock": JSON.stringify({ version: "5", specifiers: npm, npm: packages }),
    });
    scene.policy(`version: 1
mode: strict
registries:
  - { url: "${kit.npm.url}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: provenance, identities: [release] }
identities:
  release: { issuer: github, repository: sigstore/sigstore-js }
`);
    const verification = await scene.run();
    const verdicts = verification.report.lockfiles[0]?.verdicts ?? [];
    expect(blocking(verification).map(({ code, why }) => ({ code, why }))).toEqual([]);
    expect(verdicts).toHaveLength(attested.length);
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ level: "provenance", outcome: "verified", time: "log" });
      expect(verdict.identity).toMatchObject({ repository: "sigstore/sigstore-js", issuerName: "github" });
    }
  });

  it("uv-lock: attest-action.uv.lock, with the real provenance of sigstore", async () => {
    const { kit } = scene;
    const text = moveLockfile(readVector("lockfiles", "attest-action.uv.lock"), kit);
    const set = await readSet("uv-lock", "uv.lock", text);
    const files = set.packages.flatMap(({ name, version, artefacts }) =>
      artefacts.map(({ file, digest, url }) => ({
        project: name,
        version,
        filename: file ?? "",
        sha256: digest?.hex ?? "",
        ...(url !== null && { url }),
      })),
    );
    servePypiLock(kit.pypi, files, vectors);
    scene.write({
      "uv.lock": text,
      "pyproject.toml": readVector("lockfiles", "attest-action.pyproject.toml"),
    });
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${kit.pypi.simpleUrl}", ecosystem: pypi }\nrequire:\n  - { ecosystem: pypi, names: ["**"], level: locked }\n`,
    );
    const cold = await scene.run();
    expect(codesOf(cold)).toEqual([]);
    expect(cold).toExitWith(0);
    const warm = await scene.run();
    expect(warm.report.requests).toBe(0);
    expect(codesOf(warm)).toEqual([]);
  });

  it("yarn-berry: jest.yarn.lock is read and reported, its zips unbound", async () => {
    const { kit } = scene;
    const text = moveLockfile(readVector("lockfiles", "jest.yarn.lock"), kit);
    scene.write({ "yarn.lock": text, "package.json": "{}" });
    const verification = await scene.run({ offline: true });
    expect(verification.report.lockfiles[0]?.packages).toBeGreaterThan(1500);
    expect(codesOf(verification)).toContain("artefact/digest-unbound");
    expect(verification.report.decision.strict).not.toBe("allow");
    expect(verification).toExitWith(0);
  });
});
