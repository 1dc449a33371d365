import { base64 } from "../encoding/hash.ts";
import { mintBundle, type Authorities, type BundleRequest, type SigstoreBundle } from "./bundle.ts";
import { createCertificateAuthority } from "./certificate-authority.ts";
import { createCertificateLog } from "./certificate-log.ts";
import type { SigningKey } from "./key.ts";
import { createTimestampAuthority } from "./timestamp-authority.ts";
import { createRekorV1, createRekorV2 } from "./transparency-log.ts";

/** A private Sigstore in the process: no HTTP, no clock but the `at` of each request. */
export type Sigstore = {
  /** TrustedRoot (protobuf-JSON) of this instance. */
  trustedRoot: TrustedRoot;
  /** The services themselves, for endpoints and for attacks that need one of them. */
  authorities: Authorities;
  /** Services of the same names with other keys, which no root lists. */
  foreign(): Authorities;
  mint(request: BundleRequest): SigstoreBundle;
};

/** The members of a TrustedRoot that hold lists; everything in it is protobuf-JSON. */
export type TrustedRoot = {
  mediaType: string;
  tlogs: unknown[];
  certificateAuthorities: unknown[];
  ctlogs: unknown[];
  timestampAuthorities: unknown[];
};

/** Everything in the root is valid from here on, so that attestations of any recent year can be minted. */
const start = Date.UTC(2020, 0, 1);

/** @param baseUrl where the services would be; only its host shows, in checkpoints and in the root */
export function createSigstore(baseUrl = "https://sigstore.example"): Sigstore {
  const authorities = createAuthorities(baseUrl);
  let foreignAuthorities: Authorities | null = null;
  const foreign = (): Authorities => (foreignAuthorities ??= createAuthorities(baseUrl));
  return {
    authorities,
    foreign,
    trustedRoot: trustedRootOf(authorities, baseUrl),
    mint: (request) => mintBundle(authorities, foreign, request),
  };
}

const createAuthorities = (baseUrl: string): Authorities => ({
  ca: createCertificateAuthority("sigstore.example", start),
  certificateLog: createCertificateLog(),
  rekorV1: createRekorV1(baseUrl),
  rekorV2: createRekorV2(baseUrl),
  tsa: createTimestampAuthority("sigstore.example", start),
});

/** Several roots in one, as where a private and a public instance are both trusted. */
export const uniteRoots = (...roots: readonly TrustedRoot[]): TrustedRoot => ({
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  tlogs: roots.flatMap((root) => root.tlogs),
  certificateAuthorities: roots.flatMap((root) => root.certificateAuthorities),
  ctlogs: roots.flatMap((root) => root.ctlogs),
  timestampAuthorities: roots.flatMap((root) => root.timestampAuthorities ?? []),
});

const validFor = { start: new Date(start).toISOString() };

function trustedRootOf(authorities: Authorities, baseUrl: string): TrustedRoot {
  const { ca, certificateLog, rekorV1, rekorV2, tsa } = authorities;
  return {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [logOf(rekorV1.key, rekorV1.id, baseUrl), logOf(rekorV2.key, rekorV2.id, baseUrl)],
    certificateAuthorities: [authorityOf(ca.chain, baseUrl)],
    ctlogs: [logOf(certificateLog.key, certificateLog.key.id, baseUrl)],
    timestampAuthorities: [authorityOf(tsa.chain, baseUrl)],
  };
}

const logOf = (key: SigningKey, id: Buffer, baseUrl: string): unknown => ({
  baseUrl,
  hashAlgorithm: "SHA2_256",
  publicKey: {
    rawBytes: base64(key.spki),
    keyDetails: key.curve === "Ed25519" ? "PKIX_ED25519" : "PKIX_ECDSA_P256_SHA_256",
    validFor,
  },
  logId: { keyId: base64(id) },
});

const authorityOf = (chain: readonly Buffer[], uri: string): unknown => ({
  subject: { organization: "sigstore.example", commonName: "sigstore" },
  uri,
  certChain: { certificates: chain.map((der) => ({ rawBytes: base64(der) })) },
  validFor,
});
