import type { KmsCause, KmsOperation } from "@countersign/core";

const permissions: Readonly<Record<KmsOperation, string>> = { read: "keys/get", sign: "keys/sign" };

const credentialErrors = new Set([
  "AggregateAuthenticationError",
  "AuthenticationError",
  "AuthenticationRequiredError",
  "CredentialUnavailableError",
]);

/** What an error of the SDK stands for. Only names and numbers are taken over, never the message. */
export function explain(error: unknown, operation: KmsOperation): KmsCause {
  const { name, code, status, message } = partsOf(error);
  if (credentialErrors.has(name) || status === 401)
    return { kind: "credentials", fix: "sign in (az login) or set the variables of an Azure identity" };
  if (status === 403)
    return {
      kind: "denied",
      fix: `grant ${permissions[operation]} (role Key Vault Crypto User) on the key to this identity, and its network on the vault`,
    };
  if (status === 404) return { kind: "missing" };
  if (code === "PARSE_ERROR" || error instanceof SyntaxError)
    return { kind: "malformed", detail: "not JSON" };
  if (message.startsWith("The challenge "))
    return {
      kind: "refused",
      detail: "the host asks for a token of somebody else's",
      fix: "write the host of the vault, such as NAME.vault.azure.net",
    };
  if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429)
    return { kind: "refused", detail: `HTTP ${status}`, fix: "check that the key is enabled and may sign" };
  if (status === null && code === null)
    return { kind: "refused", detail: name, fix: "check that the key is enabled, in its dates and may sign" };
  return { kind: "unavailable", detail: code ?? `HTTP ${status}` };
}

function partsOf(error: unknown): {
  name: string;
  code: string | null;
  status: number | null;
  message: string;
} {
  if (!(error instanceof Error)) return { name: "unknown error", code: null, status: null, message: "" };
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  return {
    name: error.name,
    code: typeof code === "string" ? code : null,
    status: typeof statusCode === "number" ? statusCode : null,
    message: error.message,
  };
}
