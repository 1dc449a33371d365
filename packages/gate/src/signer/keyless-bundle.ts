import { createHash } from "node:crypto";
import { formatSigstoreBundle, pae, SignerError, untilAborted, visible } from "@countersign/core";
import {
  DSSEBundleBuilder,
  FulcioSigner,
  InternalError,
  MessageSignatureBundleBuilder,
  RekorWitness,
  TSAWitness,
  type Bundle,
  type BundleBuilder,
  type SignatureBundle,
  type Witness,
} from "@sigstore/sign";
import type { SigstoreServices } from "./signing-config.ts";

/** What a keyless signature is over: a DSSE payload with its type, or a file's bytes. */
export type KeylessContent =
  | { kind: "dsse"; type: string; bytes: Uint8Array }
  | { kind: "message"; bytes: Uint8Array };

type MessageSignature = Extract<SignatureBundle, { $case: "messageSignature" }>["messageSignature"];
type MessageDigest = NonNullable<MessageSignature["messageDigest"]>;

const version03 = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** `SHA2_256` of Sigstore's HashAlgorithm. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the library does not export the enum
const sha256Algorithm = 1 as MessageDigest["algorithm"];
/** A v2 log answers once it has signed a checkpoint, which takes seconds. */
const limits = { timeout: 20_000, retry: { retries: 2 } };

/**
 * Signs with a key that lives for this one signature: Fulcio certifies it for the token's identity, logs and timestamp
 * authorities say when. The identity is published in the log.
 * @param token a JSON Web Token; it never stands in a message
 * @returns a Sigstore bundle v0.3 as protobuf-JSON, not yet verified
 * @throws SignerError where a service says no or is out of reach
 */
export async function createKeylessBundle(
  content: KeylessContent,
  token: string,
  services: SigstoreServices,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  signal.throwIfAborted();
  const signer = new FulcioSigner({
    identityProvider: { getToken: async () => token },
    ...(services.authority === null ? {} : { fulcioBaseURL: services.authority }),
    ...limits,
  });
  const parts = { signer, witnesses: witnessesOf(services) };
  const builder: BundleBuilder =
    content.kind === "dsse" ? new DSSEBundleBuilder(parts) : new MessageSignatureBundleBuilder(parts);
  const artefact = {
    data: Buffer.from(content.bytes),
    ...(content.kind === "dsse" ? { type: content.type } : {}),
  };
  try {
    return versionThree(await untilAborted(signal, () => builder.create(artefact)));
  } catch (error) {
    signal.throwIfAborted();
    throw failure(error, token, services);
  }
}

function witnessesOf({ logs, timestamps }: SigstoreServices): Witness[] {
  const rekor = logs?.map(({ url, version }) => {
    const witness = new RekorWitness({ rekorBaseURL: url, majorApiVersion: version, ...limits });
    return version === 2 ? hashedWitness(witness) : witness;
  });
  return [
    ...(rekor ?? [new RekorWitness(limits)]),
    ...timestamps.map((url) => new TSAWitness({ tsaBaseURL: url, ...limits })),
  ];
}

/**
 * Rekor v2 logs an envelope as `hashedrekord/0.0.2` over the digest of its encoding (Rekor v2 specification §6.1.4).
 * The library would still log `dsse/0.0.2`, which Sigstore's Go and Python verifiers do not know.
 */
const hashedWitness = (witness: Witness): Witness => ({
  testify: (content, publicKey) => witness.testify(asMessage(content), publicKey),
});

function asMessage(content: SignatureBundle): SignatureBundle {
  if (content.$case === "messageSignature") return content;
  const { payloadType, payload, signatures } = content.dsseEnvelope;
  return {
    $case: "messageSignature",
    messageSignature: {
      messageDigest: {
        algorithm: sha256Algorithm,
        digest: createHash("sha256").update(pae(payloadType, payload)).digest(),
      },
      signature: signatures[0]?.sig ?? Buffer.alloc(0),
    },
  };
}

/** The library still writes message signatures as v0.2, with a chain; v0.3 is the same with the leaf alone. */
function versionThree(bundle: Bundle): Record<string, unknown> {
  const json = formatSigstoreBundle(bundle) as Record<string, unknown>;
  const { x509CertificateChain: chain, ...material } = json["verificationMaterial"] as {
    x509CertificateChain?: { certificates: readonly unknown[] };
  };
  if (chain === undefined) return json;
  return {
    ...json,
    mediaType: version03,
    verificationMaterial: { ...material, certificate: chain.certificates[0] },
  };
}

const services: Readonly<Record<string, string>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: "the certificate authority gave no certificate",
  TLOG_CREATE_ENTRY_ERROR: "the transparency log took no entry",
  TLOG_FETCH_ENTRY_ERROR: "the transparency log did not give its entry",
  TSA_CREATE_TIMESTAMP_ERROR: "the timestamp authority gave no timestamp",
};

function failure(
  error: unknown,
  token: string,
  { authority, logs, timestamps }: SigstoreServices,
): SignerError {
  const code = error instanceof InternalError ? error.code : "";
  // The library's message would hold the token, and so may its cause's.
  if (code.startsWith("IDENTITY_TOKEN_"))
    return new SignerError(
      "the identity token names no subject, or an e-mail address that its issuer has not verified",
      "sign in at an issuer that verifies addresses",
    );
  const what = services[code] ?? "the Sigstore instance gave an answer that cannot be read";
  const asked = code.startsWith("CA_")
    ? [authority]
    : code.startsWith("TLOG_")
      ? (logs?.map(({ url }) => url) ?? [])
      : timestamps;
  const at = asked.filter((address) => address !== null).join(", ");
  const cause = error instanceof InternalError && error.cause instanceof Error ? error.cause.message : "";
  // A server may send back what it was sent.
  const said = visible(cause.replaceAll(token, "…"), 200);
  return new SignerError(
    `${what}${at === "" ? "" : ` at ${visible(at)}`}${said === "" ? "" : `: ${said}`}`,
    code.startsWith("CA_")
      ? "get a fresh identity token and check that this instance knows its issuer"
      : "run the command again later",
  );
}
