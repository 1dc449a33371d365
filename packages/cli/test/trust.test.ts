import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadTrustStore, type TrustStore } from "@countersign/gate";
import type { Ran } from "./host.ts";
import { beginTrust, folder, openAlice, share, type Person } from "./trust-scene.ts";

const hasSshKeygen = spawnSync("ssh-keygen", ["-?"]).error === undefined;

let scene: ReturnType<typeof openAlice>["scene"];
let alice: Person;
beforeEach(() => ({ scene, alice } = openAlice()));
afterEach(() => scene.close());

const file = (person: Person, version: number): string => join(folder(person), `${version}.root.json`);
type Root = {
  signatures: { keyid: string }[];
  signed: {
    version: number;
    expires: string;
    signers: Record<string, unknown>[];
    revoked: object[];
    repository?: string;
    roles: { root: { keyids: string[] } };
  };
};
const read = (person: Person, version: number): Root =>
  JSON.parse(readFileSync(file(person, version), "utf8")) as Root;
const verify = ({ directory, home }: Person, base: string | null = null): Promise<TrustStore> =>
  loadTrustStore({
    directory,
    managedPolicy: null,
    trustRoot: null,
    base,
    environment: { now: Date.now(), home, variables: {}, platform: "linux" },
    mode: "strict",
  });
const held = (version: number, pinnedBy: string): object => ({
  state: "available",
  pinnedBy,
  root: { version },
  findings: [],
});

const begin = (...more: string[]): ReturnType<typeof beginTrust> => beginTrust(alice, ...more);

describe("trust init", () => {
  it("makes version 1, signed, shows its fingerprint, and this machine remembers it", async () => {
    alice.git("remote", "set-url", "origin", "git@forge.example:acme/app.git");
    const ran = await alice.trust(
      "init",
      "--root-key",
      alice.key("root", "p256").secret,
      "--signer",
      `ci=${alice.key("k").open}`,
    );
    expect(ran).toExitWith(0);
    expect(ran.out).toContain("+ repository: https://forge.example/acme/app");
    expect(ran.out).toContain("+ signer ci: ed25519 ");
    expect(ran.out).toMatch(/fingerprint: sha256:[0-9a-f]{64}\nsigned by enough keys/);
    expect(read(alice, 1).signed.repository).toBe("https://forge.example/acme/app");
    expect(await verify(alice)).toMatchObject(held(1, "memory"));
  });

  it("T20: never overwrites, not even what it cannot read", async () => {
    const { root, signer } = await begin();
    const before = readFileSync(file(alice, 1));
    const again = await alice.trust("init", "--root-key", root, "--signer", `ci=${signer}`);
    expect(again).toMatchObject({ exitCode: 2, err: expect.stringContaining("already") as string });
    expect(readFileSync(file(alice, 1))).toEqual(before);
    const newer = before.toString().replace('"spec_version": "1.0.31"', '"spec_version": "2.0.0"');
    writeFileSync(file(alice, 1), newer);
    for (const args of [
      ["init", "--root-key", root],
      ["remove", "ci", "--key", root],
      ["sign", "--key", root],
    ])
      expect(await alice.trust(...args)).toExitWith(2);
    expect(readFileSync(file(alice, 1), "utf8")).toBe(newer);
    expect(readdirSync(folder(alice))).toEqual(["1.root.json"]);
  });

  it("names the public half of a private key by a command that a shell takes", async () => {
    const { secret, open } = alice.key("it's mine");
    const ran = await alice.trust("init", "--root-key", open, "--signer", `alice=${secret}`);
    const fix = /^ {2}fix: (openssl .*)$/m.exec(ran.err)?.[1] ?? "";
    execFileSync("sh", ["-c", fix], { cwd: alice.home, stdio: "ignore" });
    expect(readFileSync(join(alice.home, "public.pem"), "utf8")).toBe(readFileSync(open, "utf8"));
  });

  it("repeats nothing of a file that is no key", async () => {
    const { secret } = alice.key("root");
    const env = join(alice.home, ".env");
    writeFileSync(env, "DB_PASSWORD=hunter2\nTOKEN=abc\n");
    for (const args of [
      ["init", "--root-key", env],
      ["init", "--root-key", secret, "--signer", `alice=${env}`],
    ]) {
      const ran = await alice.trust(...args);
      expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining(".env is no key") as string });
      expect(ran.out + ran.err).not.toMatch(/hunter2|abc/);
    }
  });

  it("refuses what is no key or of the wrong kind, and writes nothing", async () => {
    const root = alice.key("root");
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [["init"], /no root key/],
      [["init", "--root-key", root.secret, "--signer", `ci=${root.secret}`], /is a private key/],
      [["init", "--root-key", root.secret, "--signer", "ci"], /not ID=PUBLIC-KEY/],
      [["init", "--root-key", root.secret, "--threshold", "2"], /threshold is 2 of 1/],
      [["init", "--root-key", root.secret, "--expires", "0"], /no number of days/],
      [["init", "--root-key", root.secret, "--repository", "app"], /no address of a repository/],
      [["init", "--root-key", join(alice.home, "none.pem")], /no such file/],
    ];
    for (const [args, message] of wrong)
      expect(await alice.trust(...args)).toMatchObject({
        exitCode: 2,
        err: expect.stringMatching(message) as string,
      });
    expect(existsSync(folder(alice))).toBe(false);
  });
});

