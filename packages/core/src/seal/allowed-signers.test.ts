import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, edited, makeKey, rootOf } from "../../test/trust-sample.ts";
import { formatAllowedSigners, readAllowedSigners } from "./allowed-signers.ts";
import { putSigner, revoke } from "./edit-root.ts";
import { parseSshPublicKey } from "./ssh-key.ts";

const hasSshKeygen = spawnSync("ssh-keygen", ["-?"]).error === undefined;
const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT5rE4bNpLHKtZYRPzLVNZ5ZYB9pfeZ9yx5Tn4l1Pc";

describe("reading allowed_signers", () => {
  it("takes one principal and key a line, with its validity", () => {
    const text = `# ours\n\nalice@acme.example namespaces="git,lockfile@countersign",valid-before="20270630Z" ${line} alice at home\n`;
    expect(readAllowedSigners(text)).toMatchObject({
      ok: true,
      skipped: [],
      signers: [
        {
          id: "alice@acme.example",
          keys: [{ algorithm: "sshsig-ed25519" }],
          validFrom: null,
          validTo: at("2027-06-30T00:00:00Z"),
          predicates: null,
        },
      ],
    });
    expect(readAllowedSigners(`bob ${line}\r\n`)).toMatchObject({ ok: true, signers: [{ id: "bob" }] });
    expect(readAllowedSigners("")).toMatchObject({ ok: true, signers: [] });
  });

  it("leaves out, by name, who signs something else or with another kind of key", () => {
    expect(
      readAllowedSigners(`alice namespaces="git" ${line}\nbob ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ== x\n`),
    ).toMatchObject({
      ok: true,
      signers: [],
      skipped: [{ line: 1, why: "alice signs git, not lockfile@countersign" }, { line: 2 }],
    });
  });

  it("repeats nothing of a file that is something else: it may be somebody's secret", () => {
    for (const text of ["DB_PASSWORD=hunter2,x", "DB_PASSWORD hunter2", 'A=1 "hunter2"'])
      expect(JSON.stringify(readAllowedSigners(text))).not.toContain("hunter2");
  });

  it.each([
    ["a list of principals", `alice,bob ${line}`, /line 1: it does not begin with one signer/],
    ["a pattern", `*@acme.example ${line}`, /line 1: it does not begin with one signer/],
    ["a certificate authority", `alice cert-authority ${line}`, /certificate authority/],
    ["a local time", `alice valid-after="20260101" ${line}`, /with a Z/],
    ["a day that is none", `alice valid-after="20260231Z" ${line}`, /with a Z/],
    ["an unknown option", `alice no-touch-required ${line}`, /"no-touch-required" is not known/],
    ["no key", "alice", /no SSH public key/],
    ["an unclosed quote", `alice namespaces="git ${line}`, /no SSH public key/],
    [
      "two validities of one signer",
      `alice ${line}\nalice valid-before="20270101Z" ${line}`,
      /line 2: alice has another validity/,
    ],
    ["too much", "x".repeat(2_000_000), /too large/],
  ])("refuses %s", (_, text, detail) => {
    expect(readAllowedSigners(text)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(detail) as string,
    });
  });
});

describe.skipIf(!hasSshKeygen)("ssh-keygen", () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "countersign-signers-"));
    for (const [name, type] of [
      ["alice", "ed25519"],
      ["bob", "ecdsa"],
    ] as const)
      execFileSync("ssh-keygen", [
        "-q",
        "-t",
        type,
        "-N",
        "",
        "-C",
        `${name}@acme.example`,
        "-f",
        file(name),
      ]);
    writeFileSync(file("message"), "sealed\n");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const keyOf = (name: string) => {
    const read = parseSshPublicKey(readFileSync(file(`${name}.pub`), "utf8"));
    if (!read.ok) throw new Error(read.detail);
    return read.key;
  };
  const put = (
    root: ReturnType<typeof rootOf>,
    id: string,
    validTo: number | null,
  ): ReturnType<typeof rootOf> =>
    edited(
      putSigner(root, {
        id,
        keys: [keyOf(id)],
        identities: [],
        predicates: null,
        paths: null,
        refs: null,
        validFrom: at("2020-01-01T00:00:00Z"),
        validTo,
        verifierId: null,
      }),
    );
  const verify = (who: string, namespace = "lockfile@countersign", ...more: string[]): number | null => {
    rmSync(file("message.sig"), { force: true });
    execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-f", file(who), "-n", namespace, file("message")], {
      stdio: "ignore",
    });
    return spawnSync(
      "ssh-keygen",
      ["-Y", "verify", "-f", file("allowed"), "-I", who, "-n", namespace, "-s", file("message.sig"), ...more],
      { input: "sealed\n" },
    ).status;
  };

  it("finds our signers in what we export, verifies with them, and heeds their validity", () => {
    const root = put(put(rootOf([makeKey()]), "alice", null), "bob", at("2021-01-01T00:00:00Z"));
    const exported = formatAllowedSigners(root.root);
    writeFileSync(file("allowed"), exported);
    expect(exported).toContain(
      'alice namespaces="lockfile@countersign",valid-after="20200101000000Z" ssh-ed25519 ',
    );
    expect(verify("alice")).toBe(0);
    expect(
      execFileSync("ssh-keygen", [
        "-Y",
        "find-principals",
        "-f",
        file("allowed"),
        "-s",
        file("message.sig"),
      ]).toString(),
    ).toBe("alice\n");
    expect(verify("alice", "git")).not.toBe(0);
    expect(verify("bob")).not.toBe(0);
    expect(verify("bob", "lockfile@countersign", "-Overify-time=20200601000000Z")).toBe(0);
    const revoked = edited(
      revoke(root, { keyid: keyOf("alice").keyid, signer: null, since: 0, reason: "superseded" }),
    );
    expect(formatAllowedSigners(revoked.root)).not.toContain("alice");
    const signerRevoked = edited(
      revoke(root, { keyid: null, signer: "bob", since: 0, reason: "compromised" }),
    );
    expect(formatAllowedSigners(signerRevoked.root)).not.toContain("bob");
  });

  it("writes public keys that we read, and what we export reads back as it was", () => {
    const root = put(put(rootOf([makeKey()]), "alice", null), "bob", at("2031-01-01T00:00:00Z"));
    const read = readAllowedSigners(formatAllowedSigners(root.root));
    expect(
      read.ok &&
        read.signers.map(({ id, keys, validFrom, validTo }) => [id, keys[0]?.keyid, validFrom, validTo]),
    ).toEqual(
      root.root.signers.map(({ id, keys, validFrom, validTo }) => [id, keys[0]?.keyid, validFrom, validTo]),
    );
    const theirs = readAllowedSigners(`alice@acme.example ${readFileSync(file("alice.pub"), "utf8")}`);
    expect(theirs).toMatchObject({
      ok: true,
      signers: [{ id: "alice@acme.example", keys: [{ keyid: keyOf("alice").keyid }] }],
    });
  });
});
