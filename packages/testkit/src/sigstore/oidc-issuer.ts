import { createHash, randomUUID } from "node:crypto";
import { createRequestLog, type RequestLog } from "../http/request-log.ts";
import { notFound, startServer, type Reply, type Request } from "../http/server.ts";
import { createSigningKey } from "./key.ts";

/** What is wrong with a sign-in; each a reason for a client to give up. */
export type IssuerFlaw =
  | "other-issuer"
  | "no-configuration"
  | "plain-http"
  | "other-state"
  | "no-state"
  | "two-states"
  | "denied"
  | "no-code"
  | "other-iss"
  | "other-nonce"
  | "other-audience"
  | "other-token-issuer"
  | "no-token"
  | "oversize";

/**
 * An OpenID Connect issuer on loopback: the code flow with PKCE for anyone who comes, GitHub Actions' token service at
 * `/actions/token`, and tokens made to order. Tokens are signed, and nobody here verifies that.
 */
export type OidcIssuer = {
  url: string;
  requests: RequestLog;
  /** Bearer that `/actions/token` asks for. */
  actionsSecret: string;
  /** A JSON Web Token with these claims beside issuer, audience and times. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  /** What a person's browser does: opens the page, signs in, and follows the redirect. */
  signIn(address: string): Promise<void>;
  close(): Promise<void>;
};

export type OidcIssuerOptions = {
  /** Of whoever signs in, or of the job. */
  claims?: Readonly<Record<string, unknown>>;
  flaw?: IssuerFlaw;
};

type Grant = { challenge: string; nonce: string; redirect: string; client: string };

export async function startOidcIssuer(options: OidcIssuerOptions = {}): Promise<OidcIssuer> {
  const { flaw } = options;
  const key = createSigningKey("P-256");
  const requests = createRequestLog();
  const grants = new Map<string, Grant>();
  const actionsSecret = randomUUID();
  const person = { sub: "person-1", email: "alice@acme.example", email_verified: true, ...options.claims };
  let own = "";

  const token: OidcIssuer["token"] = (claims = person) => {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const head = part({ alg: "ES256", typ: "JWT" });
    const body = part({ iss: own, aud: "sigstore", iat: now, exp: now + 600, ...claims });
    return `${head}.${body}.${key.sign(Buffer.from(`${head}.${body}`)).toString("base64url")}`;
  };

  const authorise = (query: URLSearchParams): Reply => {
    const of = (name: string): string => query.get(name) ?? "";
    const code = randomUUID();
    grants.set(code, {
      challenge: of("code_challenge"),
      nonce: of("nonce"),
      redirect: of("redirect_uri"),
      client: of("client_id"),
    });
    const back = new URL(of("redirect_uri"));
    if (flaw === "denied") back.searchParams.set("error", "access_denied");
    else if (flaw !== "no-code") back.searchParams.set("code", code);
    if (flaw !== "no-state")
      back.searchParams.set("state", flaw === "other-state" ? "attacker" : of("state"));
    if (flaw === "two-states") back.searchParams.append("state", "attacker");
    back.searchParams.set("iss", flaw === "other-iss" ? "https://evil.example" : own);
    return { status: 302, headers: { location: back.href } };
  };

  const redeem = (form: URLSearchParams): Reply => {
    const grant = grants.get(form.get("code") ?? "");
    grants.delete(form.get("code") ?? "");
    const proof = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const fits =
      grant?.challenge === proof &&
      grant.redirect === form.get("redirect_uri") &&
      grant.client === form.get("client_id") &&
      form.get("grant_type") === "authorization_code";
    if (!fits) return document({ error: "invalid_grant" }, 400);
    if (flaw === "no-token") return document({ access_token: "opaque" });
    if (flaw === "oversize") return document({ id_token: "x".repeat(1 << 20) });
    return document({
      id_token: token({
        ...person,
        nonce: flaw === "other-nonce" ? "attacker" : grant.nonce,
        ...(flaw === "other-audience" ? { aud: "somebody-else" } : {}),
        ...(flaw === "other-token-issuer" ? { iss: "https://evil.example" } : {}),
      }),
    });
  };

  const answer = (request: Request): Reply => {
    if (request.path === "/.well-known/openid-configuration" && flaw !== "no-configuration")
      return document({
        issuer: flaw === "other-issuer" ? "https://evil.example" : own,
        authorization_endpoint: flaw === "plain-http" ? "http://evil.example/auth" : `${own}/auth`,
        token_endpoint: `${own}/token`,
      });
    if (request.path === "/auth") return authorise(request.query);
    if (request.path === "/token") return redeem(new URLSearchParams(request.body.toString()));
    if (request.path !== "/actions/token") return notFound;
    if (request.headers.authorization !== `Bearer ${actionsSecret}`) return document({}, 403);
    return document({ value: token({ ...options.claims, aud: request.query.get("audience") }) });
  };

  const server = await startServer({ name: "issuer", log: requests, tls: null, answer });
  own = server.url;
  return {
    url: own,
    requests,
    actionsSecret,
    token,
    signIn: async (address) => {
      const response = await fetch(address, { redirect: "manual" });
      await fetch(response.headers.get("location") ?? "");
    },
    close: () => server.close(),
  };
}

const document = (value: unknown, status = 200): Reply => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

/** Claims of a GitHub Actions job, as its identity tokens have them. */
export const actionsClaims = (
  changes: Readonly<Record<string, string>> = {},
): Readonly<Record<string, unknown>> => ({
  sub: "repo:acme/widgets:ref:refs/heads/main",
  repository: "acme/widgets",
  repository_id: "4711001",
  repository_owner_id: "4711",
  repository_visibility: "public",
  workflow_ref: "acme/widgets/.github/workflows/seal.yml@refs/heads/main",
  job_workflow_ref: "acme/widgets/.github/workflows/seal.yml@refs/heads/main",
  ref: "refs/heads/main",
  sha: "5f1c9e0d3b7a48260917c2d4e8fa0b6c3d5e7f91",
  event_name: "push",
  runner_environment: "github-hosted",
  run_id: "9000000001",
  ...changes,
});
