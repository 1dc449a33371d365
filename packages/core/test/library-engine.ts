import { Buffer } from "node:buffer";
import { RFC3161Timestamp, X509Certificate } from "@sigstore/core";
import { Verifier } from "@sigstore/verify";
import { expect } from "vitest";
import type { BundleResult, BundleVerifier } from "../src/verify/bundle.ts";
import { createVerifierOn, type Engine } from "../src/verify/sigstore-bundle-verifier.ts";
import type { Thresholds } from "../src/verify/trust.ts";
import { once, verifierOf } from "./trust.ts";

/**
 * The reference: `@sigstore/verify` on certificates and timestamps that its own parser read from the same bytes, so
 * that it encodes and verifies everything itself, every time.
 */
export const libraryEngine: Engine = (entity, material, { sct, log, time }) => {
  const verifier = new Verifier(
    {
      ...material,
      certificateAuthorities: material.certificateAuthorities.map(ownAuthority),
      timestampAuthorities: material.timestampAuthorities.map(ownAuthority),
    },
    { ctlogThreshold: sct, tlogThreshold: log, timestampThreshold: time },
  );
  const { key } = entity;
  verifier.verify({
    ...entity,
    key: key.$case === "certificate" ? { ...key, certificate: ownCertificate(key.certificate) } : key,
    timestamps: entity.timestamps.map((stamp) =>
      stamp.$case === "timestamp-authority"
        ? { ...stamp, timestamp: RFC3161Timestamp.parse(Buffer.from(stamp.timestamp.root.toDER())) }
        : stamp,
    ),
  });
};

/** The reference with our checks around it; a root that is refused fails the test here. */
function libraryVerifierOf(documents: readonly unknown[], thresholds: Thresholds = once): BundleVerifier {
  const trusted = createVerifierOn(libraryEngine, documents, thresholds);
  if (trusted.state === "available") return trusted.value;
  throw new Error(`${trusted.code}: ${trusted.detail}`);
}

/** Our verifier, which fails the test wherever the library on its own answers anything else. */
export function agreeingVerifierOf(
  documents: readonly unknown[],
  thresholds: Thresholds = once,
): BundleVerifier {
  const [ours, library] = [verifierOf(documents, thresholds), libraryVerifierOf(documents, thresholds)];
  return {
    id: ours.id,
    verify: (bundle, context) => {
      const result = ours.verify(bundle, context);
      expect(shown(result)).toEqual(shown(library.verify(bundle, context)));
      return result;
    },
  };
}

/** Everything that a verdict says, in a form that compares. */
function shown(result: BundleResult): unknown {
  if (!result.ok) return [result.code, result.detail];
  const { content, signer, ...rest } = result.value;
  return {
    content: content.kind === "dsse" ? Buffer.from(content.payload).toString("base64") : content.digest,
    signer: signer.kind === "key" ? signer.keyid : signer.certificate.root.toDER().toString("base64"),
    ...rest,
  };
}

type Authority = Parameters<Engine>[1]["certificateAuthorities"][number];

const ownAuthority = (authority: Authority): Authority => ({
  ...authority,
  certChain: authority.certChain.map(ownCertificate),
});
const ownCertificate = (certificate: X509Certificate): X509Certificate =>
  X509Certificate.parse(Buffer.from(certificate.root.toDER()));
