import type { KmsCause, KmsOperation } from "@countersign/core";

const permissions: Readonly<Record<KmsOperation, string>> = {
  read: "cloudkms.cryptoKeyVersions.viewPublicKey",
  sign: "cloudkms.cryptoKeyVersions.useToSign",
};

/** Those of google.rpc.Code that have a fix of their own. */
const status = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unauthenticated: 16,
} as const;

export const signIn: string =
  "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS";

/** What an error of the SDK stands for. Only numbers are taken over, never the message. */
export function explain(error: unknown, operation: KmsOperation): KmsCause {
  const code = codeOf(error);
  const texts = messagesOf(error);
  if (texts.some((text) => text.includes("over limit"))) return { kind: "oversize" };
  if (texts.some((text) => text.includes("invalid_grant"))) return { kind: "credentials", fix: signIn };
  switch (code) {
    case status.permissionDenied:
      return {
        kind: "denied",
        fix: `grant ${permissions[operation]} (role Cloud KMS CryptoKey Signer/Verifier) on the key to these credentials`,
      };
    case status.unauthenticated:
      return { kind: "credentials", fix: signIn };
    case status.notFound:
      return { kind: "missing" };
    case status.invalidArgument:
    case status.failedPrecondition:
      return {
        kind: "refused",
        detail: code === status.invalidArgument ? "INVALID_ARGUMENT" : "FAILED_PRECONDITION",
        fix: "enable the key version; its algorithm must be EC_SIGN_P256_SHA256 or EC_SIGN_ED25519",
      };
    default:
  }
  if (error instanceof SyntaxError || chainOf(error).some((one) => one instanceof SyntaxError))
    return { kind: "malformed", detail: "not JSON" };
  return { kind: "unavailable", detail: code === null ? "no answer" : `status ${code}` };
}

/** An error and what it was made of: the SDK wraps what its transport threw. */
function chainOf(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let one = error; one instanceof Error && chain.length < 8; one = one.cause) chain.push(one);
  return chain;
}

const messagesOf = (error: unknown): readonly string[] => chainOf(error).map(({ message }) => message);

function codeOf(error: unknown): number | null {
  const code = error instanceof Error ? (error as { code?: unknown }).code : null;
  return typeof code === "number" ? code : null;
}
