import type { Buffer } from "node:buffer";
import type { X509Certificate } from "@sigstore/core";
import type { Code } from "../codes.ts";
import { extensionsOf, fulcioArc, isFulcioText } from "./fulcio-extension.ts";
import { readX509 } from "./x509.ts";

export type CertificateResult =
  | { ok: true; certificate: X509Certificate }
  | { ok: false; code: Code; detail: string };

const keyUsage = "2.5.29.15";
const subjectAltName = "2.5.29.17";
const basicConstraints = "2.5.29.19";
const extendedKeyUsage = "2.5.29.37";
const codeSigning = "1.3.6.1.5.5.7.3.3";
/** Critical extensions that are looked at here; RFC 5280 §4.2 refuses a certificate with any other. */
const understood: ReadonlySet<string> = new Set([
  keyUsage,
  subjectAltName,
  basicConstraints,
  extendedKeyUsage,
]);

/**
 * Reads a signing certificate and checks what it may be used for: X.509 v3 in DER, every extension at most once,
 * `digitalSignature`, extended key usage code signing, no CA, exactly one name (Fulcio's certificate profile).
 * It is the attacker's until its chain has been verified.
 */
export function readSigningCertificate(der: Buffer): CertificateResult {
  const certificate = parse(der);
  if (certificate === null)
    return refuse("bundle/malformed", "the certificate is not an X.509 certificate in DER");
  try {
    return checkUse(certificate);
  } catch {
    // The parser's getters throw on whatever shape they do not expect.
    return refuse("bundle/malformed", "an extension of the certificate cannot be read");
  }
}

/** Whether it is its own issuer: a root, which a bundle may not bring along. */
export function isSelfIssued(der: Buffer): boolean {
  const certificate = parse(der);
  return certificate !== null && certificate.subject.equals(certificate.issuer);
}

function parse(der: Buffer): X509Certificate | null {
  const certificate = readX509(der);
  try {
    return certificate !== null && hasFields(certificate) ? certificate : null;
  } catch {
    // The getters throw on whatever shape they do not expect.
    return null;
  }
}

function hasFields(certificate: X509Certificate): boolean {
  const fields = [certificate.notBefore.getTime(), certificate.notAfter.getTime()];
  return certificate.root.subs.length === 3 && certificate.version === "v3" && fields.every(Number.isFinite);
}

function checkUse(certificate: X509Certificate): CertificateResult {
  const extensions = extensionsOf(certificate);
  if (extensions.size !== certificate.extensions.length)
    return refuse("bundle/malformed", "an extension of the certificate stands twice");
  for (const [oid, extension] of extensions) {
    if (extension.critical && !understood.has(oid))
      return refuse("bundle/certificate-usage", `the critical extension ${oid} is unknown`);
    if (oid.startsWith(fulcioArc) && !isFulcioText(oid, extension)) {
      return refuse("bundle/malformed", `the certificate's extension ${oid} is not text`);
    }
  }
  if (certificate.extBasicConstraints?.isCA === true)
    return refuse("bundle/certificate-usage", "the signer is a certificate authority");
  if (certificate.extKeyUsage?.digitalSignature !== true) {
    return refuse("bundle/certificate-usage", "the key usage does not include digitalSignature");
  }
  const usages = extensions.get(extendedKeyUsage)?.content.subs[0]?.subs.map((usage) => usage.toOID()) ?? [];
  if (!usages.includes(codeSigning)) {
    return refuse("bundle/certificate-usage", "the extended key usage does not include code signing");
  }
  const names = extensions.get(subjectAltName)?.content.subs[0]?.subs ?? [];
  if (names.length !== 1) return refuse("bundle/malformed", `the certificate has ${names.length} names`);
  return { ok: true, certificate };
}

const refuse = (code: Code, detail: string): CertificateResult => ({ ok: false, code, detail });
