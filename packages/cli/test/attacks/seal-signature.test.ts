import { createHmac, createPublicKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pae } from "@countersign/core";
import { approvals, commit, git, keyOf, sealPolicy } from "../sealing.ts";
import {
  forge,
  keyidIn,
  payloadOf,
  readSeal,
  removeSeal,
  reseal,
  rewrite,
  secretKey,
  writeSeal,
  type Bundle,
} from "./forging.ts";
import { allowed, openSealed, refusedFor, succeed, type SealedProject } from "./sealed-project.ts";

const hmacBundle = "application/vnd.countersign.hmac-bundle+json;v=1";
const sshBundle = "application/vnd.countersign.sshsig-bundle+json;v=1";
const payloadType = "application/vnd.in-toto+json";
let project: SealedProject;
let seal: string;
beforeAll(async () => {
  project = await openSealed();
});
afterAll(() => project.close());
beforeEach(async () => {
  [seal = ""] = project.seals();
  expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
});
afterEach(() => project.restore());

const payload = (): string => payloadOf(readSeal(project.scene, seal));
/** The seal's payload, signed by other means, in its place. */
const replace = (bundle: Bundle): void =>
  void writeSeal(
    project.scene,
    dirname(seal),
    Buffer.from(bundle.dsseEnvelope.payload, "base64"),
    JSON.stringify(bundle),
  );

describe("who signed", () => {
  it("F6: a key swapped under the id of another one", async () => {
    const keyid = keyidIn(project.scene, "alice");
    forge(project.scene, seal, { key: secretKey(project.scene, "mallory"), keyid, payload: payload() });
    expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
  });

  it("a key that nobody knows, under its own id, that says it is alice's", async () => {
    forge(project.scene, seal, {
      key: secretKey(project.scene, "mallory"),
      keyid: "f".repeat(64),
      payload: payload(),
    });
    expect(await project.verify()).toMatchObject(refusedFor("seal/key-unknown"));
  });

  it("the signature of one seal under the payload of another", async () => {
    const { signatures } = readSeal(project.scene, seal).dsseEnvelope;
    const other = reseal(project.scene, seal, "alice", (statement) => void (statement["note"] = 1));
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(allowed);
    rewrite(project.scene, other, ({ dsseEnvelope }) => void (dsseEnvelope.signatures = signatures));
    expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
  });

  it.each(["", "AA==", Buffer.alloc(64).toString("base64")])("F6: the signature %j", async (sig) => {
    rewrite(project.scene, seal, ({ dsseEnvelope }) => void (dsseEnvelope.signatures = [{ sig }]));
    const { exitCode, blocks, seals } = await project.verify();
    expect({ exitCode, blocks }).toEqual({ exitCode: 1, blocks: ["seal/approval-missing"] });
    expect(["seal/signature-invalid", "seal/malformed"]).toContain(seals[0]);
  });
});

describe("how it was signed", () => {
  it("an HMAC whose secret is a public key, in every form that a verifier might take it in", async () => {
    const open = createPublicKey(secretKey(project.scene, "alice"));
    const raw = open.export({ type: "spki", format: "der" }).subarray(-32);
    const keyid = keyidIn(project.scene, "alice");
    const secrets = [
      raw,
      Buffer.from(raw.toString("hex")),
      open.export({ type: "spki", format: "der" }),
      Buffer.from(open.export({ type: "spki", format: "pem" })),
      Buffer.from(keyid),
    ];
    for (const secret of secrets) {
      const sig = createHmac("sha256", secret)
        .update(pae(payloadType, Buffer.from(payload())))
        .digest("base64");
      const encoded = Buffer.from(payload()).toString("base64");
      replace({
        mediaType: hmacBundle,
        dsseEnvelope: { payload: encoded, payloadType, signatures: [{ keyid, sig }] },
      });
      expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
    }
  });

  it("an algorithm switched by the envelope", async () => {
    const keyid = keyidIn(project.scene, "alice");
    const key = secretKey(project.scene, "alice");
    forge(project.scene, seal, { key, keyid, payload: payload(), mediaType: sshBundle });
    expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
    forge(project.scene, seal, { key, keyid: keyidIn(project.scene, "bob"), payload: payload() });
    expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
  });

  it("an algorithm switched by the claim", async () => {
    reseal(project.scene, seal, "alice", (_, claim) => void (claim.signer.algorithm = "hmac-sha256"));
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(refusedFor("seal/signer-scope"));
  });

  it("K26: another payload type over the same payload, with or without a new signature", async () => {
    rewrite(project.scene, seal, ({ dsseEnvelope }) => void (dsseEnvelope.payloadType = "text/evil"));
    expect(await project.verify()).toMatchObject(refusedFor("seal/signature-invalid"));
    const [key, keyid] = [secretKey(project.scene, "alice"), keyidIn(project.scene, "alice")];
    forge(project.scene, seal, { key, keyid, payload: payload(), payloadType: "text/evil" });
    expect(await project.verify()).toMatchObject(refusedFor("seal/payload-type"));
  });

  it("F19: what holds a secret is written by none of it", async () => {
    const secret = "an hmac secret of more than thirty-two bytes";
    const variables = { SEAL_SECRET: secret };
    succeed(
      await project.scene.runWith(
        { variables },
        "trust",
        "add",
        "robot",
        "--hmac",
        "SEAL_SECRET",
        "--key",
        keyOf(project.scene, "root"),
        "--yes",
      ),
    );
    project.write(
      ".countersign/policy.yaml",
      sealPolicy(project.scene, approvals()).replace("[alice, bob]", "[robot]"),
    );
    expect(await project.verifyWith({ variables })).toMatchObject({ blocks: ["seal/approval-missing"] });
    succeed(await project.scene.runWith({ variables }, "sign", "--hmac", "SEAL_SECRET", "--yes"));
    expect(await project.verifyWith({ variables })).toMatchObject({ ...allowed, approvals: ["robot"] });
    // Without the secret nobody can tell, and a guess is none.
    expect(await project.verify()).toMatchObject({
      exitCode: 1,
      seals: expect.arrayContaining(["seal/key-unknown"]) as unknown,
    });
    expect(await project.verifyWith({ variables: { SEAL_SECRET: `${secret}!` } })).toMatchObject({
      exitCode: 1,
      approvals: [],
    });
    commit(project.scene, "with an HMAC");
    expect(git(project.scene, "grep", "-c", "SEAL_SECRET", "HEAD")).not.toBe("");
    expect(() => git(project.scene, "grep", "-q", secret, "HEAD")).toThrow();
    expect(() => git(project.scene, "grep", "-q", "PRIVATE KEY", "HEAD")).toThrow();
  });
});

