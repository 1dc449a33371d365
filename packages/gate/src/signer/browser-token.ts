import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseJson, SignerError, visible } from "@countersign/core";
import { parseAddress } from "../registry/address.ts";
import { exchange } from "./exchange.ts";
import type { SignerContext } from "./signer-context.ts";
import { claimOf, sigstoreAudience, tokenClaims } from "./token-claims.ts";

/** How long a person may take to sign in, in milliseconds. */
const patience = 180_000;
const callbackPath = "/auth/callback";

/**
 * An identity token of a person who signs in with a browser: OpenID Connect's code flow with PKCE (RFC 7636, S256) and
 * a loopback redirect (RFC 8252 §7.3). Any process of this machine and any page in the browser can call the redirect
 * address, so the first call decides and counts only with our state; the token counts only with our nonce.
 * @throws SignerError where nobody can sign in, the issuer says no, or an answer is not the one to our question
 */
export async function browserToken(
  issuer: string,
  context: SignerContext,
  time: number = patience,
): Promise<string> {
  const { openBrowser } = context;
  if (openBrowser === null)
    throw new SignerError(
      "nobody sits at a terminal to sign in",
      "set SIGSTORE_ID_TOKEN, or give --identity-token-file FILE",
    );
  const provider = await discover(issuer, context);
  const [state, nonce, verifier] = [random(), random(), random()];
  const deadline = AbortSignal.timeout(time);
  const redirect = await listen(state, provider.issuer, AbortSignal.any([context.signal, deadline]));
  try {
    const query = new URLSearchParams({
      response_type: "code",
      client_id: sigstoreAudience,
      redirect_uri: redirect.uri,
      scope: "openid email",
      state,
      nonce,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    });
    const separator = provider.authorization.includes("?") ? "&" : "?";
    await openBrowser(`${provider.authorization}${separator}${query.toString()}`);
    const code = await redirect.code;
    return await redeem(provider, { code, redirect: redirect.uri, verifier, nonce }, context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    throw new SignerError("nobody signed in in time", "run the command again and sign in with the browser");
  } finally {
    redirect.close();
  }
}

const random = (): string => randomBytes(32).toString("base64url");

type Provider = { issuer: string; authorization: string; token: string };

/** OpenID Connect Discovery 1.0 §4: the document must name the very issuer that was asked. */
async function discover(issuer: string, context: SignerContext): Promise<Provider> {
  const what = `the issuer ${visible(issuer)}`;
  const base = issuer.replace(/\/$/, "");
  const { status, text } = await exchange(what, `${base}/.well-known/openid-configuration`, {}, context);
  const parsed = status === 200 ? parseJson(text, 16) : null;
  const document = parsed?.ok === true ? parsed.value : null;
  const [stated, authorization, token] = [
    claimOf(document, "issuer"),
    claimOf(document, "authorization_endpoint"),
    claimOf(document, "token_endpoint"),
  ];
  if (stated === null || authorization === null || token === null)
    throw new SignerError(`${what} has no OpenID configuration (status ${status})`, "correct --oidc-issuer");
  if (stated.replace(/\/$/, "") !== base)
    throw new SignerError(
      `${what} says it is ${visible(stated)}`,
      `give --oidc-issuer ${visible(stated)} if you trust it`,
    );
  for (const address of [authorization, token])
    if (parseAddress(address) === null)
      throw new SignerError(
        `${what} names an address that is not https: ${visible(address)}`,
        "use another issuer",
      );
  return { issuer: stated, authorization, token };
}

type Redirect = { uri: string; code: Promise<string>; close(): void };

/** Waits on a free port of loopback for one call of the redirect address. */
async function listen(state: string, issuer: string, signal: AbortSignal): Promise<Redirect> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // It may be rejected before anybody waits for it.
  promise.catch(() => {});
  let called = false;
  const server: Server = createServer((request, response) => {
    const url = URL.parse(`http://127.0.0.1${request.url ?? ""}`);
    if (called || request.method !== "GET" || url?.pathname !== callbackPath) {
      response.writeHead(404, { connection: "close" }).end();
      return;
    }
    called = true;
    const outcome = codeOf(url.searchParams, state, issuer);
    const text = outcome instanceof SignerError ? outcome.why : "Signed in. You may close this page.";
    response
      .writeHead(outcome instanceof SignerError ? 400 : 200, {
        "content-type": "text/plain; charset=utf-8",
        "content-security-policy": "default-src 'none'",
        connection: "close",
      })
      .end(`${text}\n`);
    if (outcome instanceof SignerError) reject(outcome);
    else resolve(outcome);
  });
  server.maxHeadersCount = 100;
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}${callbackPath}`,
    code: promise,
    close: () => {
      signal.removeEventListener("abort", abort);
      server.close();
      server.closeIdleConnections();
    },
  };
}

/** The code of a call, or why it is refused: RFC 6749 §4.1.2, and `iss` where it is sent (RFC 9207). */
function codeOf(query: URLSearchParams, state: string, issuer: string): string | SignerError {
  const one = (name: string): string | null => {
    const values = query.getAll(name);
    return values.length === 1 ? (values[0] ?? null) : null;
  };
  if (one("state") !== state)
    return new SignerError(
      "the sign-in that came back is not the one that was started",
      "run the command again",
    );
  if (query.has("iss") && one("iss") !== issuer)
    return new SignerError("the sign-in came back from another issuer", "run the command again");
  const error = query.get("error");
  if (error !== null)
    return new SignerError(
      `the issuer refused: ${visible(error, 200)}`,
      "sign in with an account that it knows",
    );
  return one("code") ?? new SignerError("the sign-in came back without a code", "run the command again");
}

/**
 * Redeems the code for the token (OpenID Connect Core 1.0 §3.1.3). The token comes straight from the issuer over TLS,
 * so its signature is left to whoever relies on it (§3.1.3.7); that it is the answer to our question is checked here.
 */
async function redeem(
  provider: Provider,
  given: { code: string; redirect: string; verifier: string; nonce: string },
  context: SignerContext,
): Promise<string> {
  const form = {
    grant_type: "authorization_code",
    code: given.code,
    redirect_uri: given.redirect,
    client_id: sigstoreAudience,
    code_verifier: given.verifier,
  };
  const { status, text } = await exchange("the issuer's token endpoint", provider.token, { form }, context);
  const parsed = parseJson(text, 16);
  const answer = parsed.ok ? parsed.value : null;
  const token = status === 200 ? claimOf(answer, "id_token") : null;
  if (token === null)
    throw new SignerError(
      `the issuer gave no token: ${visible(claimOf(answer, "error") ?? `status ${status}`, 200)}`,
      "run the command again",
    );
  const claims = tokenClaims(token);
  const problem = tokenProblem(claims, provider.issuer, given.nonce);
  if (problem !== null) throw new SignerError(`the issuer's token ${problem}`, "use another issuer");
  return token;
}

function tokenProblem(claims: unknown, issuer: string, nonce: string): string | null {
  if (claimOf(claims, "iss") !== issuer) return "names another issuer";
  if (claimOf(claims, "nonce") !== nonce) return "is not the answer to this sign-in";
  const audience = typeof claims === "object" && claims !== null && "aud" in claims ? claims.aud : null;
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  return audiences.includes(sigstoreAudience) ? null : "is made out to somebody else";
}
