import { afterEach, describe, expect, it } from "vitest";
import { startOidcIssuer, type IssuerFlaw, type OidcIssuer } from "@countersign/testkit";
import { signerContext } from "../../test/signer-context.ts";
import { browserToken } from "./browser-token.ts";
import type { SignerContext } from "./signer-context.ts";
import { claimOf, tokenClaims } from "./token-claims.ts";

const issuers: OidcIssuer[] = [];
afterEach(async () => void (await Promise.all(issuers.splice(0).map((issuer) => issuer.close()))));

async function start(flaw?: IssuerFlaw): Promise<OidcIssuer> {
  const issuer = await startOidcIssuer(flaw === undefined ? {} : { flaw });
  issuers.push(issuer);
  return issuer;
}
const contextOf = (
  openBrowser: SignerContext["openBrowser"],
  changes: Partial<SignerContext> = {},
): SignerContext => signerContext("/", { openBrowser, ...changes });

describe("signing in with a browser", () => {
  it("gives the token of whoever signed in", async () => {
    const issuer = await start();
    const token = await browserToken(
      issuer.url,
      contextOf((address) => issuer.signIn(address)),
    );
    expect(claimOf(tokenClaims(token), "email")).toBe("alice@acme.example");
  });

  it("asks for a code with S256, state and nonce of its own, back to a port of 127.0.0.1", async () => {
    const issuer = await start();
    const seen: URLSearchParams[] = [];
    const look = async (address: string): Promise<void> => {
      seen.push(new URL(address).searchParams);
      await issuer.signIn(address);
    };
    for (let times = 0; times < 2; times += 1) await browserToken(issuer.url, contextOf(look));
    for (const query of seen) {
      expect(Object.fromEntries(query)).toMatchObject({
        response_type: "code",
        client_id: "sigstore",
        code_challenge_method: "S256",
        redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/auth\/callback$/),
      });
      for (const name of ["state", "nonce", "code_challenge"]) expect(query.get(name)).toMatch(/^[\w-]{43}$/);
    }
    for (const name of ["state", "nonce", "code_challenge"])
      expect(seen[0]?.get(name)).not.toBe(seen[1]?.get(name));
  });

  const flaws: readonly [IssuerFlaw, RegExp][] = [
    ["no-configuration", /has no OpenID configuration \(status 404\)/],
    ["other-issuer", /says it is https:\/\/evil\.example/],
    ["plain-http", /names an address that is not https: http:\/\/evil\.example/],
    ["other-state", /is not the one that was started/],
    ["no-state", /is not the one that was started/],
    ["two-states", /is not the one that was started/],
    ["denied", /the issuer refused: access_denied/],
    ["no-code", /came back without a code/],
    ["other-iss", /came back from another issuer/],
    ["other-nonce", /is not the answer to this sign-in/],
    ["other-audience", /is made out to somebody else/],
    ["other-token-issuer", /names another issuer/],
    ["no-token", /the issuer gave no token/],
    ["oversize", /answers more than \d+ bytes/],
  ];
  it.each(flaws)("is refused where the answer is wrong: %s", async (flaw, expected) => {
    const issuer = await start(flaw);
    await expect(
      browserToken(
        issuer.url,
        contextOf((address) => issuer.signIn(address)),
      ),
    ).rejects.toThrow(expected);
  });

  it("takes one call: a second, other paths and other methods come to nothing", async () => {
    const issuer = await start();
    const statuses: number[] = [];
    const meddle = async (address: string): Promise<void> => {
      const redirect = new URL(address).searchParams.get("redirect_uri") ?? "";
      const call = async (url: string, method = "GET"): Promise<void> =>
        void statuses.push((await fetch(url, { method })).status);
      await call(new URL("/favicon.ico", redirect).href);
      await call(redirect, "POST");
      await issuer.signIn(address);
      await call(`${redirect}?code=attacker&state=attacker`).catch(() => statuses.push(0));
    };
    const token = await browserToken(issuer.url, contextOf(meddle));
    expect(claimOf(tokenClaims(token), "email")).toBe("alice@acme.example");
    expect(statuses.slice(0, 2)).toEqual([404, 404]);
    expect([404, 0]).toContain(statuses[2]);
  });

  it("ends with the first call, were it an attacker's", async () => {
    const issuer = await start();
    const overtaken = async (address: string): Promise<void> => {
      const query = new URL(address).searchParams;
      await fetch(`${query.get("redirect_uri")}?code=attacker&state=attacker`);
      await issuer.signIn(address);
    };
    await expect(browserToken(issuer.url, contextOf(overtaken))).rejects.toThrow(
      /not the one that was started/,
    );
    expect(issuer.requests.count({ path: "/token" })).toBe(0);
  });

  it("cannot redeem a code that was asked for with another verifier", async () => {
    const issuer = await start();
    let stolen = "";
    const steal = async (address: string): Promise<void> => {
      const own = new URL(address);
      own.searchParams.set("code_challenge", "attacker");
      stolen = own.href;
      await issuer.signIn(own.href);
    };
    await expect(browserToken(issuer.url, contextOf(steal))).rejects.toThrow(
      /the issuer gave no token: invalid_grant/,
    );
    expect(stolen).not.toBe("");
  });

  it("gives up in time, on Ctrl-C, and where nobody sits there", async () => {
    const issuer = await start();
    const nobody = contextOf(async () => {});
    await expect(browserToken(issuer.url, nobody, 50)).rejects.toThrow(/nobody signed in in time/);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stopped")), 50);
    const waiting = browserToken(issuer.url, { ...nobody, signal: controller.signal });
    await expect(waiting).rejects.toThrow("stopped");
    await expect(browserToken(issuer.url, contextOf(null))).rejects.toThrow(/nobody sits at a terminal/);
  });

  it.each(["http://issuer.example", "ftp://127.0.0.1", "https://user@issuer.example", ""])(
    "does not ask an issuer at %j",
    async (address) => {
      await expect(
        browserToken(
          address,
          contextOf(async () => {}),
        ),
      ).rejects.toThrow(/neither https nor on this machine/);
    },
  );
});
