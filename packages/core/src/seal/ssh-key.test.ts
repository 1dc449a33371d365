import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sealKeyPair } from "../../test/seal-keys.ts";
import { pointOf, type PublicKeyAlgorithm } from "./public-key.ts";
import { formatSshPublicKey, parseSshPublicKey, readSshKey, sshKeyBlob } from "./ssh-key.ts";
import { SshReader, sshString } from "./ssh-wire.ts";

const algorithms: readonly PublicKeyAlgorithm[] = [
  "sshsig-ed25519",
  "sshsig-ecdsa-p256",
  "sshsig-sk-ed25519",
  "sshsig-sk-ecdsa-p256",
];
const detailOf = (blob: Uint8Array): string => {
  const read = readSshKey(blob);
  return read.ok ? "read" : read.detail;
};
const strings = (...parts: readonly (string | Uint8Array)[]): Buffer => Buffer.concat(parts.map(sshString));
const ed25519 = sealKeyPair("sshsig-ed25519").key;
const ecdsa = sealKeyPair("sshsig-ecdsa-p256").key;
const edPoint = pointOf("Ed25519", ed25519.key) as Buffer;
const ecPoint = pointOf("P-256", ecdsa.key) as Buffer;

describe("an OpenSSH public key", () => {
  it.each(algorithms)("of %s is read as it is written, its comment aside", (algorithm) => {
    const { key } = sealKeyPair(algorithm);
    const line = formatSshPublicKey(key);
    for (const text of [line, `${line}\n`, `${line} me@laptop with a comment\n`]) {
      const read = parseSshPublicKey(text);
      expect(read.ok && { ...read.key, key: null }).toEqual({ ...key, key: null });
      expect(read.ok && formatSshPublicKey(read.key)).toBe(line);
    }
  });

  it("is what its line says it is", () => {
    const line = formatSshPublicKey(ed25519).replace("ssh-ed25519", "sk-ssh-ed25519@openssh.com");
    expect(parseSshPublicKey(line).ok).toBe(false);
  });

  it.each(["", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 !!!!", "-----BEGIN OPENSSH PRIVATE KEY-----"])(
    "is not %j",
    (line) => expect(parseSshPublicKey(line).ok).toBe(false),
  );

  it.each([
    "DB_PASSWORD=hunter2\nTOKEN=abc\n",
    `hunter2 ${formatSshPublicKey(ed25519).split(" ")[1]}`,
    `hunter2 ${strings("hunter2", "x").toString("base64")}`,
    `ssh-ed25519 ${strings("ssh-hunter2", "x").toString("base64")}`,
  ])("is not %j, and nothing of that is repeated: it may be somebody's secret", (text) => {
    const read = parseSshPublicKey(text);
    expect(read).toMatchObject({ ok: false, detail: expect.any(String) as string });
    expect(JSON.stringify(read)).not.toMatch(/hunter2|abc/);
  });

  it("is not a line of a million characters, nor options before a key", () => {
    expect(parseSshPublicKey(" ".repeat(1 << 20)).ok).toBe(false);
    expect(parseSshPublicKey(`cert-authority ${formatSshPublicKey(ed25519)}`).ok).toBe(false);
  });

  it.each([
    ["RSA", strings("ssh-rsa", Buffer.of(1, 0, 1), Buffer.alloc(257, 3)), /"ssh-rsa" make no seals/],
    ["DSA", strings("ssh-dss", "p"), /make no seals/],
    ["P-384", strings("ecdsa-sha2-nistp384", "nistp384", Buffer.alloc(97, 4)), /make no seals/],
    ["a certificate", strings("ssh-ed25519-cert-v01@openssh.com", edPoint), /make no seals/],
    [
      "another curve under P-256's name",
      strings("ecdsa-sha2-nistp256", "nistp384", ecPoint),
      /another curve/,
    ],
    ["an Ed25519 point of small order", strings("ssh-ed25519", Buffer.alloc(32)), /small order/],
    ["no point of P-256", strings("ecdsa-sha2-nistp256", "nistp256", ecPoint.subarray(0, 64)), /65 bytes/],
    ["a point beside P-256", strings("ecdsa-sha2-nistp256", "nistp256", Buffer.alloc(65, 4)), /not on P-256/],
    ["bytes behind it", Buffer.concat([sshKeyBlob(ed25519), Buffer.of(0)]), /something follows/],
    ["its end missing", sshKeyBlob(ed25519).subarray(0, -1), /cut off/],
    [
      "a FIDO key of a website",
      strings("sk-ssh-ed25519@openssh.com", edPoint, "https://evil.example"),
      /ssh:/,
    ],
    ["a FIDO key without application", strings("sk-ssh-ed25519@openssh.com", edPoint), /cut off/],
    ["two thousand bytes", Buffer.alloc(2000), /too long/],
  ])("is not one of %s", (_, blob, why) => {
    expect(detailOf(blob)).toMatch(why);
  });

  it("keeps the application of a FIDO key, which is part of its id", () => {
    const keys = ["ssh:", "ssh:countersign"].map((application) =>
      readSshKey(strings("sk-ssh-ed25519@openssh.com", edPoint, application)),
    );
    expect(keys.map((read) => read.ok && read.key.application)).toEqual(["ssh:", "ssh:countersign"]);
    expect(new Set(keys.map((read) => read.ok && read.key.keyid)).size).toBe(2);
  });

  it("is nothing but what reads back to the same bytes", () => {
    const blob = fc.constantFrom(...algorithms.map((algorithm) => sshKeyBlob(sealKeyPair(algorithm).key)));
    const edited = fc.tuple(blob, fc.nat(200), fc.nat(255)).map(([bytes, at, to]) => {
      const copy = Buffer.from(bytes);
      copy[at % copy.length] = to;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(edited, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const read = readSshKey(bytes);
        if (read.ok) expect(sshKeyBlob(read.key).equals(bytes)).toBe(true);
      }),
    );
  });
});

describe("SSH's wire form", () => {
  const scalar = (bytes: readonly number[]): string | null =>
    new SshReader(sshString(Uint8Array.from(bytes))).scalar()?.toString("hex") ?? null;

  it("has one encoding of each positive integer of up to 32 bytes", () => {
    expect(scalar([1])).toBe("01".padStart(64, "0"));
    expect(scalar([0, 0x80])).toBe("80".padStart(64, "0"));
    expect(scalar([0, ...Array<number>(32).fill(0xff)])).toBe("ff".repeat(32));
    for (const bytes of [[], [0], [0, 1], [0x80], [1, ...Array<number>(32).fill(0)]])
      expect(scalar(bytes), bytes.join(" ")).toBeNull();
  });

  it("counts nothing that is cut off", () => {
    const reader = new SshReader(Buffer.of(0, 0, 0, 9, 1));
    expect(reader.string()).toHaveLength(0);
    expect(reader.take(0)).toHaveLength(0);
    expect(reader.isDone).toBe(false);
  });
});