describe("root keys", () => {
  /** The same private key, encrypted. */
  const encrypted = (person: Person, name: string, passphrase: string): string => {
    const path = join(person.home, `${name}-encrypted.pem`);
    const pem = createPrivateKey(readFileSync(person.key(name).secret)).export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase,
    });
    writeFileSync(path, pem, { mode: 0o600 });
    return path;
  };

  it("take a line each of --passphrase-fd, in the order in which they are named", async () => {
    const [one, two] = [encrypted(alice, "one", "first"), encrypted(alice, "two", "second")];
    const lines = join(alice.home, "passphrases");
    const withLines = async (text: string, ...args: string[]): Promise<Ran> => {
      writeFileSync(lines, text);
      const descriptor = openSync(lines, "r");
      const ran = await alice.trust(...args, "--passphrase-fd", String(descriptor));
      closeSync(descriptor);
      return ran;
    };
    const roots = ["--root-key", one, "--root-key", two, "--threshold", "2"];
    expect(await withLines("first\n", "init", ...roots)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("has no line for") as string,
    });
    const begun = await withLines("first\nsecond\n", "init", ...roots);
    expect(begun.err + begun.out).toContain("signed by enough keys");
    await alice.trust("rotate", "--expires", "30");
    const keys = ["--key", one, "--key", two, "--yes"];
    expect((await withLines("second\nfirst\n", "sign", ...keys)).err).toContain("does not open");
    expect((await withLines("first\nsecond\n", "sign", ...keys)).out).toContain("signed by enough keys");
    expect((await withLines("first\nsecond\n", "rotate", "--expires", "60", ...keys)).out).toContain(
      "signed by enough keys",
    );
  });

  it("are named once each", async () => {
    const { secret, open } = alice.key("root");
    expect(await alice.trust("init", "--root-key", secret, "--root-key", open)).toMatchObject({
      exitCode: 2,
      err: `countersign: ${secret} and ${open} are the same root key\n  fix: name each root key once\n`,
    });
  });

  it("are not OpenSSH's, and the fix says how to make one", async () => {
    const ssh = join(alice.home, "id_ed25519");
    writeFileSync(ssh, "-----BEGIN OPENSSH PRIVATE KEY-----\n", { mode: 0o600 });
    const { root } = await begin();
    await alice.trust("rotate", "--expires", "30");
    for (const args of [
      ["sign", "--key", ssh],
      ["rotate", "--add-root", ssh, "--key", root],
    ]) {
      const { exitCode, err } = await alice.trust(...args);
      expect(exitCode).toBe(2);
      expect(err).toContain(`${ssh} is an OpenSSH key; roots are signed with Ed25519 or P-256 keys in PEM`);
      expect(err).toContain("fix: make one: openssl genpkey -algorithm ed25519 -out root.pem");
    }
  });
});

