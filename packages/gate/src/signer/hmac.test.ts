import { createHmac } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hmacSealKey, pae, sealTypes, type SealKey } from "@countersign/core";
import { createTestDirectory } from "@countersign/testkit";
import { describeSigner } from "../../test/signer-conformance.ts";
import { signerContext } from "../../test/signer-context.ts";
import { openHmac, readHmacSecret } from "./hmac.ts";

const scratch = createTestDirectory("hmac");
afterAll(() => scratch.remove());

const secret = "0123456789abcdef0123456789abcdef";
const variable = "SEAL_SECRET";
const context = signerContext(scratch.path, { variables: { [variable]: secret, SHORT: "0".repeat(31) } });
const write = (name: string, content: string, mode = 0o600): string => {
  writeFileSync(join(scratch.path, name), content);
  chmodSync(join(scratch.path, name), mode);
  return name;
};
function keyOf(value: string): SealKey {
  const read = hmacSealKey(variable, Buffer.from(value));
  if (!read.ok) throw new Error(read.detail);
  return read.key;
}
const half = { key: keyOf(secret), secrets: new Map([[variable, Buffer.from(secret)]]) };

describeSigner("an HMAC secret in a variable", async (signal) => ({
  signer: await openHmac({ kind: "hmac", variable }, { ...context, signal }),
  half,
}));
describeSigner("an HMAC secret in a file", async (signal) => ({
  signer: await openHmac({ kind: "hmac-file", path: write("secret", `${secret}\n`) }, { ...context, signal }),
  half,
}));

describe("an HMAC signer", () => {
  it("F3: signs with HMAC-SHA256", async () => {
    const signer = await openHmac({ kind: "hmac", variable }, context);
    const bytes = Buffer.from("{}");
    const message = pae(sealTypes.payload, bytes);
    const { signature } = await signer.sign(message, { type: sealTypes.payload, bytes });
    expect(Buffer.from(signature).toString("hex")).toBe(
      createHmac("sha256", secret).update(message).digest("hex"),
    );
    expect(await signer.sealKey()).toMatchObject({ algorithm: "hmac-sha256", variable });
  });

  it("F4: refuses a secret of fewer than 32 bytes, wherever it runs", async () => {
    const short = openHmac({ kind: "hmac", variable: "SHORT" }, context);
    await expect(short).rejects.toThrow("the secret in SHORT has 31 bytes");
    // 32 with the line break that is none of it.
    const file = openHmac({ kind: "hmac-file", path: write("short", `${"0".repeat(31)}\n`) }, context);
    await expect(file).rejects.toThrow("the secret in short has 31 bytes");
    await expect(openHmac({ kind: "hmac-file", path: write("empty", "") }, context)).rejects.toThrow(
      "0 bytes",
    );
  });

  it("says the variable's name and never its value", async () => {
    await expect(openHmac({ kind: "hmac", variable: "UNSET" }, context)).rejects.toThrow(
      /^the variable UNSET is not set; /,
    );
    const short = await openHmac({ kind: "hmac", variable: "SHORT" }, context).catch(String);
    expect(short).not.toContain("0000");
  });

  it.skipIf(process.platform === "win32")("refuses a file that others can read", async () => {
    const opened = openHmac({ kind: "hmac-file", path: write("open", secret, 0o644) }, context);
    await expect(opened).rejects.toThrow(/can be read by others/);
  });

  it.each([`${secret}\r\n`, `${secret}\n`, secret])("reads one secret from %j", async (content) => {
    const path = write("form", content);
    expect((await readHmacSecret({ kind: "hmac-file", path }, context)).toString()).toBe(secret);
  });
});