describe("what two readers could read differently", () => {
  it.each([
    ["the envelope", '"payloadType":', '"payloadType": "text/evil",\n    "payloadType":'],
    ["the bundle", '"mediaType":', '"mediaType": "x", "mediaType":'],
    ["the signature", '"sig":', '"sig": "AA==", "sig":'],
  ])("a member twice in %s", async (_, from, to) => {
    writeFileSync(project.path(seal), project.read(seal).replace(from, to));
    expect(await project.verify()).toMatchObject(refusedFor("seal/malformed"));
  });

  it.each([
    ["subject", '"subject":', '"subject": [], "subject":'],
    ["repository", '"repository":', '"repository": "https://evil.example/a", "repository":'],
    ["a member of a level", '"signed":', '"signed": 0, "signed":'],
    ["one under another spelling", '"predicateType":', '"predicat\\u0065Type": "x", "predicateType":'],
  ])("a member twice in the signed payload: %s", async (_, from, to) => {
    const changed = payload().replace(from, to);
    expect(changed).not.toBe(payload());
    const [key, keyid] = [secretKey(project.scene, "alice"), keyidIn(project.scene, "alice")];
    forge(project.scene, seal, { key, keyid, payload: changed });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(refusedFor("seal/statement-malformed"));
  });

  it.each([
    [
      "two subjects",
      (text: string) => text.replace('"subject":[', '"subject":[{"digest":{"sha256":"00"},"name":"x"},'),
    ],
    ["another statement version", (text: string) => text.replace("Statement/v1", "Statement/v2")],
    ["no JSON", (text: string) => text.slice(1)],
    ["text after it", (text: string) => `${text} {}`],
    [
      "a resource outside of the project",
      (text: string) =>
        text.replace('"resources":[', '"resources":[{"digest":{"sha256":"00"},"name":"../x"},'),
    ],
  ])("F20: %s is an error of its own, never a missing seal", async (_, change) => {
    const [key, keyid] = [secretKey(project.scene, "alice"), keyidIn(project.scene, "alice")];
    expect(change(payload())).not.toBe(payload());
    forge(project.scene, seal, { key, keyid, payload: change(payload()) });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(refusedFor("seal/statement-malformed"));
  });

  it.each([
    ["a claim of a later version", "seal/predicate-unknown", "lockfile-approval/v1", "lockfile-approval/v2"],
  ])("F20 T20: %s is said to be unknown and stays as it is", async (_, code, from, to) => {
    const [key, keyid] = [secretKey(project.scene, "alice"), keyidIn(project.scene, "alice")];
    const later = forge(project.scene, seal, { key, keyid, payload: payload().replace(from, to) });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(refusedFor(code));
    const text = project.read(later);
    succeed(await project.sign("alice"));
    expect(await project.verify()).toMatchObject(allowed);
    expect(project.read(later)).toBe(text);
  });

  it.each([
    "application/vnd.dev.sigstore.bundle.v0.4+json",
    "application/vnd.dev.sigstore.bundle.v0.1+json",
    "application/vnd.countersign.hmac-bundle+json;v=2",
    "application/vnd.countersign.sshsig-bundle+json",
  ])("F20 T20: the bundle type %s is an error and stays as it is", async (mediaType) => {
    rewrite(project.scene, seal, (bundle) => void (bundle.mediaType = mediaType));
    expect(await project.verify()).toMatchObject(refusedFor("seal/malformed"));
    const text = project.read(seal);
    succeed(await project.sign("bob"));
    expect(project.read(seal)).toBe(text);
  });
});
