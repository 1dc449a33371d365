import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginTrust, folder, openAlice, share, type Person } from "./trust-scene.ts";

let scene: ReturnType<typeof openAlice>["scene"];
let alice: Person;
beforeEach(() => ({ scene, alice } = openAlice()));
afterEach(() => scene.close());

const begin = (...more: string[]): ReturnType<typeof beginTrust> => beginTrust(alice, ...more);

describe("trust add refuses", () => {
  beforeEach(() => begin());

  it.each([
    ["bar", "issuer=https://i.example,san=https://f.example/x,bar=1"],
    ["repositoryID", "issuer=https://i.example,san=https://f.example/x,repositoryID=123"],
    [" ownerId", "issuer=https://i.example,san=https://f.example/x, ownerId=1"],
    ["run.id", "issuer=https://i.example,san=https://f.example/x,run.id=1"],
    ["Issuer", "Issuer=https://i.example,san=https://f.example/x"],
    ["nothing", "nothing"],
  ])("an identity with the unknown field %j, which would else be part of a name", async (field, identity) => {
    const ran = await alice.trust("add", "bot", "--identity", identity);
    expect(ran).toExitWith(2);
    expect(ran.err).toContain(`--identity has the field "${field}"`);
    expect(ran.err).toContain("issuer, san, repositoryId, ownerId");
    expect(readdirSync(folder(alice))).toEqual(["1.root.json"]);
  });

  it("an identity with one field twice", async () => {
    const ran = await alice.trust("add", "bot", "--identity", "issuer=https://i.example,san=a@b.c,san=d@e.f");
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("san twice") as string });
  });

  it("but no comma of a value", async () => {
    const san = "https://f.example/a,b/c.yml@refs/heads/x,y";
    const ran = await alice.trust(
      "add",
      "bot",
      "--identity",
      `issuer=https://i.example,san=${san},ownerId=7`,
    );
    expect(ran).toExitWith(0);
    expect(ran.out).toContain(`${san} of https://i.example owner id 7`);
  });

  it.each([
    ["main", "refs/heads/main"],
    ["!main", "!refs/heads/main"],
    ["release/*", "refs/heads/release/*"],
    ["heads/main", "refs/heads/main"],
    ["tags/v1", "refs/tags/v1"],
  ])("the short ref %s, which no full name equals", async (given, full) => {
    const ran = await alice.trust(
      "add",
      "bob",
      "--public-key",
      alice.key("bob").open,
      "--refs",
      "refs/**",
      "--refs",
      given,
    );
    expect(ran).toExitWith(2);
    expect(ran.err).toContain("full name");
    expect(ran.err).toContain(
      full.includes("*") || full.includes("!") ? `--refs '${full}'` : `--refs ${full}`,
    );
    expect(readdirSync(folder(alice))).toEqual(["1.root.json"]);
  });

  it.each(["refs/pull/*/merge", "**", "**/main", "*/heads/main"])("but not the ref %s", async (ref) => {
    const ran = await alice.trust("add", "bob", "--public-key", alice.key("bob").open, "--refs", ref);
    expect(ran).toExitWith(0);
  });
});

describe("a store that was begun anew", () => {
  const memory = (): string => {
    const place = join(alice.home, ".local/state/countersign/trust");
    return join(place, readdirSync(place)[0] as string);
  };

  it("is not said to be remembered while another one is, and both say which folder to remove", async () => {
    const { signer } = await begin();
    rmSync(folder(alice), { recursive: true });
    const again = await alice.trust(
      "init",
      "--root-key",
      alice.key("new").secret,
      "--signer",
      `ci=${signer}`,
    );
    expect(again).toExitWith(0);
    expect(again.err).not.toContain("this machine remembers it");
    expect(again.err).toContain(`remembers another trust store`);
    expect(again.err).toContain(`rm -r ${memory()}`);
    const listed = await alice.trust("list");
    expect(listed).toMatchObject({ exitCode: 1, err: expect.stringContaining("trust/forked") as string });
    expect(listed.err).toContain(`rm -r ${memory()}`);
    rmSync(memory(), { recursive: true });
    const trusted = await alice.trust("list", "--trust-root", ".countersign/trust/1.root.json");
    expect(trusted).toMatchObject({ exitCode: 0, err: "" });
  });

  it("nor one that ends before the version that is remembered", async () => {
    const { root } = await begin();
    await alice.trust("rotate", "--key", root, "--yes");
    expect(await alice.trust("list")).toExitWith(0);
    rmSync(join(folder(alice), "2.root.json"));
    rmSync(join(folder(alice), "1.root.json"));
    const again = await alice.trust("init", "--root-key", root);
    expect(again.err).toContain(`rm -r ${memory()}`);
  });
});

describe("a branch with a version that is not merged", () => {
  it("can be left: the refusal names it, and the memory", async () => {
    const { root } = await begin();
    share(alice, "trust");
    alice.git("switch", "-qc", "add-bob");
    await alice.trust("add", "bob", "--public-key", alice.key("bob").open, "--key", root);
    alice.git("add", "-A");
    alice.git("commit", "-qm", "bob");
    expect(await alice.trust("list")).toExitWith(0);
    alice.git("switch", "-q", "main");
    const left = await alice.trust("list");
    expect(left).toMatchObject({ exitCode: 1, err: expect.stringContaining("trust/rollback") as string });
    const [, command = ""] = /be on that one: git (log .*) names it/.exec(left.err) ?? [];
    expect(alice.git(...command.split(" "))).toContain("refs/heads/add-bob");
    const [, forgotten = ""] = / rm -r (.*)$/m.exec(left.err) ?? [];
    rmSync(forgotten, { recursive: true });
    expect(await alice.trust("list", "--base", "origin/main")).toExitWith(0);
    expect(await alice.trust("list")).toExitWith(0);
  });
});

