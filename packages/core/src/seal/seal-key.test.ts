import { Buffer } from "node:buffer";
import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sealKeyPair, hmacKey } from "../../test/seal-keys.ts";
import type { PublicKeyAlgorithm } from "./public-key.ts";
import { formatSealKey, hmacKeyid, hmacSealKey, readSealKey, sealKeyOf } from "./seal-key.ts";
import type { SealKey } from "./trust-root.ts";

const algorithms: readonly PublicKeyAlgorithm[] = [
  "ed25519",
  "ecdsa-p256-sha256",
  "sshsig-ed25519",
  "sshsig-ecdsa-p256",
  "sshsig-sk-ed25519",
  "sshsig-sk-ecdsa-p256",
];
const secret = Buffer.alloc(32, 7);

const detailOf = (value: unknown): string => {
  const read = readSealKey(value);
  return read.ok ? "read" : read.detail;
};
const ed25519Form = (hex: string): unknown => ({
  keytype: "ed25519",
  scheme: "ed25519",
  keyval: { public: hex },
});
const ecdsaForm = (key: KeyObject): unknown => ({
  keytype: "ecdsa",
  scheme: "ecdsa-sha2-nistp256",
  keyval: { public: key.export({ type: "spki", format: "pem" }).toString() },
});
const pemOf = (der: Buffer): string =>
  `-----BEGIN PUBLIC KEY-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END PUBLIC KEY-----\n`;

describe("a seal key in TUF's form", () => {
  it.each(algorithms)("of %s is read as it is written", (algorithm) => {
    const { key } = sealKeyPair(algorithm);
    const form: unknown = JSON.parse(JSON.stringify(formatSealKey(key)));
    const read = readSealKey(form);
    expect(read.ok && { ...read.key, key: null }).toEqual({ ...key, key: null });
    expect(read.ok && formatSealKey(read.key)).toEqual(form);
  });

  it("of HMAC names a variable and never a secret", () => {
    const key = hmacKey("SEAL_SECRET", secret);
    const keyid = createHmac("sha256", secret).update("countersign hmac key id").digest("hex");
    const form = { keytype: "hmac", scheme: "hmac-sha256", keyval: { variable: "SEAL_SECRET", keyid } };
    expect(formatSealKey(key)).toEqual(form);
    expect(readSealKey(form)).toEqual({ ok: true, key });
    for (const keyval of [
      { variable: "SEAL SECRET", keyid },
      { variable: "SEAL_SECRET", keyid: keyid.slice(2) },
      { variable: "SEAL_SECRET", keyid: keyid.toUpperCase() },
      { variable: "SEAL_SECRET" },
      { variable: "SEAL_SECRET", keyid, secret: "s" },
    ])
      expect(readSealKey({ ...form, keyval }).ok, JSON.stringify(keyval)).toBe(false);
  });

  it("has the SHA-256 of its canonical JSON as its id", () => {
    const { key } = sealKeyPair("ed25519");
    const { x } = key.key.export({ format: "jwk" });
    const hex = Buffer.from(x ?? "", "base64url").toString("hex");
    const json = `{"keytype":"ed25519","keyval":{"public":"${hex}"},"scheme":"ed25519"}`;
    expect(key.keyid).toBe(createHash("sha256").update(json).digest("hex"));
  });

  it("has the line breaks of PEM in that JSON unescaped (OLPC)", () => {
    const { key } = sealKeyPair("ecdsa-p256-sha256");
    const pem = key.key.export({ type: "spki", format: "pem" }).toString();
    const json = `{"keytype":"ecdsa","keyval":{"public":"${pem}"},"scheme":"ecdsa-sha2-nistp256"}`;
    expect(key.keyid).toBe(createHash("sha256").update(json).digest("hex"));
  });

  it("is refused in any second form, under which one key would have another id", () => {
    const ed25519 = formatSealKey(sealKeyPair("ed25519").key);
    const ecdsa = formatSealKey(sealKeyPair("ecdsa-p256-sha256").key);
    const ssh = formatSealKey(sealKeyPair("sshsig-ed25519").key);
    const text = (form: typeof ssh): string => form.keyval["public"] ?? "";
    for (const form of [
      { ...ed25519, keyval: { public: text(ed25519).toUpperCase() } },
      { ...ed25519, extra: "x" },
      { ...ed25519, keyval: { ...ed25519.keyval, extra: "x" } },
      JSON.parse(
        `{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"${text(ed25519)}","__proto__":"x"}}`,
      ),
      { ...ecdsa, keyval: { public: text(ecdsa).trimEnd() } },
      { ...ecdsa, keyval: { public: text(ecdsa).replaceAll("\n", "\r\n") } },
      { ...ecdsa, keyval: { public: text(ecdsa).replace(/\n(?=.*\n-----END)/, "") } },
      { ...ssh, keyval: { public: `${text(ssh)} me@laptop` } },
      { ...ssh, keyval: { public: text(ssh).replace(" ", "  ") } },
      { ...ssh, scheme: "sshsig-ecdsa-p256" },
      { ...ssh, scheme: "ssh-ed25519" },
    ])
      expect(detailOf(form)).not.toBe("read");
  });

  it("is refused where the compressed point of the same key stands in PEM", () => {
    const { key } = sealKeyPair("ecdsa-p256-sha256");
    const der = key.key.export({ type: "spki", format: "der" });
    const point = Buffer.concat([Buffer.of(2 + ((der.at(-1) as number) & 1)), der.subarray(27, 59)]);
    const prefix = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
    const pem = pemOf(Buffer.concat([prefix, point]));
    expect(createPublicKey(pem).asymmetricKeyType).toBe("ec");
    expect(detailOf({ keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } })).toMatch(
      /P-256/,
    );
  });

  it.each([null, 1, "key", [], {}, { keytype: "ed25519", scheme: "ed25519", keyval: { public: 1 } }])(
    "is refused where it is %j",
    (value) => expect(readSealKey(value).ok).toBe(false),
  );

  it("never throws", () => {
    const forms = algorithms.map((algorithm) => formatSealKey(sealKeyPair(algorithm).key));
    const text = fc.oneof(fc.string(), fc.constantFrom(...forms.map(({ keyval }) => keyval["public"] ?? "")));
    const form = fc.record({
      keytype: fc.oneof(fc.constantFrom("ed25519", "ecdsa", "ssh", "hmac"), fc.string()),
      scheme: fc.oneof(fc.constantFrom("ed25519", "ecdsa-sha2-nistp256", ...algorithms), fc.string()),
      keyval: fc.record({
        public: text.chain((whole) => fc.nat(whole.length).map((end) => whole.slice(0, end))),
      }),
    });
    fc.assert(fc.property(fc.oneof(form, fc.jsonValue()), (value) => void readSealKey(value)));
  });
});

