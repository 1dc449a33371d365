import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { makeKey, next, rootOf, signed, signedForm, signerOf } from "../../../core/test/trust-sample.ts";
import { git } from "../../test/manager-context.ts";
import { loadTrustStore, type TrustStore, type TrustStoreOptions } from "./trust-store.ts";

const alice = makeKey();
const bob = makeKey();
const mallory = makeKey();
const release = makeKey();

const one = rootOf([alice], { signers: [signerOf("ci", release)] });
const two = next(one);
const three = next(two);
const forged = rootOf([mallory], { signers: [signerOf("ci", mallory)] });
const v1 = signed(one, alice);
const v2 = signed(two, alice);
const v3 = signed(three, alice);

let scratch: ReturnType<typeof createTestDirectory>;
let directory: string;
let home: string;
beforeEach(() => {
  scratch = createTestDirectory("trust");
  directory = join(scratch.path, "project");
  home = join(scratch.path, "home");
  mkdirSync(directory);
  git(directory, "init", "-q", "-b", "main");
  writeFiles(directory, { "README.md": "x" });
  commit();
});
afterEach(() => scratch.remove());

function put(
  files: Readonly<Record<number, Uint8Array | string | null>>,
  folder = join(directory, ".countersign/trust"),
): void {
  mkdirSync(folder, { recursive: true });
  for (const [version, content] of Object.entries(files)) {
    const path = join(folder, `${version}.root.json`);
    rmSync(path, { force: true });
    if (content !== null) writeFileSync(path, content);
  }
}
function commit(): string {
  git(directory, "add", "-A");
  git(directory, "commit", "-qm", "x", "--allow-empty");
  return git(directory, "rev-parse", "HEAD").trim();
}

const load = (more: Partial<TrustStoreOptions> = {}, now = Date.UTC(2026, 10, 21)): Promise<TrustStore> =>
  loadTrustStore({
    directory,
    managedPolicy: null,
    trustRoot: null,
    base: null,
    environment: { now, home, variables: {}, platform: "linux" },
    mode: "strict",
    ...more,
  });
const memoryFolder = (): string => join(home, ".local/state/countersign/trust");
/** Of the one project whose store is remembered. */
const memoryFile = (version = 1): string =>
  join(memoryFolder(), readdirSync(memoryFolder())[0] as string, `${version}.json`);
const codes = ({ findings }: TrustStore): string[] => findings.map(({ code, effect }) => `${effect} ${code}`);
const flag = (version = 1): Partial<TrustStoreOptions> => ({
  trustRoot: `.countersign/trust/${version}.root.json`,
});
const available = (version: number, pinnedBy: string): object => ({
  state: "available",
  pinnedBy,
  root: { version },
});

