import { randomBytes } from "node:crypto";
import * as der from "../encoding/der.ts";
import { sha256 } from "../encoding/hash.ts";
import { createSigningKey } from "./key.ts";
import {
  distinguishedName,
  extendedKeyUsages,
  extension,
  issueCertificate,
  randomSerial,
  signatureAlgorithm,
  type Issuer,
} from "./x509.ts";

/** An RFC 3161 authority: P-384 root, P-256 signing certificate. */
export type TimestampAuthority = {
  /** DER, signing certificate first, root last. */
  chain: readonly Buffer[];
  /** TimeStampResp over bytes: for Sigstore the signature of the bundle. */
  timestamp(data: Uint8Array, at: number): Buffer;
  /** The same for whoever has only the SHA-256 message imprint. */
  timestampDigest(digest: Uint8Array, at: number): Buffer;
};

const oid = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  sha256: "2.16.840.1.101.3.4.2.1",
  policy: "1.3.6.1.4.1.57264.2",
} as const;

export function createTimestampAuthority(name: string, start: number): TimestampAuthority {
  const root: Issuer = {
    name: { organization: name, commonName: "tsa-root" },
    key: createSigningKey("P-384"),
  };
  const signer: Issuer = { name: { organization: name, commonName: "tsa" }, key: createSigningKey("P-256") };
  const lifetime = { notBefore: start, notAfter: start + 20 * 365 * 24 * 3600e3 };
  const serial = randomSerial();
  const rootCertificate = issueCertificate({
    subject: root.name,
    issuer: root,
    spki: root.key.spki,
    ...lifetime,
    serial: randomSerial(),
    extensions: [
      extension.keyUsage("keyCertSign"),
      extension.basicConstraints(0),
      extension.subjectKeyIdentifier(root.key.spki),
    ],
  });
  const certificate = issueCertificate({
    subject: signer.name,
    issuer: root,
    spki: signer.key.spki,
    ...lifetime,
    serial,
    extensions: [
      extension.keyUsage("digitalSignature"),
      extension.subjectKeyIdentifier(signer.key.spki),
      extension.authorityKeyIdentifier(root.key.spki),
      extension.extendedKeyUsage(extendedKeyUsages.timeStamping, true),
    ],
  });

  const timestampDigest = (digest: Uint8Array, at: number): Buffer => {
    const tstInfo = der.sequence(
      der.integer(1),
      der.objectIdentifier(oid.policy),
      der.sequence(sha256Algorithm, der.octetString(digest)),
      der.integer(randomBytes(8)),
      der.generalizedTime(at),
    );
    // SignedAttributes go in as [0], and are signed as a SET (RFC 5652 §5.4).
    const attributes = [
      attribute(oid.contentType, der.objectIdentifier(oid.tstInfo)),
      attribute(oid.messageDigest, der.octetString(sha256(tstInfo))),
      attribute(
        oid.signingCertificateV2,
        der.sequence(der.sequence(der.sequence(der.octetString(sha256(certificate))))),
      ),
    ].toSorted((a, b) => a.compare(b));
    const signerInfo = der.sequence(
      der.integer(1),
      der.sequence(distinguishedName(root.name), der.integer(serial)),
      sha256Algorithm,
      der.context(0, ...attributes),
      signatureAlgorithm(signer.key),
      der.octetString(signer.key.sign(der.set(...attributes))),
    );
    const signedData = der.sequence(
      der.integer(3),
      der.set(sha256Algorithm),
      der.sequence(der.objectIdentifier(oid.tstInfo), der.context(0, der.octetString(tstInfo))),
      der.context(0, certificate),
      der.set(signerInfo),
    );
    return der.sequence(
      der.sequence(der.integer(0)),
      der.sequence(der.objectIdentifier(oid.signedData), der.context(0, signedData)),
    );
  };

  return {
    chain: [certificate, rootCertificate],
    timestampDigest,
    timestamp: (data, at) => timestampDigest(sha256(data), at),
  };
}

const sha256Algorithm = der.sequence(der.objectIdentifier(oid.sha256));
const attribute = (type: string, value: Buffer): Buffer =>
  der.sequence(der.objectIdentifier(type), der.set(value));
