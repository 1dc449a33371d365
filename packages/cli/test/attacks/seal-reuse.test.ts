import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approvals, keyOf, publicKeyOf, sealPolicy } from "../sealing.ts";
import {
  claimIn,
  keyidIn,
  readSeal,
  removeSeal,
  reseal,
  statementOf,
  writeSeal,
  type Statement,
} from "./forging.ts";
import {
  allowed,
  openSealed,
  refusedFor,
  succeed,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./sealed-project.ts";

let project: SealedProject;
const name = "package-lock.json";
const only = (): string => {
  const [seal, ...others] = project.seals();
  if (seal === undefined || others.length > 0) throw new Error("one seal is expected");
  return seal;
};
/** The only seal, replaced by what its own signer might have signed elsewhere. */
const replace = (change: (statement: Statement, claim: ReturnType<typeof claimIn>) => void): void => {
  const seal = only();
  reseal(project.scene, seal, "alice", change);
  removeSeal(project.scene, seal);
};

describe("a good signature from elsewhere", () => {
  beforeAll(async () => {
    project = await openSealed();
  });
  afterAll(() => project.close());
  beforeEach(async () => {
    // Control: the same claim, signed again by the same hand, counts.
    const seal = only();
    reseal(project.scene, seal, "alice", (statement) => void (statement["note"] = "the same claim"));
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
  });
  afterEach(() => project.restore());

  it.each([
    ["https://forge.example/acme/other", "seal/repository-mismatch"],
    ["https://evil.example/acme/app", "seal/repository-mismatch"],
    [null, "seal/repository-mismatch"],
  ] as const)("of the repository %s counts for nothing", async (repository, code) => {
    replace((_, claim) => void (claim["repository"] = repository));
    expect(await project.verify()).toMatchObject(refusedFor(code));
  });

  it.each([
    "apps/other/package-lock.json",
    "npm-shrinkwrap.json",
    "./package-lock.json",
    "Package-Lock.json",
    "../package-lock.json",
  ])("of the path %s counts for nothing", async (path) => {
    replace(({ subject }) => void ((subject[0] as { name: string }).name = path));
    const { exitCode, blocks, seals } = await project.verify();
    expect({ exitCode, blocks }).toEqual({ exitCode: 1, blocks: ["seal/approval-missing"] });
    expect(["seal/subject-mismatch", "seal/statement-malformed"]).toContain(seals[0]);
  });

  it("F15: of an older lockfile, laid under the digest of this one, counts for nothing", async () => {
    const older = only();
    writePackages(project.scene, [
      widgetOf(project.scene),
      project.scene.kit.npm.publish({ name: "newcomer" }),
    ]);
    succeed(await project.sign("alice"));
    expect(await project.verify()).toMatchObject(allowed);
    const newer = project.seals().find((seal) => seal !== older) ?? "";
    const text = project.read(older);
    removeSeal(project.scene, newer);
    const payload = Buffer.from(readSeal(project.scene, older).dsseEnvelope.payload, "base64");
    writeSeal(project.scene, newer.slice(0, newer.lastIndexOf("/")), payload, text);
    expect(await project.verify()).toMatchObject(refusedFor("seal/subject-mismatch"));
  });

  it("of another branch counts for nothing where --ref asks for this one", async () => {
    expect(await project.verify("--ref", "refs/heads/main")).toMatchObject(refusedFor("seal/ref-mismatch"));
    replace((_, claim) => void (claim["ref"] = "refs/heads/release"));
    expect(await project.verify("--ref", "refs/heads/release")).toMatchObject(allowed);
    expect(await project.verify("--ref", "refs/heads/main")).toMatchObject(refusedFor("seal/ref-mismatch"));
    // A ref is compared whole: no prefix, no pattern of the attacker's.
    expect(await project.verify("--ref", "release")).toMatchObject(refusedFor("seal/ref-mismatch"));
    replace((_, claim) => void (claim["ref"] = "refs/heads/**"));
    expect(await project.verify("--ref", "refs/heads/main")).toMatchObject(refusedFor("seal/ref-mismatch"));
  });

  it("from the future counts for nothing: it would outlive every newer one", async () => {
    replace((_, claim) => void (claim["issuedAt"] = "2099-01-01T00:00:00Z"));
    expect(await project.verify()).toMatchObject(refusedFor("seal/not-yet-valid"));
  });

  it("that says it has expired counts for nothing", async () => {
    replace((_, claim) => void (claim["expires"] = "2020-01-01T00:00:00Z"));
    expect(await project.verify()).toMatchObject(refusedFor("seal/expired"));
  });

  it("that names another signer than the one whose key made it counts for nothing", async () => {
    replace((_, claim) => void (claim.signer.id = "bob"));
    expect(await project.verify()).toMatchObject(refusedFor("seal/signer-scope"));
  });
});

describe("an older lockfile with the approval that it once had", () => {
  beforeEach(async () => {
    project = await openSealed();
  });
  afterEach(() => project.close());

  it("passes no base that has more seals than are read: any of them may be newer", async () => {
    const { scene } = project;
    const older = only();
    const before = project.read(name);
    const manifest = project.read("package.json");
    writePackages(scene, [widgetOf(scene), scene.kit.npm.publish({ name: "fixed", version: "2.0.0" })]);
    succeed(await project.sign("alice"));
    const newer = project.seals().find((seal) => seal !== older) ?? "";
    const folder = newer.slice(0, newer.lastIndexOf("/"));
    for (let litter = 0; litter < 256; litter += 1)
      project.write(`${folder}/${litter.toString(16).padStart(64, "0")}.json`, "{}");
    const base = project.commit("newer");
    project.write(name, before);
    project.write("package.json", manifest);
    expect(await project.verify("--base", base)).toMatchObject({
      exitCode: 1,
      blocks: ["seal/too-many"],
    });
  });

  it("is a rollback under the base's newer approval, and counts again once it is approved anew", async () => {
    const { scene } = project;
    const older = only();
    const hourAgo = `${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)}Z`;
    replace((_, claim) => void (claim["issuedAt"] = hourAgo));
    const before = project.read(name);
    const manifest = project.read("package.json");
    const first = project.commit("older");
    writePackages(scene, [widgetOf(scene), scene.kit.npm.publish({ name: "fixed", version: "2.0.0" })]);
    succeed(await project.sign("alice"));
    const base = project.commit("newer");
    expect(await project.verify("--base", base)).toMatchObject({ ...allowed, approvals: ["alice"] });
    project.write(name, before);
    project.write("package.json", manifest);
    // Control: nothing but the base knows of a newer one.
    expect(await project.verify("--base", first)).toMatchObject({ ...allowed, approvals: ["alice"] });
    expect(await project.verify("--base", base)).toMatchObject(refusedFor("seal/rollback"));
    // Without the seals of the newer one in the change it is still in the base.
    for (const seal of project.seals())
      if (!seal.startsWith(older.slice(0, older.lastIndexOf("/")))) removeSeal(scene, seal);
    expect(await project.verify("--base", base)).toMatchObject(refusedFor("seal/rollback"));
    succeed(await project.sign("alice"));
    expect(await project.verify("--base", base)).toMatchObject({ ...allowed, approvals: ["alice"] });
  });
});

describe("an older closure of the same lockfile with the approval that it once had", () => {
  it("is a rollback under the base's newer approval, and one approval does not outdate another of its state", async () => {
    const patch = "patches/leaf.patch";
    project = await openSealed({ files: () => ({ [patch]: "vulnerable\n" }) });
    const hourAgo = `${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)}Z`;
    replace((_, claim) => void (claim["issuedAt"] = hourAgo));
    const first = project.commit("older");
    // Control: a later approval of the same state outdates none.
    succeed(await project.sign("bob"));
    const second = project.commit("approved by two");
    expect(await project.verify("--base", second)).toMatchObject({ ...allowed, approvals: ["alice", "bob"] });
    project.write(patch, "fixed\n");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    succeed(await project.sign("alice"));
    const base = project.commit("newer");
    expect(await project.verify("--base", base)).toMatchObject({ ...allowed, approvals: ["alice"] });
    project.write(patch, "vulnerable\n");
    expect(await project.verify("--base", first)).toMatchObject({ ...allowed, approvals: ["alice", "bob"] });
    const rolledBack = await project.verify("--base", base);
    expect(rolledBack).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing"], approvals: [] });
    expect(rolledBack.seals.map(String).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "seal/closure-changed",
      "seal/rollback",
      "seal/rollback",
    ]);
    await project.close();
  });
});

