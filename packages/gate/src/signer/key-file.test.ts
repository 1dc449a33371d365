import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { pae, sealTypes, type SignerError } from "@countersign/core";
import { createTestDirectory } from "@countersign/testkit";
import { signerContext, toolMissing } from "../../test/signer-context.ts";
import { describeSigner } from "../../test/signer-conformance.ts";
import { openKeyFile } from "./key-file.ts";
import { publicHalfOf } from "./public-key.ts";

const scratch = createTestDirectory("key-file");
afterAll(() => scratch.remove());

const write = (name: string, content: string | Buffer, mode = 0o600): string => {
  const path = join(scratch.path, name);
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
  return path;
};
const ed25519 = generateKeyPairSync("ed25519");
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pkcs8 = (key: KeyObject, passphrase?: string): string =>
  key
    .export({
      type: "pkcs8",
      format: "pem",
      ...(passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase }),
    })
    .toString();

write("ed25519.pem", pkcs8(ed25519.privateKey));
write("p256.pem", pkcs8(p256.privateKey));
write("sec1.pem", p256.privateKey.export({ type: "sec1", format: "pem" }).toString());
write("encrypted.pem", pkcs8(ed25519.privateKey, "open sesame"));
write(
  "sec1-encrypted.pem",
  p256.privateKey
    .export({ type: "sec1", format: "pem", cipher: "aes-128-cbc", passphrase: "open sesame" })
    .toString(),
);

for (const [name, { publicKey }] of [
  ["ed25519.pem", ed25519],
  ["p256.pem", p256],
  ["sec1.pem", p256],
] as const)
  describeSigner(name, async (signal) => ({
    signer: await openKeyFile(name, signerContext(scratch.path, { signal })),
    half: { publicKey },
  }));

