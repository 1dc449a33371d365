import { createSigningKey, toPem } from "../sigstore/key.ts";
import {
  extendedKeyUsages,
  extension,
  issueCertificate,
  randomSerial,
  type Issuer,
} from "../sigstore/x509.ts";

/** A server certificate and the authority that clients must be told of (`NODE_EXTRA_CA_CERTS`). All PEM. */
export type TlsIdentity = { key: string; certificate: string; authority: string };

/** @param hosts names besides 127.0.0.1 and localhost that the certificate is good for */
export function createTlsIdentity(hosts: readonly string[], now: number): TlsIdentity {
  const authority: Issuer = {
    name: { organization: "testkit", commonName: "testkit CA" },
    key: createSigningKey("P-256"),
  };
  const server = createSigningKey("P-256");
  const lifetime = { notBefore: now - 24 * 3600e3, notAfter: now + 30 * 24 * 3600e3 };
  const ca = issueCertificate({
    subject: authority.name,
    issuer: authority,
    spki: authority.key.spki,
    ...lifetime,
    serial: randomSerial(),
    extensions: [
      extension.keyUsage("keyCertSign"),
      extension.basicConstraints(0),
      extension.subjectKeyIdentifier(authority.key.spki),
    ],
  });
  const certificate = issueCertificate({
    subject: { commonName: "127.0.0.1" },
    issuer: authority,
    spki: server.spki,
    ...lifetime,
    serial: randomSerial(),
    extensions: [
      extension.keyUsage("digitalSignature"),
      extension.extendedKeyUsage(extendedKeyUsages.serverAuth),
      extension.authorityKeyIdentifier(authority.key.spki),
      extension.subjectAlternativeName(
        [
          { tag: 7, value: Buffer.from([127, 0, 0, 1]) },
          ...["localhost", ...hosts].map((value) => ({ tag: 2 as const, value })),
        ],
        false,
      ),
    ],
  });
  return {
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    certificate: toPem("CERTIFICATE", certificate),
    authority: toPem("CERTIFICATE", ca),
  };
}