describe("T9: edits", () => {
  it("make one version that waits, change it while it waits, and drop its signatures then", async () => {
    const { root } = await begin();
    const bob = alice.key("bob").open;
    const added = await alice.trust(
      "add",
      "bob",
      "--public-key",
      bob,
      "--paths",
      "apps/**",
      "--valid-to",
      "2030-01-01",
    );
    expect(added).toExitWith(0);
    expect(added.out).toContain("still to sign: version 1's root keys: 1 more of");
    expect(await verify(alice)).toMatchObject({
      state: "available",
      root: { version: 1 },
      findings: [{ code: "trust/threshold", effect: "note" }],
    });
    expect((await alice.trust("sign", "--key", root, "--yes")).out).toContain("signed by enough keys");
    expect(await verify(alice)).toMatchObject(held(2, "memory"));
    expect(read(alice, 2).signed.signers[1]).toMatchObject({
      id: "bob",
      paths: ["apps/**"],
      validTo: "2030-01-01T00:00:00Z",
    });
    await alice.trust("remove", "bob");
    expect(read(alice, 3).signed.signers).toHaveLength(1);
    const more = await alice.trust(
      "revoke",
      "ci",
      "--reason",
      "compromised",
      "--since",
      "2026-01-01T00:00:00Z",
    );
    expect(more.err).toContain("not signed by enough keys yet, so it is changed");
    expect(read(alice, 3).signed).toMatchObject({
      version: 3,
      revoked: [{ signer: "ci", reason: "compromised", since: "2026-01-01T00:00:00Z" }],
    });
    expect(readdirSync(folder(alice))).toHaveLength(3);
  });

  it("drop what one of two has signed already, and say so", async () => {
    const [one, two] = [alice.key("one"), alice.key("two")];
    await alice.trust("init", "--root-key", one.secret, "--root-key", two.secret, "--threshold", "2");
    await alice.trust("rotate", "--expires", "30", "--key", one.secret);
    expect(read(alice, 2).signatures).toHaveLength(1);
    const ran = await alice.trust("rotate", "--expires", "60");
    expect(ran.err).toContain("its signature is dropped");
    expect(read(alice, 2).signatures).toHaveLength(0);
    expect(
      (await alice.trust("rotate", "--expires", "90", "--key", one.secret, "--yes", "--key", two.secret)).out,
    ).toContain("signed by enough keys");
  });

  it("with a root key sign at once, and never unseen what somebody else has put there", async () => {
    const { root } = await begin();
    const at = await alice.trust(
      "revoke",
      "--path",
      "package-lock.json",
      "--not-before",
      "2026-06-30",
      "--key",
      root,
    );
    expect(at.out).toContain("signed by enough keys");
    await alice.trust("add", "mallory", "--public-key", alice.key("m").open);
    const before = readFileSync(file(alice, 3));
    const ran = await alice.trust("remove", "ci", "--key", root);
    expect(ran.out).toContain("+ signer mallory");
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("--yes") as string });
    expect(await alice.trustWith({ answer: false }, "sign", "--key", root)).toExitWith(2);
    expect(readFileSync(file(alice, 3))).toEqual(before);
    expect(await alice.trustWith({ answer: true }, "sign", "--key", root)).toExitWith(0);
  });

  it("refuse in one line, with a fix, and write nothing", async () => {
    const { root, signer } = await begin();
    const stranger = alice.key("stranger");
    const [keyid] = read(alice, 1).signed.roles.root.keyids as [string];
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [["add"], /whom to add/],
      [["add", "bob"], /no key or identity of bob/],
      [["add", "bob", "--public-key", signer], /count twice/],
      [["add", "bob", "--identity", "san=x"], /lacks issuer/],
      [["add", "bob", "--identity", "issuer=https://i.example,san=*"], /anybody/],
      [["add", "bob", "--public-key", stranger.open, "--predicates", "release"], /no predicate/],
      [["add", "bob", "--public-key", stranger.open, "--valid-to", "soon"], /no date/],
      [["add", "bob", "--hmac", "NOT_SET"], /NOT_SET is not set/],
      [["remove", "bob"], /no signer bob; there are ci/],
      [["rotate", "--remove-root", keyid], /threshold/],
      [["rotate", "--remove-root", "ff"], /no root key/],
      [["revoke", "ci"], /why it is revoked/],
      [["revoke", "eve", "--reason", "compromised"], /no key eve/],
      [["revoke", keyid, "--reason", "compromised"], /rotate --remove-root/],
      [["revoke"], /either a key or signer/],
      [["sign", "--key", root], /no version .* waits/],
      [["remove", "ci", "--key", stranger.secret], /root key neither of this version/],
    ];
    for (const [args, message] of wrong) {
      const ran = await alice.trust(...args);
      expect(ran.exitCode, args.join(" ")).toBe(2);
      expect(ran.err).toMatch(message);
      expect(ran.err.trimEnd().split("\n")[1]).toMatch(/^ {2}fix: /);
    }
    expect(readdirSync(folder(alice))).toEqual(["1.root.json"]);
  });

  it("keep a keyless signer's fields, and of a secret its id alone", async () => {
    const { root } = await begin();
    await alice.trust(
      "add",
      "bot",
      "--identity",
      "issuer=https://i.example,san=https://forge.example/acme/app/ci.yml@refs/heads/main,repositoryId=42",
      "--predicates",
      "approval,summary",
      "--verifier-id",
      "https://ci.acme.example",
      "--refs",
      "refs/heads/*",
      "--key",
      root,
    );
    expect(read(alice, 2).signed.signers[1]).toEqual({
      id: "bot",
      identities: [
        {
          issuer: "https://i.example",
          san: "https://forge.example/acme/app/ci.yml@refs/heads/main",
          repositoryId: "42",
        },
      ],
      predicates: ["approval", "summary"],
      paths: ["**"],
      refs: ["refs/heads/*"],
      verifierId: "https://ci.acme.example",
    });
    const secret = "a secret of more than thirty-two bytes";
    const ran = await alice.trustWith(
      { variables: { SEAL_SECRET: secret } },
      "add",
      "api",
      "--hmac",
      "SEAL_SECRET",
      "--key",
      root,
    );
    expect(ran).toExitWith(0);
    expect(readFileSync(file(alice, 3), "utf8")).not.toContain(secret);
    expect(await verify(alice)).toMatchObject(held(3, "memory"));
  });
});

