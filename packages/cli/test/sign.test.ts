import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "@countersign/core";
import type { Ran } from "./host.ts";
import {
  approvals,
  commit,
  keyOf,
  sealPolicy,
  openSealing,
  summaries,
  type SealingScene,
} from "./sealing.ts";

let scene: SealingScene;
beforeEach(async () => {
  scene = await openSealing();
});
afterEach(() => scene.close());

const policy = (seal: string, mode?: string): void =>
  scene.write({ ".countersign/policy.yaml": sealPolicy(scene, seal, mode) });
const reportOf = ({ out }: Ran): Report => JSON.parse(out) as Report;
const lock = (): string => join(scene.directory, "package-lock.json");
const npmrc = (): string => join(scene.directory, ".npmrc");
const codesOf = (report: Report, effect: string): string[] => [
  ...new Set(report.findings.filter((finding) => finding.effect === effect).map(({ code }) => code)),
];

describe("an approval", () => {
  it("T2 T5: is required, is given, and is gone with one changed byte", async () => {
    policy(approvals());
    const missing = await scene.run("verify");
    expect(missing).toExitWith(1);
    expect(missing.out).toContain("countersign sign --approve");
    const signed = await scene.approve();
    expect(signed).toExitWith(0);
    expect(scene.seals()).toHaveLength(1);
    const allowed = await scene.run("verify");
    expect(allowed).toExitWith(0);
    expect(allowed.out).toContain("approved by alice");
    appendFileSync(lock(), " ");
    const changed = await scene.run("verify", "--json");
    expect(changed).toExitWith(1);
    expect(codesOf(reportOf(changed), "block")).toEqual(["seal/approval-missing"]);
    expect(codesOf(reportOf(changed), "note")).toContain("lockfile/reformatted");
  });

  it("T7: the report names signer, checks with expected and actual, and the code of what failed", async () => {
    policy(approvals());
    await scene.approve();
    appendFileSync(npmrc(), "@acme:registry=https://evil.example/\n");
    const [lockfile] = reportOf(await scene.run("verify", "--json")).lockfiles;
    expect(lockfile?.seals).toMatchObject([
      { outcome: "failed", code: "seal/closure-changed", signer: { id: "alice", algorithm: "ed25519" } },
    ]);
    expect(lockfile?.seals[0]?.claims.find(({ status }) => status === "fail")).toMatchObject({
      name: "closure",
      expected: expect.stringMatching(/^\.npmrc sha256:/) as string,
    });
  });

  it("CRLF is the same lockfile; tokens that a machine adds to .npmrc change nothing", async () => {
    policy(approvals());
    await scene.approve();
    writeFileSync(lock(), readFileSync(lock(), "utf8").replaceAll("\n", "\r\n"));
    appendFileSync(npmrc(), "//npm.acme.example/:_authToken=secret\n");
    const ran = await scene.run("verify", "--json");
    expect(codesOf(reportOf(ran), "block").filter((code) => code.startsWith("seal/"))).toEqual([]);
  });

  it("says what came and changed since the last sealed state", async () => {
    policy(approvals());
    await scene.approve();
    commit(scene, "sealed");
    scene.project(scene.kit.npm.publish({ name: "newcomer", version: "2.0.0" }));
    const changed = reportOf(await scene.run("verify", "--json"));
    expect(changed.findings.find(({ code }) => code === "lockfile/content-changed")?.why).toContain(
      "1 added: newcomer@2.0.0",
    );
    const signed = await scene.approve();
    expect(signed.err).toContain("newcomer@2.0.0: signed");
    expect(await scene.run("verify")).toExitWith(0);
  });

  it("K14: --json names the seal, the digest that it is about, and its media type", async () => {
    policy(approvals());
    const { out } = await scene.approve("alice", "--json");
    const [name] = scene.seals();
    const { computedDigest } = (
      JSON.parse((await scene.run("seal", "verify", "--json")).out) as {
        lockfiles: { computedDigest: string }[];
      }
    ).lockfiles[0] as { computedDigest: string };
    expect(JSON.parse(out)).toMatchObject({
      schema: "countersign/signed/1",
      seals: [
        {
          storageKey: `.countersign/seals/${name}`,
          subjectDigest: computedDigest,
          bundleMediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
          signerId: "alice",
        },
      ],
    });
  });

  it("is refused where the policy does not pass, without a terminal, for a stranger, and after a no", async () => {
    policy(approvals());
    expect(await scene.approve("mallory")).toExitWith(2);
    expect(await scene.run("sign", "--key", keyOf(scene, "alice"))).toExitWith(2);
    expect(await scene.runWith({ answer: false }, "sign", "--key", keyOf(scene, "alice"))).toMatchObject({
      exitCode: 2,
    });
    scene.project(scene.kit.npm.publish({ name: "unsigned", signature: false }));
    const refused = await scene.approve();
    expect(refused).toExitWith(1);
    expect(refused.err).toContain("signature/absent");
    expect(refused.err).toContain("nothing was signed");
    expect(scene.seals()).toEqual([]);
  });

  it("two signers, each once", async () => {
    policy(approvals(2));
    await scene.approve("alice");
    await scene.approve("alice");
    expect(await scene.run("verify")).toExitWith(1);
    await scene.approve("bob");
    const ran = await scene.run("verify", "--json");
    expect(reportOf(ran).lockfiles[0]?.approvals).toEqual(["alice", "bob"]);
    expect(ran).toExitWith(0);
  });

  it("T18 T21: seals are deterministic files without secrets", async () => {
    policy(approvals());
    await scene.approve();
    const [name] = scene.seals();
    const text = readFileSync(join(scene.directory, ".countersign/seals", name ?? ""), "utf8");
    expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    expect(text).not.toContain("PRIVATE");
  });

  it("in warn a missing approval is said and blocks nothing", async () => {
    policy(approvals(), "warn");
    const ran = await scene.run("verify");
    expect(ran).toExitWith(0);
    expect(ran.out).toContain("seal/approval-missing");
  });
});

