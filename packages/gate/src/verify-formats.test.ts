import { createHash } from "node:crypto";
import { startLoopback } from "../test/loopback.ts";
import { writeProject, type NpmLockName, type PythonLockName } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codesOf, openScene, verdictOf, type Scene } from "../test/scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const policyOf = (registry: string, index: string): string => `version: 1
mode: strict
registries:
  - { url: "${registry}", ecosystem: npm }
  - { url: "${index}", ecosystem: pypi }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
  - { ecosystem: npm, names: ["@acme/**"], level: provenance }
  - { ecosystem: pypi, names: ["**"], level: locked }
  - { ecosystem: pypi, names: ["attested"], level: provenance }
`;

describe("every format takes the same path", () => {
  const npmLocks: NpmLockName[] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "deno.lock",
  ];
  it.each(npmLocks)("%s: signed and attested packages pass, cold and warm", async (lock) => {
    const { kit, directory } = scene;
    const leaf = kit.npm.publish({ name: "leaf", signature: { key: kit.npm.keys.current } });
    const built = kit.npm.publish({
      name: "@acme/built",
      provenance: true,
      publishAttestation: true,
      dependencies: { leaf: "1.0.0" },
    });
    writeProject(directory, { lock, registry: kit.npm.url, packages: [leaf, built] });
    scene.policy(policyOf(kit.npm.url, kit.pypi.simpleUrl));
    for (const requests of [null, 0]) {
      const verification = await scene.run();
      expect(codesOf(verification)).toEqual([]);
      expect(verification).toExitWith(0);
      expect(verdictOf(verification, "leaf")).toMatchObject({ level: "signed", outcome: "verified" });
      expect(verdictOf(verification, "@acme/built")).toMatchObject({
        level: "provenance",
        outcome: "verified",
      });
      if (requests !== null) expect(verification.report.requests).toBe(requests);
    }
  });

  it("deno.lock: a JSR package is asked of the registry that the policy names", async () => {
    const manifest = Buffer.from('{"manifest":{}}');
    const jsr = await startLoopback((request, response) => {
      response.statusCode = request.url === "/@acme/module/1.0.0_meta.json" ? 200 : 404;
      response.end(manifest);
    });
    const lock = (hex: string): string =>
      JSON.stringify({
        version: "5",
        specifiers: { "jsr:@acme/module@1": "1.0.0" },
        jsr: { "@acme/module@1.0.0": { integrity: hex } },
      });
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${jsr.url}", ecosystem: jsr }\nrequire:\n  - { ecosystem: jsr, names: ["**"], level: locked }\n`,
    );
    scene.write({ "deno.lock": lock(createHash("sha256").update(manifest).digest("hex")) });
    const good = await scene.run();
    expect(codesOf(good)).toEqual([]);
    expect(verdictOf(good, "@acme/module")).toMatchObject({ level: "locked", outcome: "verified" });
    scene.write({ "deno.lock": lock("00".repeat(32)) });
    expect(codesOf(await scene.run())).toContain("listing/mismatch");
    await jsr.close();
  });

  const pythonLocks: PythonLockName[] = ["uv.lock", "pylock.toml", "requirements.txt"];
  it.each(pythonLocks)("%s: listed and attested files pass, cold and warm", async (lock) => {
    const { kit, directory } = scene;
    const files = [
      kit.pypi.publish({ name: "leaf" }),
      kit.pypi.publish({ name: "attested", provenance: true }),
      kit.pypi.publish({ name: "attested", kind: "sdist", provenance: true }),
    ];
    writeProject(directory, { lock, index: kit.pypi.simpleUrl, files });
    scene.policy(policyOf(kit.npm.url, kit.pypi.simpleUrl));
    const variables = { PIP_INDEX_URL: kit.pypi.simpleUrl };
    for (const requests of [null, 0]) {
      const verification = await scene.run({}, { variables });
      expect(codesOf(verification)).toEqual([]);
      expect(verification).toExitWith(0);
      expect(verdictOf(verification, "leaf")).toMatchObject({ level: "locked", outcome: "verified" });
      expect(verdictOf(verification, "attested")).toMatchObject({ level: "provenance", outcome: "verified" });
      if (requests !== null) expect(verification.report.requests).toBe(requests);
    }
  });
});