describe("T9: where a trust store is pinned", () => {
  it("a file of the checked change is no pin in CI, unless a base or this machine knows better", async () => {
    put({ 1: v1 });
    const environment = {
      now: Date.UTC(2026, 10, 21),
      home,
      variables: { CI: "true" },
      platform: "linux",
    } as const;
    expect(codes(await load({ ...flag(), environment }))).toEqual(["block trust/unpinned"]);
    expect(await load({ ...flag(), base: commit(), environment })).toMatchObject(available(1, "flag"));
    rmSync(home, { recursive: true, force: true });
    await load(flag());
    expect(await load({ ...flag(), environment })).toMatchObject(available(1, "flag"));
  });

  it("nor with a base that has no store: there the change brings the first one", async () => {
    writeFiles(directory, { "README.md": "z" });
    const base = commit();
    put({ 1: signed(forged, mallory) });
    const now = Date.UTC(2026, 10, 21);
    const environment = { now, home, variables: { CI: "true" }, platform: "linux" } as const;
    expect(codes(await load({ ...flag(), base, environment }))).toEqual(["block trust/unpinned"]);
  });

  it("nowhere: without one there is nothing to read, and nothing is remembered", async () => {
    expect(await load()).toEqual({ state: "none", findings: [] });
    put({ 1: v1 });
    expect(await load({ mode: "disabled" })).toEqual({ state: "none", findings: [] });
    expect(existsSync(home)).toBe(false);
  });

  it("the project's own files are never a pin", async () => {
    put({ 1: v1, 2: v2 });
    const store = await load();
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/unpinned"]);
    expect(store.findings[0]?.fix).toContain("--base origin/main");
    expect(store.findings[0]?.fix).toContain("--trust-root .countersign/trust/1.root.json");
    expect(store.findings[0]?.fix).not.toContain("countersign verify");
    expect(existsSync(home)).toBe(false);
  });

  it("nor is a store that has never counted, of which no pin is asked but the signatures that it lacks", async () => {
    const shared = rootOf([alice, bob]);
    put({ 1: signed(shared, alice) });
    const store = await load();
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/threshold"]);
    expect(store.findings[0]).toMatchObject({
      why: expect.stringContaining("1 of 2 root keys have signed it") as string,
      fix: "countersign trust sign --key FILE",
    });
    expect((await load(flag())).findings[0]?.fix).toContain("countersign trust sign --key FILE");
    const base = commit();
    expect((await load({ base })).findings[0]?.fix).toContain("countersign trust sign --key FILE");
    put({ 1: signed(shared, alice, bob) });
    expect(codes(await load())).toEqual(["block trust/unpinned"]);
  });

  it("without git no commit is named to go by", async () => {
    rmSync(join(directory, ".git"), { recursive: true });
    put({ 1: v1, 2: v2 });
    const [missing] = (await load()).findings;
    expect(missing?.fix).toBe(
      "Compare the fingerprint that countersign trust list shows with a colleague's, then: countersign trust list --trust-root .countersign/trust/1.root.json",
    );
    const [based] = (await load({ base: "origin/main" })).findings;
    expect(based).toMatchObject({ code: "trust/root-unavailable" });
    expect(based?.fix).not.toContain("git fetch");
    await load(flag());
    put({ 2: null });
    const [older] = (await load()).findings;
    expect(older?.code).toBe("trust/rollback");
    expect(older?.fix).not.toContain("git ");
  });

  it("by a flag, once: then this machine remembers", async () => {
    put({ 1: v1, 2: v2 });
    expect(await load(flag())).toMatchObject(available(2, "flag"));
    expect(await load()).toMatchObject(available(2, "memory"));
    put({ 3: v3 });
    expect(await load()).toMatchObject({ ...available(3, "memory"), findings: [] });
  });

  it("by a flag that names nothing, litter, or a root that its keys have not signed: refused", async () => {
    put({ 1: signed(one, mallory), 2: "{}" });
    expect(codes(await load(flag(3)))).toEqual(["block trust/root-unavailable"]);
    expect(codes(await load(flag(2)))).toEqual(["block trust/malformed"]);
    expect(codes(await load(flag(1)))).toEqual(["block trust/threshold"]);
    put({ 1: Buffer.alloc(10 * 1024 * 1024, 0x20) });
    expect(codes(await load(flag(1)))).toEqual(["block trust/root-unavailable"]);
  });

  it("by the base commit, newest there, and followed over the change", async () => {
    put({ 1: v1, 2: v2 });
    const base = commit();
    put({ 3: v3 });
    expect(await load({ base })).toMatchObject({ ...available(3, "base"), findings: [] });
    rmSync(home, { recursive: true });
    put({ 2: null, 3: null });
    expect(await load({ base })).toMatchObject({ ...available(2, "base"), findings: [] });
    rmSync(join(directory, ".countersign"), { recursive: true });
    expect(await load({ base })).toMatchObject({ ...available(2, "base"), findings: [] });
  });

  it("by the base's chain, in which a version that waits for signatures counts for nothing", async () => {
    put({
      1: v1,
      2: signed(
        { ...forged, document: { ...forged.document, signed: { ...forged.document.signed, version: 2 } } },
        mallory,
      ),
    });
    const base = commit();
    const store = await load({ base });
    expect(store).toMatchObject(available(1, "base"));
    expect(codes(store)).toEqual(["note trust/threshold"]);
  });

  it("a change to an older version, which would begin the chain once it is merged, is refused", async () => {
    put({ 1: v1, 2: v2 });
    const base = commit();
    for (const content of [signed(forged, mallory), "litter"]) {
      put({ 1: content });
      expect(codes(await load({ base }))).toEqual(["block trust/forked"]);
    }
    // Names that nobody asked for do not hide it.
    const junk = Object.fromEntries(
      Array.from({ length: 10_050 }, (_, index) => [`.countersign/trust/${index}.junk`, ""]),
    );
    writeFiles(directory, junk);
    expect(codes(await load({ base }))).toEqual(["block trust/forked"]);
    put({ 1: null });
    rmSync(join(directory, ".countersign/trust"), { recursive: true });
    put({ 2: v2 });
    expect(codes(await load({ base }))).toEqual(["block trust/version-gap"]);
    put({ 1: v1 });
    expect((await load({ base })).state).toBe("available");
    put({ 1: signed(forged, mallory) });
    expect(codes(await load())).toEqual(["block trust/forked"]);
  });

  it("a base whose chain has no beginning pins nothing: anybody could have put one there", async () => {
    put({ 2: v2 });
    expect(codes(await load({ base: commit() }))).toEqual(["block trust/root-unavailable"]);
  });

  it("content that a partial clone lacks is not had", async () => {
    put({ 1: v1 });
    commit();
    git(directory, "config", "uploadpack.allowFilter", "true");
    const clone = join(scratch.path, "partial");
    git(scratch.path, "clone", "-q", "--no-checkout", "--filter=blob:none", `file://${directory}`, clone);
    expect(codes(await load({ directory: clone, base: "HEAD" }))).toEqual(["block trust/root-unavailable"]);
  });

  it("below the repository's root too", async () => {
    const below = join(directory, "packages/app");
    put({ 1: v1, 2: v2 }, join(below, ".countersign/trust"));
    const base = commit();
    expect(await load({ directory: below, base })).toMatchObject(available(2, "base"));
    expect(await load({ directory: below })).toMatchObject(available(2, "memory"));
    put({ 1: v1 });
    expect(codes(await load())).toEqual(["block trust/unpinned"]);
  });

  it("a store that authorises itself: the base has another, or none", async () => {
    const none = commit();
    put({ 1: signed(forged, mallory) });
    expect(codes(await load({ base: none }))).toEqual(["block trust/unpinned"]);
    put({ 1: v1 });
    const base = commit();
    put({ 1: signed(forged, mallory), 2: signed(next(forged), mallory) });
    const store = await load({ base });
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/forked"]);
  });

  it("a base that a shallow clone lacks is not had, and never a pass, not even from memory", async () => {
    put({ 1: v1 });
    const base = commit();
    writeFiles(directory, { "README.md": "y" });
    commit();
    const clone = join(scratch.path, "clone");
    git(scratch.path, "clone", "-q", "--depth=1", `file://${directory}`, clone);
    expect(await load({ directory: clone, ...flag() })).toMatchObject(available(1, "flag"));
    const store = await load({ directory: clone, base });
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/root-unavailable"]);
    expect(store.findings[0]?.why).toContain("shallow clone");
    rmSync(join(clone, ".countersign"), { recursive: true });
    expect(codes(await load({ directory: clone, base }))).toEqual(["block trust/root-unavailable"]);
  });

  it("by the managed policy before all others", async () => {
    const managed = join(scratch.path, "managed");
    put({ 1: v1, 2: v2 }, join(managed, "trust"));
    const managedPolicy = join(managed, "policy.yaml");
    put({ 1: signed(forged, mallory) });
    const base = commit();
    expect(codes(await load({ managedPolicy, base }))).toEqual(["block trust/forked"]);
    put({ 1: v1, 3: v3 });
    expect(await load({ managedPolicy, base })).toMatchObject(available(3, "managed"));
    expect(codes(await load({ managedPolicy, ...flag() }))).toEqual(["block policy/loosens"]);
    put({ 2: "{}", 1: "{}" }, join(managed, "trust"));
    expect(codes(await load({ managedPolicy }))).toEqual(["block trust/malformed"]);
    rmSync(join(managed, "trust"), { recursive: true });
    rmSync(home, { recursive: true });
    expect(codes(await load({ managedPolicy }))).toEqual(["block trust/unpinned"]);
  });

  it("an older managed pin does not let a change take back what the base has", async () => {
    const managed = join(scratch.path, "managed");
    const managedPolicy = join(managed, "policy.yaml");
    put({ 1: v1 }, join(managed, "trust"));
    put({ 1: v1, 2: v2, 3: v3 });
    const base = commit();
    expect(await load({ managedPolicy, base })).toMatchObject(available(3, "managed"));
    rmSync(home, { recursive: true, force: true });
    for (const version of [2, 3]) rmSync(join(directory, `.countersign/trust/${version}.root.json`));
    expect(codes(await load({ managedPolicy, base }))).toEqual(["block trust/rollback"]);
  });
});