describe("files", () => {
  it("T18: the same edit gives the same bytes, sorted, with a newline at the end", async () => {
    await begin();
    const bob = alice.key("bob").open;
    await alice.trust("add", "bob", "--public-key", bob);
    const first = readFileSync(file(alice, 2), "utf8");
    const { expires } = read(alice, 2).signed;
    await alice.trust("remove", "bob");
    await alice.trust("add", "bob", "--public-key", bob);
    expect(read(alice, 2).signed.expires).toBe(expires);
    expect(readFileSync(file(alice, 2), "utf8")).toBe(first);
    expect(first).toMatch(/^\{\n {2}"signatures": \[\],\n {2}"signed": \{\n {4}"_type"[^]*\n\}\n$/);
  });

  it("T19: are written beside their place and renamed: one that cannot be is left as it was, whole", async () => {
    const { root } = await begin();
    await alice.trust("remove", "ci");
    const before = readFileSync(file(alice, 2));
    const inode = statSync(file(alice, 2)).ino;
    const beside = `${file(alice, 2)}.countersign-${process.pid}`;
    mkdirSync(beside);
    expect(await alice.trust("sign", "--key", root, "--yes")).toExitWith(2);
    expect(readFileSync(file(alice, 2))).toEqual(before);
    rmSync(beside, { recursive: true });
    expect(await alice.trust("sign", "--key", root, "--yes")).toExitWith(0);
    expect(statSync(file(alice, 2)).ino).not.toBe(inode);
    expect(readdirSync(folder(alice))).toEqual(["1.root.json", "2.root.json"]);
  });

  it("are not written through a link out of the project", async () => {
    const outside = join(scene.root, "outside");
    mkdirSync(outside);
    mkdirSync(join(alice.directory, ".countersign"));
    symlinkSync(outside, folder(alice));
    const ran = await alice.trust("init", "--root-key", alice.key("root").secret);
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("link") as string });
    expect(readdirSync(outside)).toEqual([]);
  });

  it("belong to the project with the policy, from wherever below it they are made", async () => {
    mkdirSync(join(alice.directory, ".countersign"));
    writeFileSync(join(alice.directory, ".countersign/policy.yaml"), "version: 1\n");
    mkdirSync(join(alice.directory, "packages/app"), { recursive: true });
    const ran = await alice.trustWith(
      { directory: join(alice.directory, "packages/app") },
      "init",
      "--root-key",
      alice.key("root").secret,
    );
    expect(ran).toExitWith(0);
    expect(existsSync(file(alice, 1))).toBe(true);
  });
});

