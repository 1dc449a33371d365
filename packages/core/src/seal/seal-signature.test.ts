import { Buffer } from "node:buffer";
import { createHmac, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  documentOf,
  hmacKey,
  sealKeyPair,
  signedBy,
  signerOf,
  sshSeal,
  statement,
  trustOf,
} from "../../test/seal-keys.ts";
import { sealTypes } from "./claim.ts";
import { pae } from "./dsse.ts";
import type { PublicKeyAlgorithm } from "./public-key.ts";
import type { SealDocument } from "./seal-document.ts";
import { verifySealSignature, type SealTrust } from "./seal-signature.ts";

const algorithms: readonly PublicKeyAlgorithm[] = [
  "ed25519",
  "ecdsa-p256-sha256",
  "sshsig-ed25519",
  "sshsig-ecdsa-p256",
  "sshsig-sk-ed25519",
  "sshsig-sk-ecdsa-p256",
];
const invalid = "seal/signature-invalid";
const unknown = "seal/key-unknown";
const message = pae(sealTypes.payload, statement);

function outcome(document: SealDocument, trust: SealTrust): string {
  const result = verifySealSignature(document, trust);
  return result.ok ? `${result.signer.id} ${result.keyid} ${result.algorithm}` : result.code;
}
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) as number) ^ 1;
  return copy;
};

describe.each(algorithms)("a signature by %s", (algorithm) => {
  const [alice, bob, mallory] = [sealKeyPair(algorithm), sealKeyPair(algorithm), sealKeyPair(algorithm)];
  const trust = trustOf([signerOf("bob", [bob.key]), signerOf("alice", [alice.key])]);
  const document = documentOf(signedBy(alice));

  it("T1: is by the signer whose key it is, by the trust store's algorithm, with no trusted time", () => {
    expect(verifySealSignature(document, trust)).toEqual({
      ok: true,
      signer: trust.root.signers[1],
      keyid: alice.key.keyid,
      algorithm,
      trustedTime: null,
    });
  });

  it("T10: is over the payload's bytes, every one of them", () => {
    expect(outcome({ ...document, payload: flipped(document.payload) }, trust)).toBe(invalid);
    expect(
      outcome({ ...document, payload: Buffer.concat([document.payload, Buffer.from(" ")]) }, trust),
    ).toBe(invalid);
    expect(outcome({ ...document, payload: Buffer.alloc(0) }, trust)).toBe(invalid);
  });

  it("T10: is over the payload type", () => {
    expect(outcome({ ...document, payloadType: "text/plain" }, trust)).toBe(invalid);
    // The same bytes in all, with another cut between type and payload.
    const shifted = {
      payloadType: "application/vnd.in-toto+jso",
      payload: Buffer.from(`n${statement.toString()}`),
    };
    expect(outcome({ ...document, ...shifted }, trust)).toBe(invalid);
  });

  it("does not verify under another key's id, with the signature kept", () => {
    expect(outcome({ ...document, keyid: bob.key.keyid }, trust)).toBe(invalid);
  });

  it("does not verify by another key, with the id kept", () => {
    const signed = signedBy({ ...mallory, key: { ...mallory.key, keyid: alice.key.keyid } });
    expect(outcome(documentOf(signed), trust)).toBe(invalid);
  });

  it("counts for nothing where no signer has the key", () => {
    expect(outcome(documentOf(signedBy(mallory)), trust)).toBe(unknown);
    expect(outcome({ ...document, keyid: "" }, trust)).toBe(unknown);
    expect(outcome(document, trustOf([]))).toBe(unknown);
  });

  it("does not verify damaged, and never throws", () => {
    expect(outcome({ ...document, signature: flipped(document.signature) }, trust)).toBe(invalid);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
        expect(outcome({ ...document, signature: Buffer.from(bytes) }, trust)).toBe(invalid);
      }),
    );
  });

  it("is never tried in another kind of envelope", () => {
    for (const kind of ["sigstore-key", "ssh", "hmac"] as const)
      if (kind !== document.kind) expect(outcome({ ...document, kind }, trust), kind).toBe(invalid);
    expect(outcome({ ...document, kind: "sigstore-certificate" }, trust)).toBe(unknown);
  });

  it("cannot be replaced by an HMAC with the public key for a secret", () => {
    const publicKey = alice.key.key;
    const secrets = [
      publicKey.export({ type: "spki", format: "der" }),
      Buffer.from(publicKey.export({ type: "spki", format: "pem" })),
      Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"),
      Buffer.from(alice.key.keyid),
    ];
    for (const secret of secrets) {
      const signature = createHmac("sha256", secret).update(message).digest();
      const forged = documentOf({ signature, material: { kind: "hmac", keyid: alice.key.keyid } });
      const known = new Map([[alice.key.keyid, secret]]);
      expect(outcome(forged, trust)).toBe(invalid);
      expect(outcome(forged, { ...trust, secrets: known })).toBe(invalid);
    }
  });
});

