import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mpint, sealKeyPair, sshSeal, type SealKeyPair } from "../../test/seal-keys.ts";
import { sealTypes } from "./claim.ts";
import { readSshKey, sshKeyBlob } from "./ssh-key.ts";
import { SshReader, sshString, sshUint32 } from "./ssh-wire.ts";
import {
  formatSshSignature,
  readSshArmour,
  readSshSignature,
  sshArmour,
  sshSignedData,
  verifySshSignature,
  type SshSignature,
} from "./sshsig.ts";
import type { PublicSealKey } from "./public-key.ts";

const message = Buffer.from("DSSEv1 1 a 1 b");
const kinds = ["sshsig-ed25519", "sshsig-ecdsa-p256", "sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"] as const;
const pairs = new Map(kinds.map((kind) => [kind, sealKeyPair(kind)]));
const pairOf = (kind: (typeof kinds)[number]): SealKeyPair => pairs.get(kind) as SealKeyPair;

function parts(blob: Uint8Array): SshSignature {
  const read = readSshSignature(blob);
  if (read === null) throw new Error("no SSHSIG");
  return read;
}
/** The blob with other parts; nothing is signed anew. */
const edited = (blob: Uint8Array, change: Partial<SshSignature>): Buffer =>
  formatSshSignature({ ...parts(blob), ...change });

describe.each(kinds)("T24: an SSH signature by %s", (kind) => {
  const pair = pairOf(kind);
  const { key } = pair;
  const blob = sshSeal(pair, message);

  it("verifies with its key, over SHA-256 and SHA-512", () => {
    expect(verifySshSignature(key, message, blob)).toBe(true);
    expect(verifySshSignature(key, message, sshSeal(pair, message, { hash: "sha256" }))).toBe(true);
  });

  it("is over this message alone", () => {
    expect(verifySshSignature(key, Buffer.from("DSSEv1 1 a 1 c"), blob)).toBe(false);
  });

  it("is of the namespace of seals: what the key signs for git or a file is none", () => {
    for (const namespace of [
      "git",
      "file",
      "",
      "lockfile@countersign\0",
      `${sealTypes.sshNamespace}.example`,
    ])
      expect(verifySshSignature(key, message, sshSeal(pair, message, { namespace })), namespace).toBe(false);
    const relabelled = edited(sshSeal(pair, message, { namespace: "git" }), {
      namespace: sealTypes.sshNamespace,
    });
    expect(verifySshSignature(key, message, relabelled)).toBe(false);
  });

  it("is over the hash that it names", () => {
    expect(verifySshSignature(key, message, edited(blob, { hash: "sha256" }))).toBe(false);
  });

  it("names the trust store's key and no other", () => {
    const other = sealKeyPair(kind);
    expect(verifySshSignature(other.key, message, blob)).toBe(false);
    // Signed with the trusted key, naming another: what ssh-keygen would print is not who signed.
    expect(verifySshSignature(key, message, sshSeal(pair, message, { embedded: other.key }))).toBe(false);
    // Signed with another key, naming the trusted one.
    expect(verifySshSignature(key, message, sshSeal(other, message, { embedded: key }))).toBe(false);
  });

  it("has nothing before, behind or in place of its parts", () => {
    const after = Buffer.concat([blob, Buffer.of(0)]);
    const { signature } = parts(blob);
    const version = Buffer.from(blob);
    version[9] = 2;
    const inner = Buffer.concat([signature, Buffer.of(0)]);
    for (const bad of [after, blob.subarray(0, -1), blob.subarray(1), version, Buffer.alloc(0)]) {
      expect(readSshSignature(bad)).toBeNull();
      expect(verifySshSignature(key, message, bad)).toBe(false);
    }
    expect(verifySshSignature(key, message, edited(blob, { signature: inner }))).toBe(false);
    expect(verifySshSignature(key, message, edited(blob, { signature: Buffer.alloc(0) }))).toBe(false);
  });

  it("has no reserved bytes, which nobody would have signed", () => {
    const { publicKey, namespace, hash, signature } = parts(blob);
    const [head, tail] = [
      Buffer.concat([Buffer.from("SSHSIG"), sshUint32(1), sshString(publicKey), sshString(namespace)]),
      Buffer.concat([sshString(hash), sshString(signature)]),
    ];
    expect(Buffer.concat([head, sshString(""), tail]).equals(blob)).toBe(true);
    expect(readSshSignature(Buffer.concat([head, sshString("x"), tail]))).toBeNull();
  });

  it("is of its key's algorithm", () => {
    for (const other of kinds) {
      if (other === kind) continue;
      const type = new SshReader(parts(sshSeal(pairOf(other), message)).signature).name();
      const reader = new SshReader(parts(blob).signature);
      const own = reader.string();
      const rest = Buffer.from(parts(blob).signature).subarray(4 + own.length);
      const signature = Buffer.concat([sshString(type), rest]);
      expect(verifySshSignature(key, message, edited(blob, { signature })), type).toBe(false);
      expect(verifySshSignature(pairOf(other).key, message, blob)).toBe(false);
    }
  });

  it("is no signature by a key that is not SSH's", () => {
    const plain = sealKeyPair(kind.endsWith("ed25519") ? "ed25519" : "ecdsa-p256-sha256");
    expect(verifySshSignature(plain.key, message, blob)).toBe(false);
  });

  it("of another hash than SHA-256 and SHA-512 is refused", () => {
    expect(readSshSignature(edited(blob, { hash: "sha1" as "sha256" }))).toBeNull();
    expect(readSshSignature(edited(blob, { hash: "SHA512" as "sha512" }))).toBeNull();
  });

  it("stays what it is in armour", () => {
    const armoured = sshArmour(blob);
    expect(readSshArmour(armoured)?.equals(blob)).toBe(true);
    expect(readSshArmour(armoured.trimEnd())?.equals(blob)).toBe(true);
    for (const bad of [
      `x${armoured}`,
      `${armoured}x`,
      armoured.replace("SSH", "PGP"),
      armoured.slice(0, 90),
      "",
    ])
      expect(readSshArmour(bad)).toBeNull();
  });

  it("that is damaged anywhere never verifies and never throws", () => {
    fc.assert(
      fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(blob);
        bytes[at] = (bytes[at] as number) ^ change;
        expect(verifySshSignature(key, message, bytes)).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (signature) => {
        expect(verifySshSignature(key, message, edited(blob, { signature }))).toBe(false);
      }),
    );
  });
});

