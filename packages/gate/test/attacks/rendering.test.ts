import { githubBuild, mintNpmPackage, withExtensions, writeProject } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plain, renderHuman, renderJson, renderMarkdown } from "@countersign/core";
import { openScene, type Scene } from "../scene.ts";
import type { Verification } from "../../src/verify-project.ts";
import { cold, expectControl, rewrite, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene));
});
afterEach(() => scene.close());

const lock = "package-lock.json";
/** Clears the screen, sets the title, links, rings, goes back, turns the reading direction, hides, ends lines. */
const hostile =
  "\u001b[2J\u001b]0;pwned\u0007\u001b]8;;https://evil.example\u0007x\u009b31m\b\r\n\u202e\u2066\u200b\u2028\u{e0041}\u0000";
const raw = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

function expectClean({ report }: Verification): void {
  for (const verbose of [false, true]) {
    const human = renderHuman(report, { width: 100, palette: plain, verbose });
    expect(raw.exec(human.replaceAll("\n", ""))).toBeNull();
    expect(human).not.toContain("\n\n\n");
  }
  expect(raw.exec(renderMarkdown(report).replaceAll("\n", ""))).toBeNull();
  expect(raw.exec(renderJson(report).replaceAll("\n", ""))).toBeNull();
}

describe("D39: nothing hostile reaches the terminal", () => {
  it.each(["name", "version", "resolved", "integrity", "unknown field", "alias", "link"])(
    "in a lockfile's %s",
    async (field) => {
      const leaf = scene.kit.npm.publish({ name: "leaf" });
      writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [leaf] });
      expectClean(await expectControl(scene));
      rewrite(scene, lock, (text) => {
        const document = JSON.parse(text) as { packages: Record<string, Record<string, unknown>> };
        const entry = document.packages["node_modules/leaf"] as Record<string, unknown>;
        if (field === "alias") document.packages[`node_modules/${hostile}`] = { ...entry, name: "leaf" };
        else if (field === "link")
          document.packages[`node_modules/${hostile}`] = { resolved: `../${hostile}`, link: true };
        else entry[field === "unknown field" ? hostile : field] = hostile;
        return JSON.stringify(document, null, 2);
      });
      const attacked = await scene.run();
      expect(attacked.report.findings.length).toBeGreaterThan(0);
      expectClean(attacked);
    },
  );

  it("in the keys and values of TOML and YAML", async () => {
    const { kit, directory } = scene;
    const file = kit.pypi.publish({ name: "leaf" });
    const leaf = kit.npm.publish({ name: "leaf" });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: kit.npm.url, packages: [leaf] });
    expectClean(await expectControl(scene));
    const escaped = JSON.stringify(hostile).replaceAll("\u009b", "\\u009b").replaceAll("\u{e0041}", "");
    rewrite(scene, "uv.lock", (text) =>
      text.replace('name = "leaf"', `name = ${escaped}`).replace("size = ", `${escaped} = 1, size = `),
    );
    rewrite(scene, "pnpm-lock.yaml", (text) =>
      text.replace("  leaf@1.0.0:\n    resolution", `  ${escaped}:\n    resolution`),
    );
    const attacked = await scene.run();
    expect(attacked).toExitWith(1);
    expectClean(attacked);
  });

  it("in a certificate", async () => {
    const control = scene.kit.npm.publish({ name: "control", provenance: true });
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [control] });
    scene.policy(
      strictPolicy(scene, { npm: "provenance", more: "" }).replace(
        "level: provenance",
        "level: provenance, identities: [release]",
      ) + "identities:\n  release: { issuer: github, repository: acme/widgets }\n",
    );
    expectClean(await expectControl(scene));
    for (const extension of [12, 18, 14, 21, 11]) {
      const name = `extension-${extension}`;
      const built = scene.kit.npm.publish({
        name,
        provenance: {
          build: withExtensions(githubBuild(), { [extension]: `https://github.com/evil/${hostile}` }),
        },
      });
      writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [built] });
      expectClean(await scene.run());
    }
  });

  it("in what a registry says", async () => {
    const { kit } = scene;
    const leaf = kit.npm.publish({ name: "leaf" });
    writeProject(scene.directory, { lock, registry: kit.npm.url, packages: [leaf] });
    expectClean(await expectControl(scene));
    const other = mintNpmPackage({ name: "other" });
    const said: object[] = [
      { name: hostile },
      { version: hostile },
      { dist: { integrity: hostile } },
      { dist: { integrity: other.integrity, signatures: [{ keyid: hostile, sig: hostile }] } },
      { dist: { integrity: leaf.integrity, signatures: [{ keyid: hostile, sig: leaf.signatures[0]?.sig }] } },
      {
        deprecated: hostile,
        repository: hostile,
        dist: { integrity: leaf.integrity, signatures: leaf.signatures },
      },
    ];
    for (const [index, lie] of said.entries()) {
      kit.npm.faults.clear();
      kit.npm.faults.add({
        path: /^\/leaf/,
        fault: { kind: "edit", edit: (document: object) => ({ ...document, ...lie }) },
      });
      const attacked = await scene.run({}, cold(scene));
      if (index < said.length - 1) expect(attacked.exitCode).not.toBe(0);
      expectClean(attacked);
    }
    kit.npm.faults.clear();
    kit.npm.faults.add({ path: /^\/leaf/, fault: { kind: "body", body: `{"${hostile}` } });
    expectClean(await scene.run({}, cold(scene)));
    kit.npm.setAttestations("leaf", "1.0.0", [{ predicateType: hostile, bundle: { mediaType: hostile } }]);
    kit.npm.faults.clear();
    expectClean(await scene.run({}, cold(scene)));
  });

  it("in configuration and policy", async () => {
    const leaf = scene.kit.npm.publish({ name: "leaf" });
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [leaf] });
    expectClean(await expectControl(scene));
    scene.write({
      ".npmrc": `registry=${scene.kit.npm.url}\n//${hostile}/:_authToken=\${${hostile}}\n`,
      "package.json": `{"packageManager":${JSON.stringify(hostile)}}`,
    });
    expectClean(await scene.run());
    scene.policy(`${strictPolicy(scene)}${JSON.stringify(hostile)}: 1\n`);
    const attacked = await scene.run();
    expect(attacked).toExitWith(2);
    expectClean(attacked);
  });
});