describe("T9: what a change may do to the chain", () => {
  beforeEach(async () => {
    put({ 1: v1 });
    await load(flag());
  });

  it("pending, unreadable and foreign files are notes, and the version before holds", async () => {
    const litter: readonly (readonly [string, Uint8Array | string])[] = [
      ["note trust/threshold", signed(two, mallory)],
      ["note trust/threshold", signed(two)],
      ["note trust/malformed", "not a root"],
      ["note trust/malformed", Buffer.alloc(10 * 1024 * 1024, 0x7b)],
      ["note trust/malformed", `{"signed":${"[".repeat(5000)}`],
    ];
    for (const [code, content] of litter) {
      put({ 2: content });
      const store = await load();
      expect(store).toMatchObject(available(1, "memory"));
      expect(codes(store)).toEqual([code]);
    }
    put({ 2: null, 9: "junk" });
    expect(codes(await load())).toEqual(["note trust/version-gap"]);
    writeFiles(directory, {
      ".countersign/trust/README.md": "",
      ".countersign/trust/02.root.json": "",
      ".countersign/trust/0.root.json": "",
    });
    put({ 9: null });
    expect(await load()).toMatchObject({ ...available(1, "memory"), findings: [] });
  });

  it("a link out of the project is not followed", async () => {
    const outside = join(scratch.path, "2.root.json");
    writeFileSync(outside, v2);
    symlinkSync(outside, join(directory, ".countersign/trust/2.root.json"));
    const store = await load();
    expect(store).toMatchObject(available(1, "memory"));
    expect(codes(store)).toEqual(["note trust/malformed"]);
    expect(store.findings[0]?.why).toContain("symbolic link");
  });

  it("nor is a folder that leads out of it", async () => {
    const outside = join(scratch.path, "outside");
    put({ 1: v1, 2: v2 }, outside);
    rmSync(join(directory, ".countersign/trust"), { recursive: true });
    symlinkSync(outside, join(directory, ".countersign/trust"));
    expect(codes(await load())).toEqual(["block trust/rollback", "note trust/malformed"]);
  });

  it("a gap is refused: what is missing may have revoked a key", async () => {
    put({ 3: v3 });
    const store = await load();
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/version-gap"]);
  });

  it("a root that enough keys have signed and that is wrong is refused", async () => {
    put({ 2: v1 });
    expect(codes(await load())).toEqual(["block trust/rollback"]);
    put({ 2: signedForm({ ...two.document.signed, signers: [{}] }, alice) });
    expect(codes(await load())).toEqual(["block trust/malformed"]);
  });

  it("a rollback below what was seen is refused", async () => {
    put({ 2: v2, 3: v3 });
    expect(await load()).toMatchObject(available(3, "memory"));
    put({ 3: null });
    const store = await load();
    expect(codes(store)).toEqual(["block trust/rollback"]);
    expect(store.findings[0]?.fix).toContain(`rm -r ${dirname(memoryFile())}`);
    expect(store.findings[0]?.fix).toContain(
      "git log --all --source --oneline -- .countersign/trust/3.root.json",
    );
    // An older commit as the base, or a flag, is no way around it.
    const base = commit();
    expect(codes(await load({ base }))).toEqual(["block trust/rollback"]);
    expect(codes(await load(flag()))).toEqual(["block trust/rollback"]);
  });

  it("a flag does not go below the base either", async () => {
    rmSync(home, { recursive: true });
    put({ 2: v2 });
    const base = commit();
    put({ 2: null });
    const store = await load({ base, ...flag() });
    expect(codes(store)).toEqual(["block trust/rollback"]);
    expect(store.findings[0]?.fix).toBe(
      `Take .countersign/trust from the trusted branch, such as: git checkout ${base} -- .countersign/trust`,
    );
    put({ 2: v2 });
    expect(await load({ base, ...flag() })).toMatchObject(available(2, "flag"));
  });

  it("another root of a known version is a fork, even when the right keys have signed it", async () => {
    put({ 2: v2 });
    await load();
    const other = signed(next(one, Date.UTC(2029, 0, 1)), alice);
    put({ 2: other });
    const store = await load();
    expect(codes(store)).toEqual(["block trust/forked"]);
    expect(store.findings[0]?.fix).toContain(`rm -r ${dirname(memoryFile())}`);
    expect(codes(await load(flag()))).toEqual(["block trust/forked"]);
  });

  it("a new key takes over when old and new have signed", async () => {
    const rotated = { ...rootOf([bob]).document.signed, version: 2 };
    put({ 2: signedForm(rotated, bob) });
    expect(await load()).toMatchObject(available(1, "memory"));
    put({ 2: signedForm(rotated, alice, bob) });
    expect(await load()).toMatchObject(available(2, "memory"));
    put({ 3: signedForm({ ...rotated, version: 3 }, alice) });
    expect(codes(await load())).toEqual(["note trust/threshold"]);
  });

  it("an expired root blocks, one that has expired on the way does not", async () => {
    const now = Date.UTC(2031, 0, 1);
    const store = await load({}, now);
    expect(store).toMatchObject(available(1, "memory"));
    expect(codes(store)).toEqual(["block trust/expired"]);
    put({ 2: signed(next(one, Date.UTC(2032, 0, 1)), alice) });
    expect(await load({}, now)).toMatchObject({ ...available(2, "memory"), findings: [] });
  });
});

