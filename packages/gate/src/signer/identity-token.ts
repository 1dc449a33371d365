import { parseJson, SignerError, visible } from "@countersign/core";
import { browserToken } from "./browser-token.ts";
import { exchange } from "./exchange.ts";
import { readPrivateFile } from "./private-file.ts";
import type { KeylessChoice, SignerContext } from "./signer-context.ts";
import { claimOf, sigstoreAudience, tokenClaims } from "./token-claims.ts";

/**
 * The identity token for a keyless signature: of the file that was named, of the issuer that was named and a person at
 * a browser, of the variable SIGSTORE_ID_TOKEN (GitLab's `id_tokens`), of GitHub Actions, or of the instance's own
 * issuer and a person. The first that there is; never a guess between two.
 * @param issuer where a person may sign in, of `--oidc-issuer` or of the signing configuration
 */
export async function identityToken(
  choice: KeylessChoice,
  issuer: string | null,
  context: SignerContext,
): Promise<string> {
  const { variables } = context;
  if (choice.identityTokenFile !== null) {
    const text = (await readPrivateFile(choice.identityTokenFile, context)).toString("latin1");
    return checkedToken(visible(choice.identityTokenFile), text.trim());
  }
  if (choice.oidcIssuer !== null) return browserToken(choice.oidcIssuer, context);
  const given = variables["SIGSTORE_ID_TOKEN"];
  if (given) return checkedToken("SIGSTORE_ID_TOKEN", given.trim());
  if (variables["ACTIONS_ID_TOKEN_REQUEST_URL"] && variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
    return actionsToken(
      variables["ACTIONS_ID_TOKEN_REQUEST_URL"],
      variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
      context,
    );
  if (variables["GITHUB_ACTIONS"] === "true")
    throw new SignerError(
      "this job may not ask for an identity token",
      "add to the job: permissions: { id-token: write }",
    );
  if (issuer !== null) return browserToken(issuer, context);
  throw new SignerError(
    "there is no identity to sign with",
    "set SIGSTORE_ID_TOKEN, or give --identity-token-file FILE or --oidc-issuer URL",
  );
}

/** GitHub Actions' token service: it answers the job that holds the request token. */
async function actionsToken(address: string, secret: string, context: SignerContext): Promise<string> {
  const what = "GitHub Actions' token service";
  if (!URL.canParse(address)) throw new SignerError(`${what} has no valid address`, "run it in a job");
  const url = new URL(address);
  url.searchParams.set("audience", sigstoreAudience);
  const { status, text } = await exchange(
    what,
    url.href,
    { headers: { authorization: `Bearer ${secret}` } },
    context,
  );
  const parsed = status === 200 ? parseJson(text, 8) : null;
  const value = parsed?.ok === true ? claimOf(parsed.value, "value") : null;
  if (value === null)
    throw new SignerError(
      `${what} gave no token (status ${status})`,
      "add to the job: permissions: { id-token: write }",
    );
  return checkedToken(what, value);
}

/**
 * A token in the form of a JSON Web Token whose subject can be read; whether it is true is for the certificate
 * authority to say.
 */
function checkedToken(from: string, token: string): string {
  const claims = tokenClaims(token);
  if (claims !== null && (claimOf(claims, "sub") !== null || claimOf(claims, "email") !== null)) return token;
  throw new SignerError(`${from} holds no identity token`, "give the JSON Web Token alone, as it was issued");
}