describe("trust list ends", () => {
  it.each([
    [2, ["--trust-root", "nope"], "trust/root-unavailable"],
    [2, ["--base", "nope"], "trust/root-unavailable"],
    [1, ["--base", "origin/main"], "trust/unpinned"],
  ])("%i with %j", async (exitCode, args, code) => {
    await begin();
    rmSync(join(alice.home, ".local"), { recursive: true });
    for (const more of [[], ["--json"]]) {
      const ran = await alice.trust("list", ...args, ...more);
      expect(ran).toExitWith(exitCode);
      expect(ran.out + ran.err).toContain(code);
      expect(ran.out).not.toBe("");
    }
  });

  it("0 where nobody has pinned it yet, and where it waits for its first signatures", async () => {
    await begin();
    rmSync(join(alice.home, ".local"), { recursive: true });
    expect(await alice.trust("list")).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining("trust/unpinned") as string,
    });
    rmSync(folder(alice), { recursive: true });
    const [one, two] = [alice.key("one"), alice.key("two")];
    await alice.trust("init", "--root-key", one.secret, "--root-key", two.open, "--threshold", "2");
    const waits = await alice.trust("list");
    expect(waits).toMatchObject({ exitCode: 0, err: expect.stringContaining("trust/threshold") as string });
    expect(waits.err).toContain("countersign trust sign --key FILE");
  });
});

describe("what cannot be", () => {
  it.each([
    ["threshold is 2 of 1 keys; lower it to 1", ["--threshold", "2"]],
    ['"b b" is no id of a signer', ["--signer", "b b=KEY"]],
    ["so one person would count twice", ["--signer", "a=KEY", "--signer", "b=KEY"]],
  ])("in trust init is said with a fix that is about it: %s", async (why, args) => {
    const key = alice.key("k").open;
    const ran = await alice.trust(
      "init",
      "--root-key",
      alice.key("root").secret,
      ...args.map((arg) => arg.replace("KEY", key)),
    );
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining(why) as string });
    expect(ran.err).toContain("fix: countersign trust init --help");
    expect(ran.err).not.toMatch(/trust list|signers\[/);
  });

  it.each([
    ["no key or identity of bob is given", "countersign trust add bob --public-key FILE", ["bob"]],
    [
      'signer ci: paths: "/abs/**" has an empty segment',
      "countersign trust add --help",
      ["ci", "--paths", "/abs/**"],
    ],
    [
      "signer ci is valid from 2027-01-01T00:00:00Z to 2026-01-01T00:00:00Z, which is not later",
      "countersign trust add --help",
      ["ci", "--valid-from", "2027-01-01", "--valid-to", "2026-01-01"],
    ],
  ])("in trust add: %s", async (why, fix, args) => {
    await begin();
    const ran = await alice.trust("add", ...args);
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining(why) as string });
    expect(ran.err).toContain(`fix: ${fix}`);
  });

  it("in trust revoke: a path that is none, with one that is", async () => {
    await begin();
    const floor = (path: string) => alice.trust("revoke", "--path", path, "--not-before", "2026-06-30");
    const ran = await floor("../package-lock.json");
    expect(ran).toExitWith(2);
    expect(ran.err).toContain('the lockfile "../package-lock.json" is no path in the repository');
    expect(ran.err).toContain("write --path package-lock.json, from the repository's root");
    expect((await floor("nope.json")).err).toContain("nope.json is not here");
    writeFileSync(join(alice.directory, "package-lock.json"), "{}");
    expect((await floor("package-lock.json")).err).not.toContain("is not here");
  });

  it("in trust revoke: a moment that is still to come is said", async () => {
    await begin();
    const revoke = (since: string) => alice.trust("revoke", "ci", "--reason", "superseded", "--since", since);
    expect((await revoke("2099-01-01")).err).toContain("2099-01-01T00:00:00Z is still to come");
    expect((await revoke("2026-01-01")).err).not.toContain("still to come");
  });

  it("in trust rotate: more signatures than root keys", async () => {
    await begin();
    const ran = await alice.trust("rotate", "--threshold", "2");
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("lower it to 1") as string });
  });
});

describe("the remote origin", () => {
  const init = () => alice.trust("init", "--root-key", alice.key("root").secret);

  it("that is a path on this machine is not said to be missing", async () => {
    const ran = await init();
    expect(ran.err).toContain(
      "the remote origin is no address of a forge, so seals are bound to no repository",
    );
    expect(ran.err).not.toContain("no remote origin");
  });

  it("that is missing is", async () => {
    alice.git("remote", "remove", "origin");
    expect((await init()).err).toContain("no remote origin, so seals are bound to no repository");
  });
});

describe("trust list --allowed-signers", () => {
  it("is one format and --json another", async () => {
    await begin();
    const ran = await alice.trust("list", "--json", "--allowed-signers");
    expect(ran).toExitWith(2);
    expect(ran.err).toContain("--json and --allowed-signers");
  });

  it("says that there is no SSH key", async () => {
    await begin();
    const ran = await alice.trust("list", "--allowed-signers");
    expect(ran).toMatchObject({
      exitCode: 0,
      out: "",
      err: expect.stringContaining("no signer has an SSH key") as string,
    });
  });
});
