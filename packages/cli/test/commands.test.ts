import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFiles, writeProject } from "@countersign/testkit";
import { openScene, type Scene } from "./scene.ts";

const text = readFileSync(resolve(import.meta.dirname, "../../../docs/commands.md"), "utf8");
const examples = [...text.matchAll(/<!-- run: (\d+) -->\s+```console\n(.+)\n```/g)].map(
  ([, exitCode, command]) => [command as string, Number(exitCode)] as const,
);
const documented = new Set(examples.map(([command]) => command.split(" ")[1]));

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  const { kit, directory } = scene;
  const widget = kit.npm.publish({ name: "@acme/widget", provenance: true });
  const leaf = kit.npm.publish({ name: "leaf" });
  writeProject(directory, { lock: "package-lock.json", packages: [widget, leaf], registry: kit.npm.url });
  scene.write({
    "widget-1.0.0.tgz": widget.tarball,
    "attestations.json": JSON.stringify({ attestations: widget.attestations }),
  });
  for (const name of ["root", "alice", "bot"]) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    scene.write({
      [`${name}.pem`]: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      [`${name}-public.pem`]: publicKey.export({ type: "spki", format: "pem" }).toString(),
    });
    chmodSync(join(directory, `${name}.pem`), 0o600);
  }
  scene.setting.hooks = join(scene.setting.scratch, "hooks");
  writeFiles(scene.setting.hooks, { "npm.mjs": "" });
  kit.writeTrust(directory);
});
afterAll(() => scene.close());

describe("docs/commands.md", () => {
  it("has an example of every command", async () => {
    const { out } = await scene.run("--help");
    const listed = /\nCommands:\n(.+?)\n\n/s.exec(out)?.[1] ?? "";
    const commands = [...listed.matchAll(/^ {2}([a-z-]+) /gm)]
      .map(([, name]) => name)
      .filter((name) => name !== "help");
    expect(commands.length).toBeGreaterThan(7);
    expect([...documented].toSorted()).toEqual([...new Set(commands)].toSorted());
    expect(text.match(/```console/g)).toHaveLength(examples.length);
  });

  it.each(examples)("%s ends %i", async (command, exitCode) => {
    const ran = await scene.run(...command.split(" ").slice(1));
    expect(ran).toExitWith(exitCode);
  });

  it("left behind what its examples say", () => {
    const report = JSON.parse(readFileSync(join(scene.directory, "report.json"), "utf8")) as {
      schema: string;
      requests: number;
    };
    expect(report).toMatchObject({ schema: "countersign/report/1", requests: 0 });
    expect(readFileSync(join(scene.directory, ".countersign/policy.yaml"), "utf8")).toContain(
      scene.kit.npm.url,
    );
  });
});
