import { createSigningKey, type SigningKey } from "./key.ts";

/** A certificate-transparency log, as far as SCTs go (RFC 6962 §3.2). */
export type CertificateLog = {
  key: SigningKey;
  /** Serialised SignedCertificateTimestamp over a precertificate. */
  addPrecertificate(issuerKeyHash: Uint8Array, tbs: Uint8Array, at: number): Buffer;
};

export function createCertificateLog(): CertificateLog {
  const key = createSigningKey("P-256");
  return {
    key,
    addPrecertificate(issuerKeyHash, tbs, at) {
      const timestamp = Buffer.alloc(8);
      timestamp.writeBigUInt64BE(BigInt(at));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(tbs.length);
      // v1, certificate_timestamp; time; precert_entry; issuer key hash; uint24 length and TBSCertificate; no extensions.
      const signed = Buffer.concat([
        Buffer.from([0, 0]),
        timestamp,
        Buffer.from([0, 1]),
        issuerKeyHash,
        length.subarray(1),
        tbs,
        Buffer.from([0, 0]),
      ]);
      const signature = key.sign(signed);
      const signatureLength = Buffer.alloc(2);
      signatureLength.writeUInt16BE(signature.length);
      // v1; log id; time; no extensions; sha256 and ecdsa (RFC 5246 §7.4.1.4.1); signature.
      return Buffer.concat([
        Buffer.from([0]),
        key.id,
        timestamp,
        Buffer.from([0, 0, 4, 3]),
        signatureLength,
        signature,
      ]);
    },
  };
}
