import { generateKeyPairSync } from "node:crypto";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeProject } from "@countersign/testkit";
import { openScene, type Scene } from "./scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

type Document = {
  schema: string;
  exitCode: number;
  errors: { code: string | null; at: { path: string } | null; why: string; fix: string }[];
};

async function failing(...args: string[]): Promise<Document["errors"]> {
  const { out, err, exitCode } = await scene.run(...args);
  const document = JSON.parse(out) as Document;
  expect(document).toMatchObject({ schema: "countersign/failure/1", exitCode });
  expect(exitCode).not.toBe(0);
  for (const { why } of document.errors) expect(err.replaceAll(/\s+/g, " ")).toContain(why);
  return document.errors;
}

describe("T7: a command that is asked for JSON and comes to no answer", () => {
  it.each([
    "sign --approve --json --key k.pem",
    "seal inspect --json",
    "restore --dry-run --json",
    "explain left-pad --json",
  ])("%s gives the finding", async (line) => {
    expect(await failing(...line.split(" "))).toMatchObject([
      { code: "lockfile/not-found", fix: expect.stringContaining("--lockfile") as string },
    ]);
  });

  it.each([
    ["sign --json", "nothing says which key signs"],
    ["trust list --json", "this project has no trust store"],
    ["verify-attestation --json", "required option '--bundle <file>' not specified"],
    ["verify --format json --depth", "unknown option '--depth'"],
    ["verify --format=json --output missing/report.json", "missing/report.json"],
  ])("%s gives the reason", async (line, why) => {
    expect(await failing(...line.split(" "))).toMatchObject([
      { code: null, at: null, why: expect.stringContaining(why) as string },
    ]);
  });

  it("sign gives every finding that blocks, and people the report", async () => {
    const { kit, directory } = scene;
    const unsigned = kit.npm.publish({ name: "unsigned", signature: false });
    writeProject(directory, { lock: "package-lock.json", packages: [unsigned], registry: kit.npm.url });
    kit.writeTrust(join(directory, ".countersign/trust"));
    scene.write({
      ".countersign/policy.yaml": `version: 1
mode: strict
registries: [{ url: "${kit.npm.url}", ecosystem: npm, keys: trust/npm-keys.json }]
require: [{ ecosystem: npm, names: ["**"], level: signed }]
`,
      "k.pem": generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    });
    chmodSync(join(directory, "k.pem"), 0o600);
    const errors = await failing("sign", "--approve", "--json", "--key", "k.pem", "--yes");
    expect(errors).toMatchObject([{ code: "signature/absent", at: { path: "package-lock.json" } }]);
  });

  it("prints nothing more where help is asked for, and no JSON for a package manager's own --json", async () => {
    expect((await scene.run("sign", "--json", "--help")).out).toMatch(/^Usage: countersign sign/);
    expect((await scene.run("--base", "nowhere", "npm", "ls", "--json")).out).not.toContain("failure/1");
  });
});