describe("an algorithm", () => {
  it("is the key's: the plain signature of an SSH key is no seal, nor the SSH signature of a plain one", () => {
    const ssh = sealKeyPair("sshsig-ed25519");
    const plain = documentOf({
      signature: sign(null, message, ssh.privateKey),
      material: { kind: "key", keyid: ssh.key.keyid },
    });
    expect(outcome(plain, trustOf([signerOf("alice", [ssh.key])]))).toBe(invalid);
    const key = sealKeyPair("ed25519");
    const { keyid } = key.key;
    const signature = sshSeal({ ...ssh, privateKey: key.privateKey }, message);
    const wrapped = documentOf({ signature, material: { kind: "ssh", keyid } });
    expect(outcome(wrapped, trustOf([signerOf("alice", [key.key])]))).toBe(invalid);
  });

  it("of one curve is not tried with the other's key of the same id", () => {
    const [ed25519, ecdsa] = [sealKeyPair("ed25519"), sealKeyPair("ecdsa-p256-sha256")];
    const document = documentOf(signedBy(ed25519));
    const trust = trustOf([signerOf("alice", [{ ...ecdsa.key, keyid: ed25519.key.keyid }])]);
    expect(outcome(document, trust)).toBe(invalid);
  });
});

describe("an ECDSA signature", () => {
  const { key, privateKey } = sealKeyPair("ecdsa-p256-sha256");
  const trust = trustOf([signerOf("alice", [key])]);
  const material = { kind: "key", keyid: key.keyid } as const;
  const p1363 = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });

  it("is DER: 64 bytes of the same numbers are refused", () => {
    expect(outcome(documentOf({ signature: p1363, material }), trust)).toBe(invalid);
  });

  it("is DER to the letter", () => {
    const der = sign("sha256", message, privateKey);
    const long = Buffer.concat([Buffer.of(0x30, 0x81), der.subarray(1)]);
    for (const signature of [Buffer.concat([der, Buffer.of(0)]), long, der.subarray(0, -1)])
      expect(outcome(documentOf({ signature, material }), trust)).toBe(invalid);
  });

  it("over another hash is refused", () => {
    for (const hash of ["sha384", "sha512", "sha1"])
      expect(outcome(documentOf({ signature: sign(hash, message, privateKey), material }), trust), hash).toBe(
        invalid,
      );
  });

  it("with n - s for s verifies: the same signer, and signers are what is counted", () => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = (n - BigInt(`0x${p1363.subarray(32).toString("hex")}`)).toString(16).padStart(64, "0");
    const integer = (hex: string): Buffer => {
      const digits = Buffer.from(hex.replace(/^(?:00)+/, ""), "hex");
      const bytes = (digits[0] as number) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
      return Buffer.concat([Buffer.of(2, bytes.length), bytes]);
    };
    const numbers = Buffer.concat([integer(p1363.subarray(0, 32).toString("hex")), integer(s)]);
    const signature = Buffer.concat([Buffer.of(0x30, numbers.length), numbers]);
    expect(outcome(documentOf({ signature, material }), trust)).toBe(`alice ${key.keyid} ecdsa-p256-sha256`);
  });
});