describe("an Ed25519 key", () => {
  /** What anyone can write under the identity point for any message: R the identity, S zero. */
  const forgery = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]);

  it.each([
    ["order 1", "0100000000000000000000000000000000000000000000000000000000000000"],
    ["order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
    ["order 4", "0000000000000000000000000000000000000000000000000000000000000000"],
    ["order 4, the other", "0000000000000000000000000000000000000000000000000000000000000080"],
    ["order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"],
    ["order 8, the second", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"],
    ["order 8, the third", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
    ["order 8, the fourth", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"],
  ])("of small order is refused: %s", (_, hex) => {
    expect(detailOf(ed25519Form(hex))).toMatch(/small order/);
  });

  it("of order 1 would take a signature that nobody made", () => {
    const der = Buffer.concat([
      Buffer.from("302a300506032b6570032100", "hex"),
      Buffer.of(1),
      Buffer.alloc(31),
    ]);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    // Whether a runtime's own verification takes it differs by release; the curve's equation (ZIP 215) does.
    expect(ed25519.verify(forgery, Buffer.from("any lockfile"), der.subarray(-32), { zip215: true })).toBe(
      true,
    );
    expect(sealKeyOf("ed25519", key).ok).toBe(false);
    expect(sealKeyOf("sshsig-ed25519", key).ok).toBe(false);
  });

  it.each([
    ["the field's prime for 0", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
    ["the prime and one for 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
    ["a sign without an x", "0100000000000000000000000000000000000000000000000000000000000080"],
    ["a y above the prime", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
    ["a point beside the curve", "0200000000000000000000000000000000000000000000000000000000000000"],
  ])("that is not canonical is refused: %s", (_, hex) => {
    expect(detailOf(ed25519Form(hex))).toMatch(/canonical/);
  });

  it("of another length is refused", () => {
    expect(detailOf(ed25519Form("aa".repeat(31)))).toMatch(/32 bytes/);
    expect(detailOf(ed25519Form("aa".repeat(33)))).toMatch(/32 bytes/);
    expect(detailOf(ed25519Form("a".repeat(63)))).not.toBe("read");
  });
});

describe("a P-256 key", () => {
  const onP256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;

  it.each([
    ["P-384", generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey],
    ["secp256k1", generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey],
    ["X25519", generateKeyPairSync("x25519").publicKey],
    ["Ed25519", generateKeyPairSync("ed25519").publicKey],
    ["Ed448", generateKeyPairSync("ed448").publicKey],
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey],
    ["brainpool", generateKeyPairSync("ec", { namedCurve: "brainpoolP256r1" }).publicKey],
  ])("on %s is refused", (name, key) => {
    expect(detailOf(ecdsaForm(key))).toMatch(/P-256/);
    const refused = { ok: false, detail: "the key is not on P-256" };
    expect(sealKeyOf("ecdsa-p256-sha256", key)).toEqual(refused);
    expect(sealKeyOf("sshsig-ecdsa-p256", key)).toEqual(refused);
    expect(sealKeyOf("ed25519", key).ok).toBe(name === "Ed25519");
  });

  it("beside the curve is refused", () => {
    const der = onP256.export({ type: "spki", format: "der" });
    der[der.length - 1] = (der.at(-1) as number) ^ 1;
    const form = { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pemOf(der) } };
    expect(detailOf(form)).toMatch(/not on P-256/);
  });

  it("that is a secret, or the wrong half, is no public key", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const read = sealKeyOf("ecdsa-p256-sha256", privateKey);
    expect(read.ok && read.key.key.type).toBe("public");
    expect(sealKeyOf("ecdsa-p256-sha256", createSecretKey(secret)).ok).toBe(false);
  });

  it("has an application when it is a FIDO key, and only then", () => {
    expect(sealKeyOf("ecdsa-p256-sha256", onP256, "ssh:").ok).toBe(false);
    expect(sealKeyOf("sshsig-sk-ecdsa-p256", onP256).ok).toBe(false);
    expect(sealKeyOf("sshsig-sk-ecdsa-p256", onP256, "ssh:").ok).toBe(true);
  });
});

describe("an HMAC secret", () => {
  it("F4: shorter than 32 bytes is an error", () => {
    expect(hmacKeyid(Buffer.alloc(31, 7))).toBeNull();
    const short = hmacSealKey("SEAL_SECRET", Buffer.alloc(31, 7));
    expect(!short.ok && short.detail).toBe("the secret has 31 bytes; at least 32 are needed");
    expect(hmacSealKey("SEAL_SECRET", Buffer.alloc(32, 7)).ok).toBe(true);
  });

  it("has an id of its own", () => {
    expect(hmacKeyid(secret)).not.toBe(hmacKeyid(Buffer.alloc(32, 8)));
  });

  it("stands in a variable that has a name", () => {
    for (const name of ["", "1X", "A-B", "A\n", "A".repeat(200)])
      expect(hmacSealKey(name, secret).ok, name).toBe(false);
  });
});

/** So that the table above cannot fall behind the type. */
const all: Record<SealKey["algorithm"], true> = {
  ed25519: true,
  "ecdsa-p256-sha256": true,
  "sshsig-ed25519": true,
  "sshsig-ecdsa-p256": true,
  "sshsig-sk-ed25519": true,
  "sshsig-sk-ecdsa-p256": true,
  "hmac-sha256": true,
};
it("every algorithm of a seal key is tried", () => {
  expect([...algorithms, "hmac-sha256"].toSorted()).toEqual(Object.keys(all).toSorted());
});