describe("T24: a signature by a FIDO key", () => {
  it.each(["sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"] as const)("of %s needs somebody's touch", (kind) => {
    const pair = pairOf(kind);
    for (const [flags, counts] of [
      [0x00, false],
      [0x04, false],
      [0x01, true],
      [0x05, true],
    ] as const)
      expect(verifySshSignature(pair.key, message, sshSeal(pair, message, { flags })), `${flags}`).toBe(
        counts,
      );
  });

  it.each(["sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"] as const)(
    "of %s signs its flags and counter",
    (kind) => {
      const pair = pairOf(kind);
      const blob = sshSeal(pair, message, { flags: 0 });
      // Flags and counter are the last five bytes.
      blob[blob.length - 5] = 1;
      expect(verifySshSignature(pair.key, message, blob)).toBe(false);
      const counted = sshSeal(pair, message);
      counted[counted.length - 1] = (counted.at(-1) as number) ^ 1;
      expect(verifySshSignature(pair.key, message, counted)).toBe(false);
    },
  );

  it.each(["sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"] as const)("of %s is for its application", (kind) => {
    const pair = pairOf(kind);
    const website = sshSeal(pair, message, { application: "https://evil.example" });
    expect(verifySshSignature(pair.key, message, website)).toBe(false);
    const elsewhere: PublicSealKey = { ...pair.key, application: "ssh:elsewhere" };
    expect(verifySshSignature(pair.key, message, sshSeal(pair, message, { embedded: elsewhere }))).toBe(
      false,
    );
    const named = sshSeal({ ...pair, key: elsewhere }, message);
    expect(verifySshSignature(elsewhere, message, named)).toBe(true);
    expect(verifySshSignature(pair.key, message, named)).toBe(false);
  });

  it("without its flags is no plain signature of the same point", () => {
    const sk = pairOf("sshsig-sk-ed25519");
    const plain: SealKeyPair = { ...sk, key: { ...sk.key, algorithm: "sshsig-ed25519", application: null } };
    const bare = sshSeal(plain, message);
    expect(verifySshSignature(plain.key, message, bare)).toBe(true);
    expect(verifySshSignature(sk.key, message, bare)).toBe(false);
    expect(verifySshSignature(sk.key, message, edited(bare, { publicKey: sshKeyBlob(sk.key) }))).toBe(false);
  });
});

describe("T24: an ECDSA signature in SSH's form", () => {
  const pair = pairOf("sshsig-ecdsa-p256");
  const blob = sshSeal(pair, message);
  const wire = new SshReader(parts(blob).signature);
  const type = wire.string();
  const inner = new SshReader(wire.string());
  const [r, s] = [inner.scalar() as Buffer, inner.scalar() as Buffer];
  const signature = (raw: Uint8Array): Buffer => Buffer.concat([sshString(type), sshString(raw)]);

  it("is two integers in their only form, and neither DER nor 64 bytes", () => {
    const padded = Buffer.concat([Buffer.of(0, 0), r]);
    for (const raw of [
      Buffer.concat([sshString(padded), mpint(s)]),
      Buffer.concat([r, s]),
      Buffer.concat([mpint(r), mpint(s), Buffer.of(0)]),
      Buffer.concat([sshString(""), mpint(s)]),
      Buffer.concat([mpint(Buffer.of(0)), mpint(Buffer.of(0))]),
    ])
      expect(verifySshSignature(pair.key, message, edited(blob, { signature: signature(raw) }))).toBe(false);
  });

  it("with n - s for s verifies too: it is the same signer, and signers are counted", () => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const other = Buffer.from((n - BigInt(`0x${s.toString("hex")}`)).toString(16).padStart(64, "0"), "hex");
    const malleated = edited(blob, { signature: signature(Buffer.concat([mpint(r), mpint(other)])) });
    expect(malleated.equals(blob)).toBe(false);
    expect(verifySshSignature(pair.key, message, malleated)).toBe(true);
  });
});

it("T24: what an SSH key signs is laid out as in PROTOCOL.sshsig", () => {
  const hash = createHash("sha512").update(message).digest("hex");
  const hex = sshSignedData("lockfile@countersign", "sha512", message).toString("hex");
  const text = (value: string): string =>
    value.length.toString(16).padStart(8, "0") + Buffer.from(value).toString("hex");
  expect(hex).toBe(
    `${Buffer.from("SSHSIG").toString("hex")}${text("lockfile@countersign")}00000000${text("sha512")}00000040${hash}`,
  );
});

it("T24: a blob of ten megabytes is not read", () => {
  expect(readSshSignature(Buffer.alloc(10 << 20))).toBeNull();
  expect(readSshKey(Buffer.alloc(10 << 20)).ok).toBe(false);
});