describe("T9: two people over git", () => {
  it("begin a store, rotate a root key with an overlap, and each machine follows", async () => {
    const bob = scene.person("bob");
    const keys = { alice: alice.key("root"), bob: bob.key("root", "p256"), carol: alice.key("carol") };
    // Alice knows the public half of Bob's key; the store counts when both have signed.
    const begun = await alice.trust(
      "init",
      "--root-key",
      keys.alice.secret,
      "--root-key",
      keys.bob.open,
      "--threshold",
      "2",
      "--signer",
      `alice=${alice.key("seal").open}`,
    );
    const aliceKey = read(alice, 1).signatures[0]?.keyid;
    const bobKey = read(alice, 1).signed.roles.root.keyids.find((keyid) => keyid !== aliceKey) as string;
    expect(begun.out).toContain(`still to sign: version 1's root keys: 1 more of ${bobKey}\n`);
    expect(await verify(alice)).toMatchObject({ state: "refused", findings: [{ code: "trust/threshold" }] });
    share(alice, "trust");
    bob.git("pull", "-q", "origin", "main");
    expect((await bob.trust("sign", "--key", keys.bob.secret, "--yes")).out).toContain(
      "signed by enough keys",
    );
    share(bob, "sign trust");
    alice.git("pull", "-q", "origin", "main");
    expect(await verify(alice, "origin/main")).toMatchObject(held(1, "base"));
    expect(await verify(bob)).toMatchObject(held(1, "memory"));

    // Bob's key leaves, Carol's comes: the old threshold and the new one have to sign.
    alice.git("switch", "-q", "-c", "rotate");
    const rotated = await alice.trust(
      "rotate",
      "--add-root",
      keys.carol.open,
      "--remove-root",
      bobKey,
      "--key",
      keys.alice.secret,
    );
    expect(rotated).toExitWith(0);
    expect(rotated.out.match(/still to sign/g)).toHaveLength(2);
    alice.git("add", "-A");
    alice.git("commit", "-qm", "rotate");
    alice.git("push", "-q", "origin", "rotate");
    bob.git("fetch", "-q", "origin");
    bob.git("switch", "-q", "rotate");
    expect(await verify(bob)).toMatchObject({
      state: "available",
      root: { version: 1 },
      findings: [{ code: "trust/threshold", effect: "note" }],
    });
    const seen = await bob.trustWith({ answer: true }, "sign", "--key", keys.bob.secret);
    expect(seen.out).toContain(`- root key ${bobKey}`);
    expect(seen.out).toContain("still to sign: version 2's root keys: 1 more of");
    bob.git("commit", "-qam", "bob signs");
    bob.git("push", "-q", "origin", "rotate");
    alice.git("pull", "-q", "origin", "rotate");
    expect((await alice.trust("sign", "--key", keys.carol.secret, "--yes")).out).toContain(
      "signed by enough keys",
    );
    alice.git("commit", "-qam", "carol signs");
    alice.git("push", "-q", "origin", "rotate:main");
    bob.git("pull", "-q", "origin", "main");
    expect(await verify(bob)).toMatchObject(held(2, "memory"));
    expect(await verify(alice, "origin/main~1")).toMatchObject(held(2, "base"));

    // Who has gone signs no more.
    await bob.trust("remove", "alice");
    expect(await bob.trust("sign", "--key", keys.bob.secret, "--yes")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("neither of this version") as string,
    });
  });
});

describe("T9: signing on top of another chain", () => {
  it("is refused where this machine knows the right one, with one root key and with several", async () => {
    const { root } = await begin();
    share(alice, "trust");
    const mallory = scene.person("mallory");
    rmSync(folder(mallory), { recursive: true });
    const theirs = mallory.key("root").secret;
    const both = ["--root-key", theirs, "--root-key", alice.key("root-copy").open, "--threshold", "1"];
    await mallory.trust("init", ...both, "--signer", `helper=${mallory.key("helper").open}`);
    mallory.git("checkout", "-qb", "change");
    share(mallory, "change");
    alice.git("fetch", "-q");
    alice.git("checkout", "-q", "FETCH_HEAD");
    const add = ["add", "carol", "--public-key", alice.key("carol").open];
    for (const yes of [[], ["--yes"]]) {
      const ran = await alice.trust(...add, "--key", root, ...yes);
      expect(ran).toMatchObject({ exitCode: 2, out: "" });
      expect(ran.err).toContain("Version 1 of the trust store is another one than this machine has seen");
    }
    await mallory.trust("rotate", "--add-root", alice.key("late").open);
    alice.git("checkout", "-q", "main");
    expect(await alice.trust(...add, "--key", root)).toExitWith(0);
    rmSync(file(alice, 2));
    rmSync(file(alice, 1));
    writeFileSync(file(alice, 1), readFileSync(file(mallory, 1)));
    writeFileSync(file(alice, 2), readFileSync(file(mallory, 2)));
    const signed = await alice.trust("sign", "--key", root, "--yes");
    expect(signed).toMatchObject({ exitCode: 2, out: "" });
    expect(signed.err).toContain("another one than this machine has seen");
  });

  it("is asked for where this machine knows none, with all that the chain says shown", async () => {
    const { root } = await begin();
    share(alice, "trust");
    const bob = scene.person("bob");
    const add = ["add", "carol", "--public-key", bob.key("carol").open, "--key", root];
    const refused = await bob.trust(...add);
    expect(refused).toExitWith(2);
    expect(refused.out).toContain(
      "version 1, which this machine has not seen before\n  + signer ci: ed25519 ",
    );
    expect(refused.out).toContain("fingerprint: sha256:");
    expect(existsSync(file(bob, 2))).toBe(false);
    expect(await bob.trustWith({ answer: false }, ...add)).toExitWith(2);
    expect(existsSync(file(bob, 2))).toBe(false);
    expect(await bob.trustWith({ answer: true }, ...add)).toExitWith(0);
    expect(existsSync(file(bob, 2))).toBe(true);
  });
});

