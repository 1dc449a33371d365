import { createPublicKey, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Ran } from "../host.ts";
import { approvals, keyOf, publicKeyOf, sealPolicy, writeKey } from "../sealing.ts";
import { readSeal, removeSeal, reseal, rewrite, secretKey } from "./forging.ts";
import { allowed, openSealed, succeed, type SealedProject } from "./sealed-project.ts";

let project: SealedProject;
let seal: string;
beforeAll(async () => {
  project = await openSealed();
});
afterAll(() => project.close());
afterEach(() => project.restore());

describe("two approvals where one person signed", () => {
  beforeEach(async () => {
    [seal = ""] = project.seals();
    project.write(".countersign/policy.yaml", sealPolicy(project.scene, approvals(2)));
    succeed(await project.sign("bob"));
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice", "bob"] });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject({ exitCode: 1, approvals: ["bob"] });
    [seal = ""] = project.seals();
  });
  const alone = { exitCode: 1, blocks: ["seal/approval-missing"], approvals: ["bob"] };

  it("a malleated ECDSA signature is the same signer's, in its place or beside it", async () => {
    const bundle = readSeal(project.scene, seal);
    const [signature] = bundle.dsseEnvelope.signatures;
    const sig = malleate(Buffer.from(signature?.sig ?? "", "base64")).toString("base64");
    rewrite(project.scene, seal, ({ dsseEnvelope }) => void (dsseEnvelope.signatures = [{ sig }]));
    expect(await project.verify()).toMatchObject({ ...alone, seals: [null] });
    project.write(`${dirname(seal)}/${"a".repeat(64)}.json`, JSON.stringify(bundle));
    expect(await project.verify()).toMatchObject(alone);
    rewrite(
      project.scene,
      seal,
      ({ dsseEnvelope }) => void (dsseEnvelope.signatures = [{ sig }, signature ?? { sig }]),
    );
    expect(await project.verify()).toMatchObject({ exitCode: 1, approvals: [] });
  });

  it("a second claim of one signer counts once", async () => {
    for (const note of ["second", "third"])
      reseal(project.scene, seal, "bob", (statement) => void (statement["note"] = note));
    expect(await project.verify()).toMatchObject({ ...alone, seals: [null, null, null] });
  });

  it("a second key of one signer counts once", async () => {
    writeKey(project.scene, "bob-too");
    succeed(
      await project.scene.run(
        "trust",
        "add",
        "bob",
        "--public-key",
        publicKeyOf(project.scene, "bob-too"),
        "--key",
        keyOf(project.scene, "root"),
        "--yes",
      ),
    );
    succeed(await project.sign("bob-too"));
    expect(await project.verify()).toMatchObject({ ...alone, seals: [null, null] });
  });

  it("one key under two names is refused, in whatever form it is given", async () => {
    const { scene } = project;
    const add = (...args: readonly string[]): Promise<Ran> =>
      scene.run("trust", "add", "mallory", ...args, "--key", keyOf(scene, "root"), "--yes");
    const line = sshLineOf(createPublicKey(secretKey(scene, "alice")));
    writeFileSync(keyOf(scene, "alice-ssh"), `${line}\n`);
    for (const same of [
      ["--public-key", publicKeyOf(scene, "alice")],
      ["--ssh-key", keyOf(scene, "alice-ssh")],
    ]) {
      const ran = await add(...same);
      expect(ran.exitCode, same.join(" ")).toBe(2);
      expect(ran.err).toContain("one person would count twice");
    }
    expect(await add("--public-key", publicKeyOf(scene, "mallory"))).toExitWith(0);
  });
});

/** `(r, n - s)` of an ECDSA signature in DER, which verifies too. */
function malleate(der: Buffer): Buffer {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const length = der[3] ?? 0;
  const r = der.subarray(4, 4 + length);
  const s = BigInt(`0x${der.subarray(4 + length + 2).toString("hex")}`);
  const hex = (order - s).toString(16).padStart(64, "0");
  const other = Buffer.from(
    Number.parseInt(hex.slice(0, 2), 16) > 127 ? `00${hex}` : hex.replace(/^(?:00(?=[0-7]))+/, ""),
    "hex",
  );
  const integers = Buffer.concat([Buffer.of(2, r.length), r, Buffer.of(2, other.length), other]);
  return Buffer.concat([Buffer.of(0x30, integers.length), integers]);
}

function sshLineOf(key: KeyObject): string {
  const point = key.export({ type: "spki", format: "der" }).subarray(-32);
  const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(0, 0, 0, bytes.length), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(point)]).toString("base64")}`;
}
