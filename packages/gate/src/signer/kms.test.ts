import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { SignerError } from "@countersign/core";
import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { describeSigner } from "../../test/signer-conformance.ts";
import { signerContext } from "../../test/signer-context.ts";
import { kmsPackages, openKms } from "./kms.ts";
import { openSigner } from "./open-signer.ts";

const scratch = createTestDirectory("kms");
afterAll(() => scratch.remove());

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const manifest = (name: string): string =>
  JSON.stringify({ name, version: "1.0.0", type: "module", exports: { ".": "./index.js" } });
/** A package as one of ours is, with the key in its source. */
const signerSource = `
  import { createPrivateKey, createPublicKey, sign } from "node:crypto";
  const key = createPrivateKey(${JSON.stringify(privateKey.export({ type: "pkcs8", format: "pem" }))});
  class SignerError extends Error {
    name = "SignerError";
    why = "permission denied";
    fix = "grant it";
  }
  export const openKmsSigner = async (uri, { variables, signal }) => variables.DENIED ? Promise.reject(new SignerError()) : ({
    name: uri,
    algorithm: variables.ALGORITHM ?? "ecdsa-p256-sha256",
    keyid: async () => "whatever it says",
    publicKey: async () => createPublicKey(key),
    sign: async (pae) => {
      signal.throwIfAborted();
      return { signature: sign("sha256", pae, key), material: { kind: "key", keyid: "whatever it says" } };
    },
  });
`;
const mark = join(scratch.path, "ran");
const hostile = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(mark)}, "");`;

const aws = "@countersign/signer-aws-kms";
const folder = (root: string, name: string): string => join(root, "node_modules", name);
writeFiles(scratch.path, {
  [`${folder("installation", aws)}/package.json`]: manifest(aws),
  [`${folder("installation", aws)}/index.js`]: signerSource,
  [`${folder("installation", "@countersign/signer-gcp-kms")}/package.json`]: manifest(
    "@countersign/signer-gcp-kms",
  ),
  [`${folder("installation", "@countersign/signer-gcp-kms")}/index.js`]: "export const somethingElse = 1;",
  ...Object.fromEntries(
    [...kmsPackages.values()].flatMap((name) => [
      [`${folder("project", name)}/package.json`, manifest(name)],
      [`${folder("project", name)}/index.js`, hostile],
    ]),
  ),
});
const installation = pathToFileURL(
  join(scratch.path, "installation/node_modules/countersign/dist/main.mjs"),
).href;
writeFiles(scratch.path, { "installation/node_modules/countersign/dist/main.mjs": "" });
const project = join(scratch.path, "project");
const uri = "awskms:///alias/seals";

describeSigner("a key service's package", async (signal) => ({
  signer: await openKms(uri, signerContext(project, { signal }), installation),
  half: { publicKey },
}));

describe("a key service's package", () => {
  it.each([...kmsPackages.keys()])("is never taken from the checked project: %s", async (scheme) => {
    const context = signerContext(project, { variables: { NODE_PATH: join(project, "node_modules") } });
    const elsewhere = pathToFileURL(join(scratch.path, "nothing-here/main.mjs")).href;
    await expect(openKms(`${scheme}://key`, context, elsewhere)).rejects.toThrow(
      /is not installed beside Countersign; npm install --global countersign @countersign\/signer-/,
    );
    expect(existsSync(mark)).toBe(false);
  });

  it("is told from something else under its name", async () => {
    await expect(openKms("gcpkms://key", signerContext(project), installation)).rejects.toThrow(
      /signer-gcp-kms is of another version: it opens no signer/,
    );
  });

  it.each(["", "awskms", "AWSKMS:///x", "file:///etc/passwd", "__proto__://x", "rsakms://\u001b[2J"])(
    "is not looked for at %j",
    async (address) => {
      const said = await openSigner({ kind: "kms", uri: address }, signerContext(project)).then(
        () => "opened",
        String,
      );
      expect(said).toMatch(/names no key service; write it as awskms:\/\/…/);
      expect(said).not.toContain("\u001b");
    },
  );

  it("fails as any signer does, though its errors are of a class of its own", async () => {
    const context = signerContext(project, { variables: { DENIED: "1" } });
    const error: unknown = await openKms(uri, context, installation).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SignerError);
    expect(error).toMatchObject({ why: "permission denied", fix: "grant it" });
  });

  it.each(["ed25519", "hmac-sha256", "sigstore-keyless", "sshsig-ed25519"])(
    "is refused when it says that its P-256 key signs with %s",
    async (algorithm) => {
      const context = signerContext(project, { variables: { ALGORITHM: algorithm } });
      await expect(openKms(uri, context, installation)).rejects.toThrow(/SignerError|kind|cannot make seals/);
    },
  );
});
