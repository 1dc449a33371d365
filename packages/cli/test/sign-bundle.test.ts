import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createTestDirectory,
  signingConfigOf,
  startOidcIssuer,
  startTestkit,
  type OidcIssuer,
  type Testkit,
} from "@countersign/testkit";
import { run, type Ran } from "./host.ts";

const scratch = createTestDirectory("sign-bundle");
const at = (name: string): string => join(scratch.path, name);
let kit: Testkit;
let issuer: OidcIssuer;
beforeAll(async () => {
  [kit, issuer] = await Promise.all([startTestkit(), startOidcIssuer()]);
  writeFileSync(at("root.json"), JSON.stringify(kit.sigstore.trustedRoot));
  writeFileSync(at("other-root.json"), JSON.stringify(await otherRoot()));
  writeFileSync(at("a.txt"), "artefact\n");
  writeFileSync(at("b.txt"), "other\n");
});
afterAll(async () => {
  await Promise.all([kit.close(), issuer.close()]);
  scratch.remove();
});

async function otherRoot(): Promise<unknown> {
  await using other = await startTestkit();
  return other.sigstore.trustedRoot;
}
const conformance = (...args: readonly string[]): Promise<Ran> =>
  run({ directory: scratch.path, scratch: scratch.path }, "sigstore-conformance", ...args);
function sign(log: "rekor-v1" | "rekor-v2", bundle: string, ...more: readonly string[]): Promise<Ran> {
  writeFileSync(at(`${log}.json`), JSON.stringify(signingConfigOf(kit.sigstore.url, log)));
  const options = ["--identity-token", issuer.token(), "--bundle", bundle, "--signing-config", `${log}.json`];
  return conformance("sign-bundle", ...more.slice(0, -1), ...options, more.at(-1) ?? "");
}
const verify = (bundle: string, artefact: string, identity = "alice@acme.example"): Promise<Ran> => {
  const signer = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer.url];
  return conformance("verify-bundle", "--bundle", bundle, ...signer, "--trusted-root", "root.json", artefact);
};

describe("sigstore-conformance sign-bundle", () => {
  it.each(["rekor-v1", "rekor-v2"] as const)(
    "F8: signs a file so that verify-bundle takes it (%s)",
    async (log) => {
      const bundle = `${log}.bundle.json`;
      expect(await sign(log, bundle, "--trusted-root", "root.json", "a.txt")).toEqual({
        exitCode: 0,
        out: "",
        err: "",
      });
      expect(JSON.parse(readFileSync(at(bundle), "utf8"))).toMatchObject({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { certificate: {} },
        messageSignature: { messageDigest: { algorithm: "SHA2_256" } },
      });
      expect(await verify(bundle, "a.txt")).toExitWith(0);
      expect(await verify(bundle, "b.txt")).toExitWith(1);
      expect(await verify(bundle, "a.txt", "mallory@acme.example")).toExitWith(1);
    },
  );

  it.each(["rekor-v1", "rekor-v2"] as const)(
    "signs an in-toto statement as an envelope (%s)",
    async (log) => {
      const sha256 = "a".repeat(64);
      const statement = {
        _type: "https://in-toto.io/Statement/v1",
        subject: [{ name: "a.txt", digest: { sha256 } }],
        predicateType: "https://acme.example/checked/v1",
        predicate: {},
      };
      writeFileSync(at("statement.json"), JSON.stringify(statement));
      expect(await sign(log, "statement.bundle.json", "--in-toto", "statement.json")).toMatchObject({
        exitCode: 0,
      });
      expect(await verify("statement.bundle.json", `sha256:${sha256}`)).toExitWith(0);
      expect(await verify("statement.bundle.json", `sha256:${"b".repeat(64)}`)).toExitWith(1);
    },
  );

  it("writes nothing that does not verify under the root that was given", async () => {
    const { exitCode, err } = await sign(
      "rekor-v1",
      "bad.json",
      "--trusted-root",
      "other-root.json",
      "a.txt",
    );
    expect({ exitCode, err }).toEqual({
      exitCode: 1,
      err: expect.stringMatching(/^countersign: refused: what was signed does not verify: bundle\//),
    });
    expect(existsSync(at("bad.json"))).toBe(false);
  });

  it("says what is wrong in a line, and never the token", async () => {
    const staging = await conformance(
      "sign-bundle",
      "--staging",
      "--identity-token",
      "x",
      "--bundle",
      "s.json",
      "a.txt",
    );
    expect(staging).toMatchObject({ exitCode: 2, err: expect.stringContaining("--signing-config") });
    const args = ["--bundle", "s.json", "--signing-config", "rekor-v1.json", "a.txt"];
    const token = await conformance("sign-bundle", "--identity-token", "secret.secret.secret", ...args);
    expect(token).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("the identity token names no subject"),
    });
    expect(token.err).not.toContain("secret.secret");
    expect(await sign("rekor-v1", "s.json", "nowhere.txt")).toExitWith(2);
  });
});
