import { Buffer } from "node:buffer";
import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  documentOf,
  hmacKey,
  sealKeyPair,
  signerOf,
  sshSeal,
  statement,
  trustOf,
} from "../../test/seal-keys.ts";
import { sealTypes } from "./claim.ts";
import { pae } from "./dsse.ts";
import { sealKeyOf } from "./seal-key.ts";
import { verifySealSignature } from "./seal-signature.ts";
import { formatSshPublicKey, parseSshPublicKey } from "./ssh-key.ts";
import { readSshArmour, readSshSignature, sshArmour, verifySshSignature } from "./sshsig.ts";

const found = (tool: string): boolean => spawnSync(tool, ["-V"]).error === undefined;
const missing = (tool: string): string => (found(tool) ? "" : ` (SKIPPED: no ${tool} on this machine)`);
const namespace = sealTypes.sshNamespace;
const folder = mkdtempSync(join(tmpdir(), "seal interop "));
const path = (name: string): string => join(folder, name);
const message = pae(sealTypes.payload, statement);
writeFileSync(path("pae"), message);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

describe.skipIf(!found("ssh-keygen"))(`T24: ssh-keygen${missing("ssh-keygen")}`, () => {
  const makeKey = (name: string, type: string): { file: string; line: string } => {
    run("ssh-keygen", "-q", "-t", type, "-N", "", "-C", "me@laptop", "-f", path(name));
    return { file: path(name), line: readFileSync(path(`${name}.pub`), "utf8") };
  };
  const signWith = (file: string, space: string, ...options: readonly string[]): Buffer => {
    rmSync(path("pae.sig"), { force: true });
    run("ssh-keygen", "-q", "-Y", "sign", "-f", file, "-n", space, ...options, path("pae"));
    const blob = readSshArmour(readFileSync(path("pae.sig"), "utf8"));
    if (blob === null) throw new Error("not in armour");
    return blob;
  };

  it.each(["ed25519", "ecdsa"])("-Y sign with a key of type %s makes a seal that verifies here", (type) => {
    const { file, line } = makeKey(type, type);
    const read = parseSshPublicKey(line);
    if (!read.ok) throw new Error(read.detail);
    expect(run("ssh-keygen", "-l", "-f", `${file}.pub`)).toContain(` ${read.key.keyid} `);
    const trust = trustOf([signerOf("alice", [read.key])]);
    const material = { kind: "ssh", keyid: read.key.keyid } as const;
    for (const hash of ["sha256", "sha512"]) {
      const signature = signWith(file, namespace, "-O", `hashalg=${hash}`);
      expect(readSshSignature(signature)?.hash).toBe(hash);
      expect(verifySealSignature(documentOf({ signature, material }), trust)).toMatchObject({ ok: true });
    }
    const elsewhere = documentOf({ signature: signWith(file, "git"), material });
    expect(verifySealSignature(elsewhere, trust)).toMatchObject({
      ok: false,
      code: "seal/signature-invalid",
    });
  });

  it("makes keys of kinds that are refused here", () => {
    for (const [name, type, bits] of [
      ["rsa", "rsa", "2048"],
      ["p384", "ecdsa", "384"],
    ] as const) {
      run("ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-f", path(name));
      expect(parseSshPublicKey(readFileSync(path(`${name}.pub`), "utf8")).ok).toBe(false);
    }
  });

  it.each(["sshsig-ed25519", "sshsig-ecdsa-p256", "sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"] as const)(
    "-Y verify takes and refuses what is taken and refused here: %s",
    (algorithm) => {
      const pair = sealKeyPair(algorithm);
      writeFileSync(
        path("allowed_signers"),
        `alice namespaces="${namespace}" ${formatSshPublicKey(pair.key)}\n`,
      );
      const isVerified = (blob: Buffer, bytes: Buffer): boolean => {
        writeFileSync(path("seal.sig"), sshArmour(blob));
        const args = ["-Y", "verify", "-f", path("allowed_signers"), "-I", "alice", "-n", namespace];
        const { status } = spawnSync("ssh-keygen", [...args, "-s", path("seal.sig")], { input: bytes });
        return status === 0;
      };
      const blob = sshSeal(pair, message);
      const other = Buffer.from("another message");
      const stranger = sshSeal(sealKeyPair(algorithm), message);
      const cases: readonly (readonly [Buffer, Buffer, boolean])[] = [
        [blob, message, true],
        [sshSeal(pair, message, { hash: "sha256" }), message, true],
        [blob, other, false],
        [sshSeal(pair, message, { namespace: "git" }), message, false],
        [stranger, message, false],
      ];
      for (const [index, [signature, bytes, expected]] of cases.entries()) {
        expect(verifySshSignature(pair.key, bytes, signature), `${index}, here`).toBe(expected);
        expect(isVerified(signature, bytes), `${index}, ssh-keygen`).toBe(expected);
      }
      if (!algorithm.includes("-sk-")) return;
      // ssh-keygen leaves the touch to sshd's options; a seal is always somebody's.
      const untouched = sshSeal(pair, message, { flags: 0 });
      expect(isVerified(untouched, message)).toBe(true);
      expect(verifySshSignature(pair.key, message, untouched)).toBe(false);
    },
  );
});

describe.skipIf(!found("openssl"))(`openssl${missing("openssl")}`, () => {
  it.each([
    ["ed25519", ["-algorithm", "ed25519"], ["pkeyutl", "-sign", "-rawin"]],
    [
      "ecdsa-p256-sha256",
      ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ["pkeyutl", "-sign", "-rawin", "-digest", "sha256"],
    ],
  ] as const)("signs with %s what verifies here", (algorithm, generate, sign) => {
    const [key, signature] = [path(`${algorithm}.pem`), path(`${algorithm}.sig`)];
    run("openssl", "genpkey", ...generate, "-out", key);
    run("openssl", ...sign, "-inkey", key, "-in", path("pae"), "-out", signature);
    const read = sealKeyOf(algorithm, createPublicKey(run("openssl", "pkey", "-in", key, "-pubout")));
    if (!read.ok) throw new Error(read.detail);
    const trust = trustOf([signerOf("alice", [read.key])]);
    const document = documentOf({
      signature: readFileSync(signature),
      material: { kind: "key", keyid: read.key.keyid },
    });
    expect(verifySealSignature(document, trust)).toMatchObject({ ok: true, algorithm });
    const payload = Buffer.concat([statement, Buffer.from(" ")]);
    expect(verifySealSignature({ ...document, payload }, trust)).toMatchObject({ ok: false });
  });

  it("F3: prints the hex of an HMAC seal", () => {
    const secret = Buffer.alloc(32, 0x5a);
    const key = hmacKey("SEAL_SECRET", secret);
    const mac = ["dgst", "-sha256", "-mac", "HMAC", "-macopt", `hexkey:${secret.toString("hex")}`];
    const hex = run("openssl", ...mac, path("pae"))
      .trim()
      .slice(-64);
    const document = documentOf({
      signature: Buffer.from(hex, "hex"),
      material: { kind: "hmac", keyid: key.keyid },
    });
    const trust = trustOf([signerOf("ci", [key])], { secrets: new Map([["SEAL_SECRET", secret]]) });
    expect(verifySealSignature(document, trust)).toMatchObject({ ok: true, algorithm: "hmac-sha256" });
  });
});