describe("what this machine remembers", () => {
  it("is missed where the whole store is deleted, so that nobody is told to start another one", async () => {
    put({ 1: v1, 2: v2 });
    expect(await load(flag())).toMatchObject(available(2, "flag"));
    rmSync(join(directory, ".countersign"), { recursive: true });
    const store = await load();
    expect(codes(store)).toEqual(["block trust/rollback"]);
    expect(store.findings[0]?.fix).toContain("git checkout origin/main -- .countersign/trust");
    writeFileSync(memoryFile(), "{");
    expect(codes(await load())).toEqual(["block trust/root-unavailable"]);
  });

  it("T19, T18: is written whole, for its owner alone, the same bytes for the same chain, and nothing after a refusal", async () => {
    put({ 1: v1, 2: v1 });
    expect((await load(flag())).state).toBe("refused");
    expect(existsSync(home)).toBe(false);
    put({ 2: v2 });
    await load(flag());
    const written = (): string[] => [1, 2].map((version) => readFileSync(memoryFile(version), "utf8"));
    const first = written();
    expect(statSync(memoryFile()).mode & 0o777).toBe(0o600);
    for (const folder of [memoryFolder(), dirname(memoryFile())])
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(memoryFolder())).toHaveLength(1);
    expect(readdirSync(dirname(memoryFile()))).toEqual(["1.json", "2.json"]);
    await load();
    expect(written()).toEqual(first);
    rmSync(home, { recursive: true });
    await load(flag());
    expect(written()).toEqual(first);
  });

  it.each([
    ["cut off", '{"schema": "countersign/trust-memory/1"'],
    ["empty", ""],
    ["without a digest", '{"schema": "countersign/trust-memory/1", "version": 1}'],
    ["with a digest that is none", '{"schema": "countersign/trust-memory/1", "version": 1, "sha256": "ff"}'],
    [
      "of another version",
      `{"schema": "countersign/trust-memory/1", "version": 2, "sha256": "${"f".repeat(64)}"}`,
    ],
    [
      "T20: of a later version",
      `{"schema": "countersign/trust-memory/2", "version": 1, "sha256": "${"f".repeat(64)}"}`,
    ],
  ])("%s is refused, and not written over", async (_, content) => {
    put({ 1: v1 });
    await load(flag());
    const file = memoryFile();
    writeFileSync(file, content);
    const store = await load(flag());
    expect(store.state).toBe("refused");
    expect(codes(store)).toEqual(["block trust/root-unavailable"]);
    expect(readFileSync(file, "utf8")).toBe(content);
  });

  it("is each repository's own: a store that is known for one is unpinned in another", async () => {
    put({ 1: v1 });
    git(directory, "remote", "add", "origin", "git@forge.example:acme/app.git");
    await load(flag());
    const clone = join(scratch.path, "clone");
    git(scratch.path, "clone", "-q", directory, clone);
    put({ 1: v1 }, join(clone, ".countersign/trust"));
    git(clone, "remote", "set-url", "origin", "https://forge.example/acme/app");
    expect(await load({ directory: clone })).toMatchObject(available(1, "memory"));
    git(clone, "remote", "set-url", "origin", "https://forge.example/mallory/app");
    expect(codes(await load({ directory: clone }))).toEqual(["block trust/unpinned"]);
  });

  it("does not count where the checked change could write it", async () => {
    put({ 1: v1 });
    const environment = { now: 0, home: join(directory, "home"), variables: {}, platform: "linux" as const };
    expect(await load({ ...flag(), environment })).toMatchObject(available(1, "flag"));
    expect(existsSync(environment.home)).toBe(false);
    expect(codes(await load({ environment }))).toEqual(["block trust/unpinned"]);
  });

  it("does not count behind a link of the project either, wherever it leads, nor behind one that leads into it", async () => {
    put({ 1: v1 });
    const outside = join(scratch.path, "outside");
    mkdirSync(outside);
    symlinkSync(outside, join(directory, "home"));
    const inside = join(directory, "state");
    mkdirSync(inside);
    symlinkSync(inside, join(scratch.path, "linked"));
    for (const place of [join(directory, "home"), join(scratch.path, "linked")]) {
      const environment = { now: 0, home: place, variables: {}, platform: "linux" as const };
      expect(await load({ ...flag(), environment })).toMatchObject(available(1, "flag"));
      expect(codes(await load({ environment }))).toEqual(["block trust/unpinned"]);
    }
    expect([...readdirSync(outside), ...readdirSync(inside)]).toEqual([]);
  });

  it("that cannot be written is a note", async () => {
    put({ 1: v1 });
    mkdirSync(dirname(dirname(memoryFolder())), { recursive: true });
    writeFileSync(dirname(memoryFolder()), "");
    const store = await load(flag());
    expect(codes(store)).toEqual(["note trust/root-unavailable"]);
    expect(store.state).toBe("available");
  });
});
