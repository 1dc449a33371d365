import { randomBytes } from "node:crypto";
import * as der from "../encoding/der.ts";
import { sha1 } from "../encoding/hash.ts";
import type { SigningKey } from "./key.ts";

/** Distinguished name; the empty object is the empty name that Fulcio's leaves have. */
export type Name = { organization?: string; commonName?: string };
export type Extension = { oid: string; critical?: boolean; value: Buffer };
export type Issuer = { name: Name; key: SigningKey };
export type CertificateRequest = {
  subject: Name;
  issuer: Issuer;
  /** SubjectPublicKeyInfo of the certified key. */
  spki: Uint8Array;
  notBefore: number;
  notAfter: number;
  serial: Buffer;
  extensions: readonly Extension[];
};

const signatureAlgorithms = {
  "P-256": "1.2.840.10045.4.3.2",
  "P-384": "1.2.840.10045.4.3.3",
  Ed25519: "1.3.101.112",
} as const;

export const extendedKeyUsages = {
  codeSigning: "1.3.6.1.5.5.7.3.3",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** 20 positive bytes (RFC 5280 §4.1.2.2). */
export const randomSerial = (): Buffer => Buffer.concat([Buffer.from([0x3c]), randomBytes(19)]);

/** TBSCertificate (RFC 5280 §4.1). Without the SCT list it is what a CT log signs (RFC 6962 §3.2). */
export const tbsCertificate = (request: CertificateRequest): Buffer =>
  der.sequence(
    der.context(0, der.integer(2)),
    der.integer(request.serial),
    signatureAlgorithm(request.issuer.key),
    distinguishedName(request.issuer.name),
    der.sequence(der.time(request.notBefore), der.time(request.notAfter)),
    distinguishedName(request.subject),
    request.spki,
    der.context(3, der.sequence(...request.extensions.map(encodeExtension))),
  );

export function issueCertificate(request: CertificateRequest): Buffer {
  const tbs = tbsCertificate(request);
  return der.sequence(
    tbs,
    signatureAlgorithm(request.issuer.key),
    der.bitString(request.issuer.key.sign(tbs)),
  );
}

export const signatureAlgorithm = (key: SigningKey): Buffer =>
  der.sequence(der.objectIdentifier(signatureAlgorithms[key.curve]));

export const distinguishedName = (name: Name): Buffer =>
  der.sequence(
    ...(name.organization === undefined ? [] : [attribute("2.5.4.10", name.organization)]),
    ...(name.commonName === undefined ? [] : [attribute("2.5.4.3", name.commonName)]),
  );

const attribute = (oid: string, text: string): Buffer =>
  der.set(der.sequence(der.objectIdentifier(oid), der.utf8String(text)));

const encodeExtension = (extension: Extension): Buffer =>
  der.sequence(
    der.objectIdentifier(extension.oid),
    ...(extension.critical === true ? [der.bool(true)] : []),
    der.octetString(extension.value),
  );

export const keyIdentifier = (spki: Uint8Array): Buffer => sha1(spki);

export const extension = {
  basicConstraints: (pathLength: number | null): Extension => ({
    oid: "2.5.29.19",
    critical: true,
    value: der.sequence(der.bool(true), ...(pathLength === null ? [] : [der.integer(pathLength)])),
  }),
  keyUsage: (usage: "digitalSignature" | "keyCertSign" | "keyEncipherment"): Extension => ({
    oid: "2.5.29.15",
    critical: true,
    value: {
      digitalSignature: der.bitString(Buffer.from([0x80]), 7),
      keyEncipherment: der.bitString(Buffer.from([0x20]), 5),
      keyCertSign: der.bitString(Buffer.from([0x06]), 1),
    }[usage],
  }),
  extendedKeyUsage: (oid: string, critical = false): Extension => ({
    oid: "2.5.29.37",
    critical,
    value: der.sequence(der.objectIdentifier(oid)),
  }),
  subjectKeyIdentifier: (spki: Uint8Array): Extension => ({
    oid: "2.5.29.14",
    value: der.octetString(keyIdentifier(spki)),
  }),
  authorityKeyIdentifier: (spki: Uint8Array): Extension => ({
    oid: "2.5.29.35",
    value: der.sequence(der.contextPrimitive(0, keyIdentifier(spki))),
  }),
  /** General names: 1 e-mail, 2 DNS, 6 URI as text; 7 IP address as bytes. */
  subjectAlternativeName: (
    names: readonly { tag: 1 | 2 | 6 | 7; value: string | Uint8Array }[],
    critical: boolean,
  ): Extension => ({
    oid: "2.5.29.17",
    critical,
    value: der.sequence(...names.map(({ tag, value }) => der.contextPrimitive(tag, Buffer.from(value)))),
  }),
} as const;
