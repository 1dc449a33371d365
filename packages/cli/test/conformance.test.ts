import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createTestDirectory } from "@countersign/testkit";
import { run, type Ran } from "./host.ts";
import { hasVectors, vectorsPath } from "./vectors.ts";

const suite = vectorsPath("conformance", "bundle-verify");
const names = hasVectors
  ? readdirSync(suite).filter((name) => existsSync(`${suite}/${name}/bundle.sigstore.json`))
  : [];
const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const scratch = createTestDirectory("conformance");

const file = (name: string, part: string): string => `${suite}/${name}/${part}`;
const textOf = (name: string, part: string, otherwise: string): string =>
  existsSync(file(name, part)) ? readFileSync(file(name, part), "utf8").trim() : otherwise;
const artefactOf = (name: string): string =>
  existsSync(file(name, "artifact")) ? file(name, "artifact") : `${suite}/a.txt`;
const digestOf = (name: string): string =>
  `sha256:${createHash("sha256")
    .update(readFileSync(artefactOf(name)))
    .digest("hex")}`;

function signerOf(name: string): string[] {
  if (existsSync(file(name, "key.pub"))) return ["--key", file(name, "key.pub")];
  const issuer = textOf(name, "issuer", "https://token.actions.githubusercontent.com");
  return ["--certificate-identity", textOf(name, "identity", beacon), "--certificate-oidc-issuer", issuer];
}

const verify = (name: string, artefact: string, signer = signerOf(name)): Promise<Ran> =>
  run(
    { directory: scratch.path, scratch: scratch.path },
    "sigstore-conformance",
    "verify-bundle",
    "--bundle",
    file(name, "bundle.sigstore.json"),
    ...signer,
    ...(existsSync(file(name, "trusted_root.json"))
      ? ["--trusted-root", file(name, "trusted_root.json")]
      : []),
    artefact,
  );

describe.skipIf(!hasVectors)("sigstore-conformance verify-bundle", () => {
  it("has all sixty cases", () => expect(names).toHaveLength(60));

  it.each(names)("judges %s, as path and as digest", async (name) => {
    const expected = name.endsWith("_fail") ? 1 : 0;
    for (const artefact of [artefactOf(name), digestOf(name)]) {
      const { exitCode, out, err } = await verify(name, artefact);
      expect({ exitCode, out }, err).toEqual({ exitCode: expected, out: "" });
      // A refusal says why; a passing bundle says nothing.
      if (expected === 1) expect(err).toMatch(/^countersign: refused: [a-z]+\/[a-z-]+: ./);
      else expect(err).toBe("");
    }
  });

  const good =
    names.find(
      (name) =>
        !name.endsWith("_fail") && !existsSync(file(name, "key.pub")) && !existsSync(file(name, "identity")),
    ) ?? "";
  const issuer = "https://token.actions.githubusercontent.com";
  it.each([
    ["another identity", ["--certificate-identity", `${beacon}x`, "--certificate-oidc-issuer", issuer]],
    [
      "a part of the identity",
      ["--certificate-identity", beacon.slice(0, -4), "--certificate-oidc-issuer", issuer],
    ],
    ["a pattern", ["--certificate-identity", ".*", "--certificate-oidc-issuer", issuer]],
    ["another issuer", ["--certificate-identity", beacon, "--certificate-oidc-issuer", `${issuer}/`]],
  ])("refuses %s", async (_what, signer) => {
    expect(await verify(good, artefactOf(good), signer)).toExitWith(1);
  });

  it("refuses a certificate where a key was asked for", async () => {
    const key = file(names.find((name) => existsSync(file(name, "key.pub"))) ?? "", "key.pub");
    expect(await verify(good, artefactOf(good), ["--key", key])).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("not by the key"),
    });
  });

  it.each([
    ["no signer", []],
    ["half a signer", ["--certificate-identity", beacon]],
    ["two signers", ["--key", "k", "--certificate-identity", beacon, "--certificate-oidc-issuer", issuer]],
    ["a missing key file", ["--key", "no-such-file.pem"]],
  ])("ends 2 for %s", async (_what, signer) => {
    expect(await verify(good, artefactOf(good), signer)).toExitWith(2);
  });

  it("knows no staging root of its own", async () => {
    const ran = await run(
      { directory: scratch.path, scratch: scratch.path },
      ..."sigstore-conformance verify-bundle --staging --bundle b --certificate-identity i --certificate-oidc-issuer u a.txt".split(
        " ",
      ),
    );
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("--trusted-root") });
  });
});
