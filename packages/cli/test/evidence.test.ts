import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeProject } from "@countersign/testkit";
import type { Setting } from "./host.ts";
import { openScene, policyOf, type Scene } from "./scene.ts";

type Row = [
  purl: string,
  file: string,
  digest: string,
  registry: string,
  kind: string,
  value: string,
  origin: string,
  at: number,
];
type Pack = { lockfile: { digest: string }; entries: Row[] };

let scene: Scene;
let pack: string;
beforeEach(async () => {
  scene = await openScene();
  const widget = scene.kit.npm.publish({ name: "@acme/widget", provenance: true });
  writeProject(scene.directory, {
    lock: "package-lock.json",
    packages: [widget],
    registry: scene.kit.npm.url,
  });
  scene.write({ ".countersign/policy.yaml": policyOf(scene, "strict") });
  pack = join(scene.directory, "evidence.pack");
});
afterEach(() => scene.close());

const sha256 = (): string => createHash("sha256").update(readFileSync(pack)).digest("hex");
function rewrite(edit: (content: Pack) => void): void {
  const content = JSON.parse(gunzipSync(readFileSync(pack)).toString("utf8")) as Pack;
  edit(content);
  writeFileSync(pack, gzipSync(JSON.stringify(content)));
}
/** Another machine: no store and no network, and the root given by hand. */
const elsewhere = (name: string): Partial<Setting> => ({ scratch: join(scene.setting.scratch, name) });
function trust(): string[] {
  const { trustedRoot, npmKeys } = scene.kit.writeTrust(scene.directory);
  return ["--trusted-root", trustedRoot, "--npm-keys", npmKeys];
}