describe("a signer outside of what the trust store lets it sign", () => {
  const trust = async (...args: readonly string[]): Promise<void> => {
    succeed(await project.scene.run("trust", ...args, "--key", keyOf(project.scene, "root"), "--yes"));
  };
  beforeEach(async () => {
    project = await openSealed();
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
  });
  afterEach(() => project.close());

  it.each([
    ["path", ["--paths", "apps/**"]],
    ["ref", ["--refs", "refs/heads/release"]],
    ["predicate", ["--predicates", "summary"]],
  ] as const)("%s: what it signed counts for nothing, and it signs nothing more", async (_, scope) => {
    await trust("add", "alice", "--public-key", publicKeyOf(project.scene, "alice"), ...scope);
    expect(await project.verify()).toMatchObject(refusedFor("seal/signer-scope"));
    expect(await project.sign("alice", "--ref", "refs/heads/main")).toExitWith(2);
    expect(project.seals()).toHaveLength(1);
  });

  it("a ref that fits: the control of the ref above", async () => {
    await trust(
      "add",
      "alice",
      "--public-key",
      publicKeyOf(project.scene, "alice"),
      "--refs",
      "refs/heads/release",
    );
    removeSeal(project.scene, only());
    succeed(await project.sign("alice"));
    expect(await project.verify("--ref", "refs/heads/release")).toMatchObject(allowed);
  });

  it("who may only sign summaries approves nothing, even with the policy's word", async () => {
    project.write(
      ".countersign/policy.yaml",
      sealPolicy(project.scene, approvals()).replace("[alice, bob]", "[release-bot]"),
    );
    const seal = only();
    reseal(project.scene, seal, "release-bot", (_, claim) => {
      const keyid = keyidIn(project.scene, "release-bot");
      claim.signer = { id: "release-bot", keyid, algorithm: "ed25519" };
    });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(refusedFor("seal/signer-scope"));
  });

  it.each(["superseded", "compromised"])("a %s key loses all that nobody else has dated", async (reason) => {
    const { signer } = claimIn(statementOf(readSeal(project.scene, only())));
    // Ahead of now: a plain key says itself when it signed, so its word does not count.
    await trust("revoke", signer.keyid, "--reason", reason, "--since", "2099-01-01");
    expect(await project.verify()).toMatchObject(refusedFor("seal/revoked"));
    expect(await project.sign("alice")).toExitWith(2);
  });

  it("a revoked signer loses everything, with every key", async () => {
    await trust("revoke", "alice", "--reason", "compromised");
    expect(await project.verify()).toMatchObject(refusedFor("seal/revoked"));
    expect((await project.sign("alice")).exitCode).not.toBe(0);
  });

  it("a floor under the times of one lockfile's seals takes back what is older", async () => {
    await trust("revoke", "--path", name, "--not-before", "2098-01-01");
    expect(await project.verify()).toMatchObject(refusedFor("seal/rollback"));
  });
});