describe("a key file", () => {
  it.each([
    ["encrypted.pem", ed25519.publicKey],
    ["sec1-encrypted.pem", p256.publicKey],
  ])("F7: asks for the passphrase of %s", async (name, publicKey) => {
    const asked: string[] = [];
    const askPassphrase = async (prompt: string): Promise<string> => {
      asked.push(prompt);
      return "open sesame";
    };
    const signer = await openKeyFile(name, signerContext(scratch.path, { askPassphrase }));
    expect(asked).toEqual([`Passphrase of ${name}: `]);
    const key = await signer.sealKey();
    expect(publicHalfOf(key as NonNullable<typeof key>)).toEqual({
      form: "pem",
      text: publicKey.export({ type: "spki", format: "pem" }).toString(),
    });
  });

  it.each(["open sesame\n", "open sesame\r\n", "open sesame", "open sesame\nsomething else"])(
    "takes the passphrase from a file descriptor that holds %j",
    async (held) => {
      const descriptor = openSync(write("passphrase", held), "r");
      const context = signerContext(scratch.path, { passphraseFd: descriptor });
      const signer = await openKeyFile("encrypted.pem", context);
      closeSync(descriptor);
      expect(signer.algorithm).toBe("ed25519");
    },
  );

  it("takes a line for each encrypted key, and says where there is none left", async () => {
    const descriptor = openSync(write("passphrases", "open sesame\nsecond\n"), "r");
    const context = signerContext(scratch.path, { passphraseFd: descriptor });
    write("second.pem", pkcs8(p256.privateKey, "second"));
    expect((await openKeyFile("encrypted.pem", context)).algorithm).toBe("ed25519");
    expect((await openKeyFile("second.pem", context)).algorithm).toBe("ecdsa-p256-sha256");
    await expect(openKeyFile("encrypted.pem", context)).rejects.toThrow(
      /has no line for encrypted\.pem; give one for each encrypted key, in the order in which they are named/,
    );
    closeSync(descriptor);
  });

  it.each([
    ["a wrong one", { askPassphrase: async () => "wrong" }, /^the passphrase does not open encrypted.pem; /],
    ["none at all", {}, /is encrypted, and no passphrase was given; give --passphrase-fd/],
    [
      "a closed descriptor",
      { passphraseFd: 997 },
      /^no passphrase can be read from file descriptor 997; open it: --passphrase-fd 997 997<passphrase\.txt$/,
    ],
  ])("says so when the passphrase is %s", async (_what, changes, expected) => {
    await expect(openKeyFile("encrypted.pem", signerContext(scratch.path, changes))).rejects.toThrow(
      expected,
    );
  });

  it("takes no more from a descriptor than a passphrase can have", async () => {
    const descriptor = openSync(write("endless", Buffer.alloc(9000, "x")), "r");
    const opened = openKeyFile("encrypted.pem", signerContext(scratch.path, { passphraseFd: descriptor }));
    await expect(opened).rejects.toThrow(/more than 4096 bytes/);
    closeSync(descriptor);
  });

  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  it.each([
    ["RSA", pkcs8(rsa), /is a key of kind rsa: seals take Ed25519 and P-256; make one: openssl genpkey/],
    ["P-384", pkcs8(p384), /is a key of kind secp384r1: .*openssl genpkey -algorithm ed25519/],
    ["X25519", pkcs8(generateKeyPairSync("x25519").privateKey), /is a key of kind x25519/],
    [
      "a public key",
      ed25519.publicKey.export({ type: "spki", format: "pem" }).toString(),
      /holds no private key in PEM/,
    ],
    ["an OpenSSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", /is an OpenSSH key; use --ssh/],
    ["nothing", "", /holds no private key in PEM/],
    [
      "a damaged key",
      pkcs8(ed25519.privateKey).replace(/^MC4CAQAwBQYDK2Vw/m, "MC4CAQAwBQYDK2Vx"),
      /is (damaged|a key of kind)/,
    ],
  ])("refuses %s, with the command that makes a right one", async (name, content, expected) => {
    const path = write(`${name.replaceAll(" ", "-")}.bad.pem`, content);
    await expect(openKeyFile(path, signerContext(scratch.path))).rejects.toThrow(expected);
  });

  it.skipIf(process.platform === "win32").each([0o644, 0o640, 0o604])(
    "refuses a key that others can read (mode %i in decimal), as ssh does",
    async (mode) => {
      const path = write(`open-${mode}.pem`, pkcs8(ed25519.privateKey), mode);
      const opened = openKeyFile(path, signerContext(scratch.path));
      await expect(opened).rejects.toThrow(/can be read by others than its owner \(mode 06\d\d\)/);
    },
  );

  it.skipIf(process.platform === "win32")("gives a fix that a shell takes as it is", async () => {
    const path = write("it's mine.pem", pkcs8(ed25519.privateKey), 0o644);
    const refusal = openKeyFile(path, signerContext(scratch.path)).catch((error: unknown) => error);
    const { why, fix } = (await refusal) as SignerError;
    expect(why).toMatch(/\(mode 0644\): replace it if anyone may have copied it$/);
    expect(spawnSync("sh", ["-c", fix]).status).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("says of a file without a private key that it has none, whoever can read it", async () => {
    const open = ed25519.publicKey.export({ type: "spki", format: "pem" }).toString();
    write("alice.pub", "ssh-ed25519 AAAA alice", 0o644);
    write("alice-public.pem", open, 0o644);
    for (const name of ["alice.pub", "alice-public.pem"])
      await expect(openKeyFile(name, signerContext(scratch.path))).rejects.toThrow(
        /holds no private key in PEM; name the private key, or make one: openssl genpkey/,
      );
  });

  it("says what is wrong with a path, and reads no endless file", async () => {
    const context = signerContext(scratch.path);
    await expect(openKeyFile("nowhere.pem", context)).rejects.toThrow(
      /there is no such file; correct the path/,
    );
    await expect(openKeyFile(".", context)).rejects.toThrow(/is no regular file/);
    await expect(openKeyFile(write("big", Buffer.alloc(100_000)), context)).rejects.toThrow(/100000 bytes/);
  });
});

const openssl = toolMissing("openssl", "version");
describe.skipIf(openssl !== null)(`openssl and ours${openssl === null ? "" : ` (${openssl})`}`, () => {
  const bytes = Buffer.from("{}");
  const message = pae(sealTypes.payload, bytes);
  const at = (name: string): string => join(scratch.path, name);
  const run = (...args: string[]): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    return { status, said: stdout + stderr };
  };

  it.each([
    ["ed25519", ["-algorithm", "ed25519"], "pkeyutl"],
    ["P-256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "dgst"],
  ])("F7: openssl makes an %s key, we sign with it, openssl verifies", async (name, kind, verifier) => {
    const key = at(`${name}.openssl.pem`);
    expect(run("genpkey", ...kind, "-out", key)).toMatchObject({ status: 0 });
    chmodSync(key, 0o600);
    const signer = await openKeyFile(key, signerContext(scratch.path));
    const { signature } = await signer.sign(message, { type: sealTypes.payload, bytes });
    const sealKey = await signer.sealKey();
    const pem = publicHalfOf(sealKey as NonNullable<typeof sealKey>).text;
    expect(createPublicKey(readFileSync(key)).export({ type: "spki", format: "pem" })).toBe(pem);
    writeFileSync(at("key.pub"), pem);
    writeFileSync(at("message"), message);
    writeFileSync(at("signature"), signature);
    const verify = (): ReturnType<typeof run> =>
      verifier === "dgst"
        ? run("dgst", "-sha256", "-verify", at("key.pub"), "-signature", at("signature"), at("message"))
        : run(
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            at("key.pub"),
            "-rawin",
            "-in",
            at("message"),
            "-sigfile",
            at("signature"),
          );
    expect(verify()).toMatchObject({ status: 0 });
    writeFileSync(at("message"), Buffer.concat([message, Buffer.from(" ")]));
    expect(verify().status).not.toBe(0);
  });

  it("F7: opens a key that openssl encrypted", async () => {
    const key = at("openssl-encrypted.pem");
    run("genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:open sesame", "-out", key);
    chmodSync(key, 0o600);
    const context = signerContext(scratch.path, { askPassphrase: async () => "open sesame" });
    expect((await openKeyFile(key, context)).algorithm).toBe("ed25519");
  });
});
