import { describe, expect, it } from "vitest";
import { signerChoice, type SignerOptions } from "./signer-choice.ts";

describe("which key signs", () => {
  it("is one", () => {
    expect(signerChoice({ key: "a.pem", passphraseFd: "3" })).toEqual({ kind: "key", path: "a.pem" });
    expect(signerChoice({ ssh: "agent" })).toEqual({ kind: "ssh", key: "agent" });
    expect(() => signerChoice({})).toThrow("nothing says which key signs");
    expect(() => signerChoice({ key: "a.pem", ssh: "agent" })).toThrow("several keys are named");
  });

  it.each<[string, SignerOptions, RegExp]>([
    ["--ssh", { ssh: "id_ed25519" }, /^leave it out: ssh-keygen asks by itself/],
    ["--hmac", { hmac: "SECRET" }, /^leave it out$/],
    ["--hmac-file", { hmacFile: "secret" }, /^leave it out$/],
    ["--kms", { kms: "hashivault://a" }, /^leave it out$/],
    ["--keyless", { keyless: true }, /^leave it out$/],
  ])("is not %s with a passphrase from a descriptor, which would not be read", (_, options, fix) => {
    expect(() => signerChoice({ ...options, passphraseFd: "3" })).toThrow(
      expect.objectContaining({
        message: "--passphrase-fd is read for --key alone",
        fix: expect.stringMatching(fix) as string,
      }),
    );
  });
});