describe("evidence", () => {
  it("carries all that verifies a lockfile to a machine without a network", async () => {
    const packed = await scene.run("evidence", "pack");
    expect(packed).toExitWith(0);
    expect(packed.out).toContain(`sha256 ${sha256()}`);
    const far = elsewhere("far");
    scene.kit.requests.clear();
    expect(await scene.runWith(far, "verify", "--offline", ...trust())).toExitWith(2);
    const imported = await scene.runWith(far, "evidence", "import", "evidence.pack", "--sha256", sha256());
    expect(imported).toMatchObject({ exitCode: 0, out: expect.not.stringContaining("left out") });
    const verified = await scene.runWith(far, "verify", "--offline", ...trust());
    expect(verified).toExitWith(0);
    expect(scene.kit.requests.all).toEqual([]);
  });

  it("takes only what proves itself from a pack that nobody vouches for, and says so", async () => {
    await scene.run("evidence", "pack");
    const far = elsewhere("far");
    const imported = await scene.runWith(far, "evidence", "import", "evidence.pack");
    expect(imported).toExitWith(0);
    expect(imported.out).toContain("left out: 1 row (listings and publish times)");
    expect(imported.out).toContain("--sha256 HEX");
    expect(await scene.runWith(far, "verify", "--offline", ...trust())).toExitWith(0);
  });

  it("refuses another file than the digest names", async () => {
    await scene.run("evidence", "pack");
    const digest = sha256();
    rewrite(({ entries }) => entries.pop());
    const ran = await scene.runWith(
      elsewhere("far"),
      "evidence",
      "import",
      "evidence.pack",
      "--sha256",
      digest,
    );
    expect(ran).toMatchObject({ exitCode: 1, out: "", err: expect.stringContaining(sha256()) });
  });

  it("check says that a whole pack is enough, and leaves the store alone", async () => {
    await scene.run("evidence", "pack");
    const far = elsewhere("far");
    const checked = await scene.runWith(far, "evidence", "check", "evidence.pack", ...trust());
    expect(checked).toExitWith(0);
    expect(checked.out).toContain("the pack is enough");
    expect(await scene.runWith(far, "verify", "--offline", ...trust())).toExitWith(2);
  });

  it.each<[string, (content: Pack) => void]>([
    [
      "a forged signature",
      ({ entries }) =>
        edit(entries, "signatures", (value) =>
          value.replace(/"sig":"MEU|"sig":"MEQ|"sig":"MEY/, '"sig":"MEZ'),
        ),
    ],
    [
      "another digest listed",
      ({ entries }) =>
        edit(entries, "listing", (value) => value.replace(/sha512:[0-9a-f]{4}/, "sha512:0000")),
    ],
    [
      "a forged attestation",
      ({ entries }) =>
        edit(entries, "attestations", (value) => value.replaceAll('"payload":"', '"payload":"AAAA')),
    ],
    ["no rows", ({ entries }) => void entries.splice(0)],
  ])("check does not pass %s", async (_what, tamper) => {
    await scene.run("evidence", "pack");
    rewrite(tamper);
    const checked = await scene.runWith(elsewhere("far"), "evidence", "check", "evidence.pack", ...trust());
    expect([1, 2], checked.out).toContain(checked.exitCode);
  });

  it("is enough where the policy asks no more than the registry has", async () => {
    const [widget, plain] = [
      scene.kit.npm.publish({ name: "@acme/widget", provenance: true }),
      scene.kit.npm.publish({ name: "plain", signature: false }),
    ];
    writeProject(scene.directory, {
      lock: "package-lock.json",
      packages: [widget, plain],
      registry: scene.kit.npm.url,
    });
    scene.write({ ".countersign/policy.yaml": policyOf(scene, "strict", "locked") });
    expect(await scene.run("evidence", "pack")).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("the pack is enough"),
    });
    expect(
      (await scene.runWith(elsewhere("far"), "evidence", "check", "evidence.pack", ...trust())).exitCode,
    ).toBe(0);
  });

  it("check refuses the pack of another lockfile", async () => {
    await scene.run("evidence", "pack");
    rewrite((content) => void (content.lockfile.digest = `sha256:${"0".repeat(64)}`));
    expect(await scene.run("evidence", "check", "evidence.pack")).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("belongs to another lockfile"),
    });
  });

  it.each([
    ["not gzip", Buffer.from("hello")],
    ["not JSON", gzipSync("hello")],
    ["another schema", gzipSync('{"schema":"x"}')],
    ["a bomb", gzipSync(Buffer.alloc(64 * 1024 * 1024))],
  ])("refuses a file that is %s", async (_what, bytes) => {
    writeFileSync(pack, bytes);
    for (const command of ["check", "import"]) {
      expect(await scene.run("evidence", command, "evidence.pack")).toMatchObject({
        exitCode: 1,
        out: "",
        err: expect.stringContaining("cannot be read"),
      });
    }
  });

  it("pack ends 2 when something could not be had, and wants one lockfile", async () => {
    scene.kit.npm.faults.add({ fault: { kind: "status", status: 404 } });
    const ran = await scene.run("evidence", "pack");
    expect(ran).toMatchObject({ exitCode: 2, out: expect.stringContaining("not enough") });
    writeFileSync(join(scene.directory, "requirements.txt"), `a==1.0 --hash=sha256:${"0".repeat(64)}\n`);
    expect(await scene.run("evidence", "pack")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("--lockfile package-lock.json, --lockfile requirements.txt"),
    });
  });

  it("fetch fills the store and decides nothing", async () => {
    scene.kit.npm.publish({ name: "@acme/widget", signature: false, provenance: true });
    const fetched = await scene.run("evidence", "fetch");
    expect(fetched).toExitWith(0);
    expect(fetched.out).toContain("found: 1 listing");
  });
});

function edit(entries: Row[], kind: string, change: (value: string) => string): void {
  const row = entries.find((each) => each[4] === kind);
  if (row === undefined) throw new Error(`the pack has no ${kind}`);
  const changed = change(row[5]);
  if (changed === row[5]) throw new Error(`nothing changed in ${kind}`);
  row[5] = changed;
}