describe("an HMAC", () => {
  const secret = Buffer.from("a secret of more than thirty-two bytes");
  const key = hmacKey("SEAL_SECRET", secret);
  const { keyid } = key;
  const signers = [signerOf("ci", [key])];
  const secrets = new Map<string, Uint8Array>([["SEAL_SECRET", secret]]);
  const trust = trustOf(signers, { secrets });
  const mac = (by: Uint8Array): Buffer => createHmac("sha256", by).update(message).digest();
  const document = documentOf({ signature: mac(secret), material: { kind: "hmac", keyid } });

  it("F3: is HMAC-SHA256 with the secret in the variable that the trust store names", () => {
    expect(outcome(document, trust)).toBe(`ci ${keyid} hmac-sha256`);
    // python3 -c 'hmac.new(secret, b"DSSEv1 28 application/vnd.in-toto+json 43 " + statement, "sha256").hexdigest()'
    expect(document.signature.toString("hex")).toBe(
      "d778e18d72caa518f1b65a5c7c8cdd60613cb78253a2b68eca0760543430e65b",
    );
  });

  it("F4: with a secret of fewer than 32 bytes is an error, whatever key id it is given", () => {
    const short = Buffer.alloc(31, 7);
    const made = createHmac("sha256", short).update("countersign hmac key id").digest("hex");
    const trusted = [signerOf("ci", [{ keyid: made, algorithm: "hmac-sha256", variable: "SEAL_SECRET" }])];
    const weak = documentOf({ signature: mac(short), material: { kind: "hmac", keyid: made } });
    const result = verifySealSignature(
      weak,
      trustOf(trusted, { secrets: new Map([["SEAL_SECRET", short]]) }),
    );
    expect(result).toEqual({
      ok: false,
      code: unknown,
      detail: "SEAL_SECRET: the secret has 31 bytes; at least 32 are needed",
    });
  });

  it("with another secret, a damaged or a cut one, over other bytes does not verify", () => {
    expect(outcome({ ...document, signature: mac(Buffer.alloc(32, 1)) }, trust)).toBe(invalid);
    expect(outcome({ ...document, signature: flipped(document.signature) }, trust)).toBe(invalid);
    expect(outcome({ ...document, payload: flipped(document.payload) }, trust)).toBe(invalid);
    expect(outcome({ ...document, payloadType: "text/plain" }, trust)).toBe(invalid);
  });

  it("F9: is compared in constant time, and of any other length is refused rather than thrown over", () => {
    for (const length of [0, 1, 31, 33, 64])
      expect(outcome({ ...document, signature: Buffer.alloc(length) }, trust), `${length}`).toBe(invalid);
    const source = readFileSync(new URL("seal-signature.ts", import.meta.url), "utf8");
    const [, body = ""] = /function hmacProblem\(([\s\S]*?)\n\}/.exec(source) ?? [];
    expect(body).toMatch(/timingSafeEqual\(signature, expected\)/);
    expect(body).not.toMatch(/\.(?:equals|compare)\(|expected\s*[!=]==/);
  });

  it("counts for nothing without the secret at hand, or with another in its variable", () => {
    expect(outcome(document, trustOf(signers))).toBe(unknown);
    const elsewhere = new Map([["OTHER", secret]]);
    expect(outcome(document, trustOf(signers, { secrets: elsewhere }))).toBe(unknown);
    const other = new Map([["SEAL_SECRET", Buffer.alloc(40, 5)]]);
    expect(
      outcome({ ...document, signature: mac(Buffer.alloc(40, 5)) }, trustOf(signers, { secrets: other })),
    ).toBe(unknown);
  });

  it("is never tried in another kind of envelope", () => {
    for (const kind of ["sigstore-key", "ssh"] as const)
      expect(outcome({ ...document, kind }, trust)).toBe(invalid);
  });
});