describe("a summary", () => {
  it("replaces the evidence: offline, with an empty store, and no request", async () => {
    policy(summaries);
    expect(await scene.summarise()).toExitWith(0);
    const before = scene.kit.requests.all.length;
    rmSync(join(scene.setting.scratch, "cache"), { recursive: true, force: true });
    const ran = await scene.run("verify", "--offline", "--json");
    expect(ran).toExitWith(0);
    const report = reportOf(ran);
    expect(report.lockfiles[0]).toMatchObject({ evidence: "summary", packages: 2, verdicts: [] });
    expect(report.counts.byLevel).toMatchObject({ provenance: 1 });
    expect([report.requests, scene.kit.requests.all.length - before]).toEqual([0, 0]);
    expect(existsSync(join(scene.setting.scratch, "cache"))).toBe(false);
  });

  it("T13: restore --dry-run needs no evidence and no network either, and says what is missing", async () => {
    policy(summaries);
    await scene.summarise();
    rmSync(join(scene.setting.scratch, "cache"), { recursive: true, force: true });
    const before = scene.kit.requests.all.length;
    const ran = await scene.run("restore", "--dry-run", "--offline", "--json");
    expect(ran).toExitWith(0);
    expect(JSON.parse(ran.out)).toMatchObject({
      lockfiles: [{ decision: "allow", outcome: "would-install", items: [{ state: "missing" }] }],
    });
    expect(scene.kit.requests.all.length - before).toBe(0);
    expect(existsSync(join(scene.setting.scratch, "cache"))).toBe(false);
  });

  it("under another policy the evidence is checked again", async () => {
    policy(summaries);
    await scene.summarise();
    scene.write({
      ".countersign/policy.yaml": sealPolicy(scene, summaries).replace("level: signed", "level: locked"),
    });
    const report = reportOf(await scene.run("verify", "--json"));
    expect(report.lockfiles[0]?.evidence).toBe("checked");
    expect(codesOf(report, "note")).toContain("seal/summary-unused");
  });

  it("never hides a setting that weakens the manager", async () => {
    policy(summaries);
    await scene.summarise();
    const ran = await scene.runWith(
      {
        variables: {
          COUNTERSIGN_CACHE_DIR: join(scene.setting.scratch, "cache"),
          npm_config_ignore_scripts: "false",
          npm_config_strict_ssl: "false",
        },
      },
      "verify",
      "--json",
    );
    expect(reportOf(ran).lockfiles[0]?.evidence).toBe("summary");
    expect(codesOf(reportOf(ran), "block")).toContain("settings/weakens");
  });

  it("does not replace an approval, and explain looks at the evidence itself", async () => {
    policy("{ approval: { threshold: 1, signers: [maintainers] }, summary: { signers: [ci], maxAge: 30d } }");
    await scene.summarise();
    expect(await scene.run("verify")).toExitWith(1);
    await scene.approve();
    expect(await scene.run("verify")).toExitWith(0);
    expect((await scene.run("explain", "@acme/widget")).out).toContain("provenance");
  });
});

