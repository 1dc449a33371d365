import { sha256 } from "../encoding/hash.ts";
import * as der from "../encoding/der.ts";
import type { Build } from "./build.ts";
import type { CertificateLog } from "./certificate-log.ts";
import { createSigningKey, type SigningKey } from "./key.ts";
import {
  extendedKeyUsages,
  extension,
  issueCertificate,
  randomSerial,
  tbsCertificate,
  type CertificateRequest,
  type Extension,
  type Issuer,
} from "./x509.ts";

/** Like Fulcio: a P-384 root and intermediate that issue leaves of ten minutes with an embedded SCT. */
export type CertificateAuthority = {
  /** DER, intermediate first, root last. */
  chain: readonly Buffer[];
  issue(spki: Uint8Array, build: Build, options: LeafOptions): Buffer;
};

export type LeafOptions = {
  notBefore: number;
  /** Which SCTs the leaf embeds; `other` is a valid one over a different certificate. */
  sct: "good" | "none" | "broken" | "other" | "twice";
  log: CertificateLog;
  extendedKeyUsage: "code-signing" | "email-protection" | "none";
  keyUsage: boolean;
};

const year = 365 * 24 * 3600e3;
const validity = 10 * 60e3;
const sctOid = "1.3.6.1.4.1.11129.2.4.2";
const fulcioOid = (number: number): string => `1.3.6.1.4.1.57264.1.${number}`;

/** @param name organisation of both names; two authorities of one name differ in their keys alone */
export function createCertificateAuthority(name: string, start: number): CertificateAuthority {
  const root: Issuer = { name: { organization: name, commonName: "root" }, key: createSigningKey("P-384") };
  const intermediate: Issuer = {
    name: { organization: name, commonName: "intermediate" },
    key: createSigningKey("P-384"),
  };
  const lifetime = { notBefore: start, notAfter: start + 20 * year };
  const rootCertificate = issueCertificate({
    subject: root.name,
    issuer: root,
    spki: root.key.spki,
    ...lifetime,
    serial: randomSerial(),
    extensions: [
      extension.keyUsage("keyCertSign"),
      extension.basicConstraints(null),
      extension.subjectKeyIdentifier(root.key.spki),
    ],
  });
  const intermediateCertificate = issueCertificate({
    subject: intermediate.name,
    issuer: root,
    spki: intermediate.key.spki,
    ...lifetime,
    serial: randomSerial(),
    extensions: [
      extension.keyUsage("keyCertSign"),
      extension.extendedKeyUsage(extendedKeyUsages.codeSigning),
      extension.basicConstraints(0),
      extension.subjectKeyIdentifier(intermediate.key.spki),
      extension.authorityKeyIdentifier(root.key.spki),
    ],
  });
  return {
    chain: [intermediateCertificate, rootCertificate],
    issue: (spki, build, options) => issueLeaf(intermediate, spki, build, options),
  };
}

function issueLeaf(issuer: Issuer, spki: Uint8Array, build: Build, options: LeafOptions): Buffer {
  const request: CertificateRequest = {
    subject: {},
    issuer,
    spki,
    notBefore: options.notBefore,
    notAfter: options.notBefore + validity,
    serial: randomSerial(),
    extensions: [
      ...(options.keyUsage ? [extension.keyUsage("digitalSignature")] : []),
      ...extendedKeyUsage(options.extendedKeyUsage),
      extension.subjectKeyIdentifier(spki),
      extension.authorityKeyIdentifier(issuer.key.spki),
      extension.subjectAlternativeName(
        [{ tag: build.san.kind === "uri" ? 6 : 1, value: build.san.value }],
        true,
      ),
      ...fulcioExtensions(build),
    ],
  };
  const scts = certificateTimestamps(request, issuer.key, options);
  return issueCertificate(
    scts.length === 0
      ? request
      : { ...request, extensions: [...request.extensions, { oid: sctOid, value: sctList(scts) }] },
  );
}

function certificateTimestamps(
  request: CertificateRequest,
  issuer: SigningKey,
  options: LeafOptions,
): Buffer[] {
  if (options.sct === "none") return [];
  const logged = options.sct === "other" ? { ...request, serial: randomSerial() } : request;
  const sct = options.log.addPrecertificate(sha256(issuer.spki), tbsCertificate(logged), options.notBefore);
  if (options.sct === "broken") sct[sct.length - 1] = (sct.at(-1) as number) ^ 1;
  return options.sct === "twice" ? [sct, sct] : [sct];
}

/** SignedCertificateTimestampList (RFC 6962 §3.3), inside the OCTET STRING that the extension requires. */
function sctList(scts: readonly Buffer[]): Buffer {
  const entries = Buffer.concat(scts.flatMap((sct) => [uint16(sct.length), sct]));
  return der.octetString(Buffer.concat([uint16(entries.length), entries]));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

const extendedKeyUsage = (usage: LeafOptions["extendedKeyUsage"]): Extension[] =>
  usage === "none"
    ? []
    : [
        extension.extendedKeyUsage(
          usage === "code-signing" ? extendedKeyUsages.codeSigning : extendedKeyUsages.emailProtection,
        ),
      ];

/** .1–.6 are raw text, .7 does not exist here, .8 and up are DER UTF8String. */
const fulcioExtensions = (build: Build): Extension[] =>
  [...build.extensions]
    .toSorted(([a], [b]) => a - b)
    .map(([number, text]) => ({
      oid: fulcioOid(number),
      value: number < 8 ? Buffer.from(text) : der.utf8String(text),
    }));