describe("trust list", () => {
  it("shows fingerprint, signers and pin; --trust-root pins what was compared", async () => {
    await begin();
    share(alice, "trust");
    const bob = scene.person("bob");
    const unpinned = await bob.trust("list");
    expect(unpinned).toExitWith(0);
    expect(unpinned.out).toContain("pin: none");
    expect(unpinned.err).toContain("trust/unpinned");
    const mine = await alice.trust("list");
    const [fingerprint] = /version 1: sha256:[0-9a-f]{64}/.exec(mine.out) ?? [];
    expect(unpinned.out).toContain(fingerprint);
    expect((await bob.trust("list", "--trust-root", ".countersign/trust/1.root.json")).out).toContain(
      "pin: --trust-root",
    );
    expect((await bob.trust("list")).out).toContain("pin: this machine's memory");
    expect((await bob.trust("list", "--base", "origin/main")).out).toContain("pin: the base commit");
  });

  it("as JSON says the same, whatever a file holds", async () => {
    const { root } = await begin();
    await alice.trust("revoke", "ci", "--reason", "superseded", "--since", "2026-06-30");
    const shown = JSON.parse((await alice.trust("list", "--json")).out) as Record<string, unknown>;
    expect(shown).toMatchObject({
      schema: "countersign/trust/1",
      version: 1,
      pin: { state: "available", by: "memory" },
      pending: { version: 2, needs: [{ version: 1, signed: [] }, { version: 2 }] },
      signers: [{ id: "ci", keys: [{ algorithm: "ed25519" }] }],
      findings: [{ code: "trust/threshold", effect: "note" }],
    });
    await alice.trust("sign", "--key", root, "--yes");
    expect(JSON.parse((await alice.trust("list", "--json")).out)).toMatchObject({
      version: 2,
      pending: null,
      revoked: [{ signer: "ci", since: "2026-06-30T00:00:00Z" }],
    });
  });

  it("says that there is none, and how to begin", async () => {
    expect(await alice.trust("list")).toMatchObject({
      exitCode: 2,
      out: "",
      err: expect.stringContaining("countersign trust init") as string,
    });
  });

  it.skipIf(!hasSshKeygen)("takes and gives allowed_signers, which ssh-keygen verifies with", async () => {
    const { root } = await begin();
    const key = join(alice.home, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const theirs = join(alice.home, "allowed");
    writeFileSync(
      theirs,
      `dana@acme.example namespaces="lockfile@countersign" ${readFileSync(`${key}.pub`, "utf8")}eve namespaces="git" ${readFileSync(`${key}.pub`, "utf8")}`,
    );
    const ran = await alice.trust("add", "--allowed-signers", theirs, "--key", root);
    expect(ran).toExitWith(0);
    expect(ran.err).toContain(":2 is left out: eve signs git");
    writeFileSync(theirs, (await alice.trust("list", "--allowed-signers")).out);
    writeFileSync(join(alice.home, "m"), "sealed");
    execFileSync(
      "ssh-keygen",
      ["-q", "-Y", "sign", "-f", key, "-n", "lockfile@countersign", join(alice.home, "m")],
      { stdio: "ignore" },
    );
    const checked = spawnSync(
      "ssh-keygen",
      [
        "-Y",
        "verify",
        "-f",
        theirs,
        "-I",
        "dana@acme.example",
        "-n",
        "lockfile@countersign",
        "-s",
        join(alice.home, "m.sig"),
      ],
      { input: "sealed" },
    );
    expect(checked.status, checked.stderr.toString()).toBe(0);
  });
});
