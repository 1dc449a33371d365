import type { KmsCause, KmsOperation } from "@countersign/core";

const permissions: Readonly<Record<KmsOperation, string>> = { read: "kms:GetPublicKey", sign: "kms:Sign" };

const credentialErrors = new Set([
  "CredentialsProviderError",
  "TokenProviderError",
  "ExpiredTokenException",
  "IncompleteSignature",
  "IncompleteSignatureException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
]);

const wrongKind = "name a key with usage SIGN_VERIFY and spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519";

/** What an error of the SDK stands for. Only names and numbers are taken over, never the message. */
export function explain(error: unknown, operation: KmsOperation): KmsCause {
  if (error instanceof SyntaxError) return { kind: "malformed", detail: "not JSON" };
  const { name, code, message, status } = partsOf(error);
  if (name === "AccessDeniedException")
    return { kind: "denied", fix: `grant ${permissions[operation]} on the key to these credentials` };
  if (credentialErrors.has(name))
    return {
      kind: "credentials",
      fix: "sign in (aws sso login) or set AWS_PROFILE or the variables of AWS credentials",
    };
  if (message === "Region is missing")
    return { kind: "refused", detail: "no region", fix: "set AWS_REGION, or name the key by its ARN" };
  switch (name) {
    case "NotFoundException":
      return { kind: "missing" };
    case "DisabledException":
    case "KMSInvalidStateException":
      return { kind: "refused", detail: name, fix: "enable the key" };
    case "InvalidKeyUsageException":
    case "UnsupportedOperationException":
      return { kind: "refused", detail: name, fix: wrongKind };
    default:
  }
  if (status !== null && status >= 400 && status < 500 && name !== "ThrottlingException")
    return { kind: "refused", detail: name, fix: "check the key and the policy on it in AWS KMS" };
  return { kind: "unavailable", detail: code ?? (status === null ? name : `${name}, HTTP ${status}`) };
}

function partsOf(error: unknown): {
  name: string;
  code: string | null;
  message: string;
  status: number | null;
} {
  if (!(error instanceof Error)) return { name: "unknown error", code: null, message: "", status: null };
  const { code, $metadata } = error as {
    code?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  return {
    name: error.name,
    code: typeof code === "string" ? code : null,
    message: error.message,
    status: $metadata?.httpStatusCode ?? null,
  };
}
