import { Buffer } from "node:buffer";
import { createSigstore, githubBuild } from "@countersign/testkit";
import { X509Certificate } from "@sigstore/core";
import { describe, expect, it } from "vitest";
import { readX509 } from "./x509.ts";

const at = Date.UTC(2026, 10, 1);
const [own, foreign] = [createSigstore(), createSigstore()];
const chainOf = (sigstore: typeof own): Buffer[] => {
  const { certificate } = sigstore.mint({
    content: { payload: "{}" },
    signer: githubBuild(),
    at,
  }).verificationMaterial;
  return [
    Buffer.from(certificate?.rawBytes ?? "", "base64"),
    ...sigstore.authorities.ca.chain.map((der) => Buffer.from(der)),
  ];
};
const ders = [...chainOf(own), ...chainOf(foreign)];
const [leaf, intermediate] = ders as [Buffer, Buffer];

function read(der: Buffer): X509Certificate {
  const certificate = readX509(der);
  if (certificate === null) throw new Error("not DER");
  return certificate;
}
const sctsAt = ({ extensions }: X509Certificate): number =>
  extensions.findIndex(({ subs }) => subs[0]?.toOID() === "1.3.6.1.4.1.11129.2.4.2");

describe("a certificate", () => {
  it("is a leaf, an intermediate and a root of two authorities here", () => {
    expect(ders).toHaveLength(6);
    expect(readX509(Buffer.concat([leaf, Buffer.of(0)]))).toBeNull();
    expect(readX509(leaf.subarray(0, -1))).toBeNull();
  });

  it("was issued by whom the library says, however often it is asked and in whatever order", () => {
    const ours = ders.map(read);
    const theirs = ders.map((der) => X509Certificate.parse(Buffer.from(der)));
    for (const round of [0, 1]) {
      for (let subject = 0; subject < ders.length; subject++) {
        for (let issuer = ders.length - 1; issuer >= 0; issuer--) {
          const answer = ours[subject]?.verify(ours[issuer]);
          expect(answer, `${subject} by ${issuer}, round ${round}`).toBe(
            theirs[subject]?.verify(theirs[issuer]),
          );
        }
        expect(ours[subject]?.verify()).toBe(theirs[subject]?.verify());
      }
    }
    expect(ours.map((subject) => ours.map((issuer) => Number(subject.verify(issuer))).join(""))).toEqual([
      "010000",
      "001000",
      "001000",
      "000010",
      "000001",
      "000001",
    ]);
  });

  it("was issued by a certificate of the library's own reading too", () => {
    expect(read(leaf).verify(X509Certificate.parse(Buffer.from(intermediate)))).toBe(true);
    expect(X509Certificate.parse(Buffer.from(leaf)).verify(read(intermediate))).toBe(true);
  });

  it("does not verify with one bit changed, whatever was remembered of the other", () => {
    const issuer = read(intermediate);
    expect(read(leaf).verify(issuer)).toBe(true);
    for (const from of [40, 200, leaf.length - 8]) {
      const bytes = Buffer.from(leaf);
      bytes[from] = (bytes[from] as number) ^ 1;
      const changed = readX509(bytes);
      expect(changed === null ? false : changed.verify(issuer)).toBe(false);
      expect(changed?.equals(read(leaf)) ?? false).toBe(false);
    }
  });

  it("equals the same bytes and no others", () => {
    for (const [one, left] of ders.entries()) {
      for (const [other, right] of ders.entries()) expect(read(left).equals(read(right))).toBe(one === other);
      expect(read(left).equals(X509Certificate.parse(Buffer.from(left)))).toBe(true);
    }
  });

  it("encodes without its SCTs as the library does, in a clone that is no longer its issuer's", () => {
    const [certificate, reference] = [read(leaf), X509Certificate.parse(Buffer.from(leaf))];
    const issuer = read(intermediate);
    expect(certificate.verify(issuer)).toBe(true);
    const [clone, cloned] = [certificate.clone(), reference.clone()];
    expect(clone.verify(issuer)).toBe(true);
    expect(sctsAt(clone)).toBeGreaterThan(0);
    for (const copy of [clone, cloned]) copy.extensions.splice(sctsAt(copy), 1);
    expect(clone.tbsCertificate.toDER().equals(cloned.tbsCertificate.toDER())).toBe(true);
    expect(clone.tbsCertificate.toDER().length).toBeLessThan(certificate.tbsCertificate.toDER().length);
    expect(clone.verify(issuer)).toBe(false);
    expect(clone.equals(certificate)).toBe(false);
    expect(certificate.equals(clone)).toBe(false);
    expect(certificate.root.toDER().equals(leaf)).toBe(true);
  });
});