describe("looking at seals", () => {
  it("T1: inspect prints the flat block of signer, algorithm, timestamp and signature", async () => {
    policy(approvals());
    await scene.approve();
    const { out, exitCode } = await scene.run("seal", "inspect", "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      verified: false,
      seals: [
        {
          signerId: "alice",
          algorithm: "ed25519",
          timestamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:]{8}Z$/) as string,
          signature: expect.stringMatching(/^[A-Za-z0-9+/]{86}==$/) as string,
          subject: "package-lock.json",
        },
      ],
    });
  });

  it("F2 F8: verify answers for each seal: valid, digests, signer, error", async () => {
    policy(approvals());
    await scene.approve();
    const good = JSON.parse((await scene.run("seal", "verify", "--json")).out) as {
      valid: boolean;
      lockfiles: { computedDigest: string; seals: { valid: boolean; expectedDigest: string }[] }[];
    };
    expect(good.valid).toBe(true);
    expect(good.lockfiles[0]?.seals[0]).toMatchObject({
      valid: true,
      signerName: "alice",
      error: null,
      expectedDigest: good.lockfiles[0]?.computedDigest,
    });
    const [name] = scene.seals();
    const path = join(scene.directory, ".countersign/seals", name ?? "");
    writeFileSync(path, readFileSync(path, "utf8").replace(/"sig": "./, '"sig": "A'));
    const bad = await scene.run("seal", "verify");
    expect(bad).toExitWith(1);
    expect(bad.out).toContain("seal/signature-invalid");
  });

  it("prune removes what counts for nothing, after asking", async () => {
    policy(approvals());
    await scene.approve();
    commit(scene, "sealed");
    scene.project(scene.kit.npm.publish({ name: "newcomer" }));
    await scene.approve();
    expect(scene.seals()).toHaveLength(2);
    expect(await scene.run("seal", "prune")).toExitWith(2);
    expect(await scene.run("seal", "prune", "--yes")).toExitWith(0);
    expect(scene.seals()).toHaveLength(1);
    expect(await scene.run("verify")).toExitWith(0);
  });
});

describe("with a trusted base", () => {
  it("a trust store of the change itself vouches for nothing", async () => {
    policy(approvals());
    await scene.approve();
    const base = commit(scene, "sealed");
    rmSync(join(scene.directory, ".countersign/trust"), { recursive: true });
    const made = await scene.runWith(
      { scratch: join(scene.setting.scratch, "attacker") },
      "trust",
      "init",
      "--signer",
      `alice=${join(scene.setting.scratch, "keys/mallory-public.pem")}`,
      "--root-key",
      keyOf(scene, "mallory"),
      "--repository",
      "https://forge.example/acme/app",
    );
    expect(made).toExitWith(0);
    scene.project(scene.kit.npm.publish({ name: "evil" }));
    await scene.runWith(
      { scratch: join(scene.setting.scratch, "attacker") },
      "sign",
      "--key",
      keyOf(scene, "mallory"),
      "--yes",
    );
    const elsewhere = { scratch: join(scene.setting.scratch, "ci") };
    expect(await scene.runWith(elsewhere, "verify", "--base", base)).toExitWith(1);
    // Nothing outside of the change says whom to trust.
    const unpinned = await scene.runWith(elsewhere, "verify", "--json");
    expect(unpinned).toExitWith(1);
    expect(codesOf(reportOf(unpinned), "block")).toContain("trust/unpinned");
  });

  it("going back to an older approved lockfile is a rollback", async () => {
    policy(approvals());
    await scene.approve();
    const older = commit(scene, "first");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    scene.project(scene.kit.npm.publish({ name: "newcomer" }));
    await scene.approve();
    const base = commit(scene, "second");
    execFileSync("git", ["checkout", "-q", older, "--", "package-lock.json", "package.json"], {
      cwd: scene.directory,
    });
    expect(await scene.run("verify")).toExitWith(0);
    const ran = await scene.run("verify", "--base", base, "--json");
    expect(ran).toExitWith(1);
    expect(codesOf(reportOf(ran), "note")).toContain("seal/rollback");
  });

  it("a base that is not there is no pass", async () => {
    policy(approvals());
    await scene.approve();
    commit(scene, "sealed");
    const ran = await scene.run("verify", "--base", "origin/main", "--json");
    expect(ran).toExitWith(2);
    expect(codesOf(reportOf(ran), "block")).toContain("trust/root-unavailable");
  });
});
