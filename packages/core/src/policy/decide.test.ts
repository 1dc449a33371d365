import { describe, expect, it } from "vitest";
import { formatDigest, type Digest } from "../digest.ts";
import { parseInstant } from "../instant.ts";
import type { LockedPackage } from "../lockfile/package-set.ts";
import type { Verdict } from "../verify/verdict.ts";
import {
  blocks,
  builder,
  codesOf,
  digestOf,
  judged,
  locked,
  npmHost,
  offline,
  policyOf,
  pypiHost,
  run,
  setOf,
} from "../../test/decision.ts";
import { builtInPolicy } from "./built-in.ts";
import { foldDecisions } from "./decide.ts";
import { readPolicy } from "./read-policy.ts";

const all = (level: string, more = ""): string =>
  `require: [{ ecosystem: npm, names: ["**"], level: ${level}${more} }]`;
const pkg = locked("left-pad", { version: "1.3.0" });
const digest = formatDigest(pkg.artefacts[0]?.digest as Digest);
const exception = (codes: string, expires = "2027-06-30", bound = digest): string =>
  `exceptions: [{ purl: "${pkg.purl}", digest: "${bound}", codes: [${codes}], reason: "old", owner: "me", expires: "${expires}" }]`;

describe("levels", () => {
  const table: readonly (readonly [string, Verdict["level"], string, readonly string[]])[] = [
    ["D34: locked needs a listing", "unlocked", "locked", ["listing/absent"]],
    ["D34: locked has one", "locked", "locked", []],
    ["D21: signed needs a signature", "locked", "signed", ["signature/absent"]],
    ["D21: signed has one", "signed", "signed", []],
    ["D34: provenance stands above signed", "provenance", "signed", []],
    ["D21: provenance needs an attestation", "signed", "provenance", ["attestation/absent"]],
    ["D17: provenance has one", "provenance", "provenance", []],
  ];
  it.each(table)("%s", (_, found, required, expected) => {
    const decision = run(all(required), [[pkg, judged(pkg, found)]]);
    expect(blocks(decision)).toEqual(expected);
    expect(decision.outcome).toBe(expected.length === 0 ? "allow" : "block");
  });

  it("D21: strict ends incomplete where evidence could not be had, and says how to go on", () => {
    const decision = run(all("signed"), [[pkg, offline(pkg)]]);
    expect(decision.outcome).toBe("incomplete");
    expect(decision.findings[0]).toMatchObject({
      code: "evidence/offline",
      requiredBy: "require[0] (head.yaml:2)",
      at: pkg.artefacts[0]?.at,
    });
    expect(decision.findings[0]?.fix).toMatch(/`countersign verify` again online/);
  });

  it("notes what its publisher withdrew, and lets it pass", () => {
    const good = judged(pkg, "signed");
    const claims = good.claims.map((claim) =>
      claim.name === "listing" ? { ...claim, code: "listing/yanked" as const } : claim,
    );
    const decision = run(all("signed"), [[pkg, { ...good, claims }]]);
    expect(decision.outcome).toBe("allow");
    expect(decision.findings).toMatchObject([{ code: "listing/yanked", effect: "note", purl: pkg.purl }]);
  });

  it("an artefact without a verdict is unknown, not fine", () => {
    expect(run(all("locked"), [[pkg]])).toMatchObject({
      outcome: "incomplete",
      counts: { byLevel: { unlocked: 1 } },
    });
  });

  it("an artefact out of scope is not asked for", () => {
    expect(run(all("locked"), [[pkg]], { inScope: () => false }).outcome).toBe("allow");
  });

  it("a package passes when all of its artefacts do", () => {
    const artefact = (file: string): LockedPackage["artefacts"][number] => ({
      form: "wheel",
      file,
      url: null,
      digest: digestOf(file),
      at: pkg.at,
    });
    const wheels = locked("six", { ecosystem: "pypi", artefacts: [artefact("a"), artefact("b")] });
    const verdict = (file: string, level: Verdict["level"]): Verdict =>
      judged(wheels, level, { file, artefact: digestOf(file) });
    const rule = 'require: [{ ecosystem: pypi, names: ["**"], level: locked }]';
    expect(
      run(rule, [
        [wheels, verdict("a", "locked")],
        [wheels, verdict("b", "locked")],
      ]).outcome,
    ).toBe("allow");
    expect(
      run(rule, [
        [wheels, verdict("a", "locked")],
        [wheels, verdict("b", "unlocked")],
      ]).outcome,
    ).toBe("block");
  });

  it("a package without artefacts locks nothing", () => {
    expect(blocks(run(all("locked"), [[locked("empty", { artefacts: [] })]]))).toEqual([
      "artefact/digest-missing",
    ]);
  });

  it("a verdict over another digest counts for nothing", () => {
    expect(run(all("locked"), [[pkg, judged(pkg, "signed", { artefact: digestOf("evil") })]]).outcome).toBe(
      "incomplete",
    );
  });

  it("blocked and incomplete together is blocked", () => {
    const other = locked("other");
    expect(
      run(all("signed"), [
        [pkg, offline(pkg)],
        [other, judged(other, "locked")],
      ]).outcome,
    ).toBe("block");
  });

  it("every matching rule applies", () => {
    const rules = 'require: [{ names: ["**"], level: locked }, { names: ["left-*"], level: provenance }]';
    expect(blocks(run(rules, [[pkg, judged(pkg, "signed")]]))).toEqual(["attestation/absent"]);
  });

  it("one failure that several rules demand is one finding naming them", () => {
    const rules =
      'require:\n  - { ecosystem: npm, names: ["**"], level: signed }\n  - { ecosystem: npm, names: [left-pad], level: signed }';
    const [finding, ...rest] = run(rules, [[pkg, judged(pkg, "locked")]]).findings;
    expect(rest).toEqual([]);
    expect(finding?.requiredBy).toBe("require[0] (head.yaml:3), require[1] (head.yaml:4)");
  });

  it("what no rule matches is blocked, with the line to add", () => {
    const decision = run('require: [{ ecosystem: pypi, names: ["**"], level: locked }]', [
      [pkg, judged(pkg, "provenance")],
    ]);
    expect(blocks(decision)).toEqual(["policy/no-rule"]);
    const line = decision.findings[0]?.fix.split(": ").slice(1).join(": ") ?? "";
    expect(readPolicy("p", `version: 1\nrequire:\n  ${line}\n`, "head").ok).toBe(true);
  });

  it("without rules everything is blocked", () => {
    expect(blocks(run("mode: strict", [[pkg, judged(pkg, "provenance")]]))).toEqual(["policy/no-rule"]);
  });
});

describe("contradictions", () => {
  const forged = judged(pkg, "locked", {
    outcome: "refused",
    claims: [
      { name: "listing", status: "pass" },
      { name: "registry-signature", status: "fail", code: "signature/invalid", expected: "a", actual: "b" },
    ],
  });
  it("block whatever level is required", () => {
    const decision = run(all("locked"), [[pkg, forged]]);
    expect(blocks(decision)).toEqual(["signature/invalid"]);
    expect(decision.findings[0]?.why).toMatch(/expected a, found b/);
  });
  it("block though the level is reached", () => {
    const claims: Verdict["claims"] = [{ name: "listing", status: "fail", code: "listing/mismatch" }];
    const verdict = judged(pkg, "provenance", { outcome: "refused", claims });
    expect(blocks(run(all("provenance"), [[pkg, verdict]]))).toEqual(["listing/mismatch"]);
  });
  it("block outside registries too", () => {
    const source = { kind: "url", url: "https://elsewhere.example/a.tgz" } as const;
    const direct = { ...pkg, source };
    expect(blocks(run(`${all("locked")}\nsources: { url: allow }`, [[direct, forged]]))).toEqual([
      "signature/invalid",
    ]);
  });
  it("block when a verdict says so without saying why", () => {
    expect(
      run(all("locked"), [[pkg, judged(pkg, "signed", { outcome: "refused", claims: [] })]]).outcome,
    ).toBe("block");
  });
  it("a good verdict beside a bad one hides nothing", () => {
    expect(
      run(all("locked"), [
        [pkg, judged(pkg, "signed")],
        [pkg, forged],
      ]).outcome,
    ).toBe("block");
  });
});

describe("D17 D25 D26: identities", () => {
  const identities = `identities:
  release: { issuer: github, repository: acme/widgets, workflow: .github/workflows/release.yml, ref: "refs/tags/v*", runner: github-hosted, slsaBuild: 2 }
  other: { issuer: gitlab, repository: acme/widgets }
`;
  const rule = identities + all("provenance", ", identities: [release, other]");
  const by = (
    change: Partial<typeof builder>,
    slsaBuild: 0 | 1 | 2 | 3 = 2,
  ): readonly [LockedPackage, Verdict] => [
    pkg,
    judged(pkg, "provenance", { identity: { ...builder, ...change }, slsaBuild }),
  ];

  it.each<[string, Partial<typeof builder>, 1 | 2, readonly string[]]>([
    ["any one of them may match", {}, 2, []],
    ["D25: a fork", { repository: "mallory/widgets" }, 2, ["identity/mismatch"]],
    [
      "D26: another workflow of the repository",
      { workflow: ".github/workflows/pr.yml" },
      2,
      ["identity/mismatch"],
    ],
    ["D26: another ref", { ref: "refs/heads/main" }, 2, ["identity/mismatch"]],
    ["M20: a self-hosted runner", { runner: "self-hosted" }, 2, ["identity/mismatch"]],
    ["a lower build level", {}, 1, ["slsa/below-required"]],
  ])("%s", (_, change, slsaBuild, expected) => {
    expect(blocks(run(rule, [by(change, slsaBuild)]))).toEqual(expected);
  });

  it("says what differs, and gives lines that accept this builder", () => {
    const finding = run(rule, [by({ workflow: ".github/workflows/pr.yml" })]).findings[0];
    expect(finding?.why).toContain(
      'release: workflow is ".github/workflows/pr.yml", not ".github/workflows/release.yml"',
    );
    const lines =
      finding?.fix.slice(finding.fix.indexOf("identities:"), finding.fix.indexOf("To accept only")) ?? "";
    expect(readPolicy("p", `version: 1\n${lines}`, "head").ok).toBe(true);
  });

  it("provenance without an identity is no identity", () => {
    expect(blocks(run(rule, [[pkg, judged(pkg, "provenance", { identity: null })]]))).toEqual([
      "identity/issuer-unknown",
    ]);
  });

  it("a builder of no known platform counts only where a rule names it", () => {
    const foreign = by({ issuerName: null, issuer: "https://ci.example" });
    expect(blocks(run(all("provenance"), [foreign]))).toEqual(["identity/issuer-unknown"]);
  });

  it("provenance of any identity is said to be that", () => {
    const decision = run(all("provenance"), [by({})]);
    expect(decision.outcome).toBe("allow");
    expect(codesOf(decision)).toEqual(["identity/any"]);
  });
});

describe("sources", () => {
  const from = (source: LockedPackage["source"], more: Partial<LockedPackage> = {}): LockedPackage =>
    locked("thing", { source, ...more });
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const git = from({ kind: "git", url: "https://git.example/a.git", commit }, { artefacts: [] });
  const url = from({ kind: "url", url: "https://elsewhere.example/a.tgz" });
  const workspace = from({ kind: "path", path: "packages/a", workspace: true }, { artefacts: [] });
  const path = from({ kind: "path", path: "../a", workspace: false }, { artefacts: [] });
  const bundled = from(
    { kind: "bundled", in: "pkg:npm/parent@1.0.0", paths: ["node_modules/thing"] },
    { artefacts: [] },
  );

  it.each<[string, LockedPackage, string, string[]]>([
    ["git by default", git, "", ["source/git"]],
    ["git denied", git, "sources: { git: deny }", ["source/git"]],
    ["git allowed", git, "sources: { git: allow }", []],
    [
      "git allowed, at a branch",
      from({ kind: "git", url: "https://git.example/a.git", commit: "main" }),
      "sources: { git: allow }",
      ["source/git"],
    ],
    ["url by default", url, "", ["source/url"]],
    ["a path by default", path, "", ["source/path"]],
    ["a path allowed", path, "sources: { path: allow }", []],
    ["a workspace by default", workspace, "", []],
    ["a workspace denied", workspace, "sources: { path: deny }", ["source/path"]],
    ["bundled by default, not looked into", bundled, "", ["lockfile/bundled-uninspected"]],
    ["bundled allowed", bundled, "sources: { bundled: allow }", []],
    ["bundled denied", bundled, "sources: { bundled: deny }", ["source/bundled"]],
  ])("%s", (_, subject, sources, expected) => {
    expect(blocks(run(`${all("locked")}\n${sources}`, [[subject]]))).toEqual(expected);
  });

  it("bundled and looked into is fine, and what the reader said of it is settled", () => {
    const problem = {
      code: "lockfile/bundled-uninspected",
      effect: "block",
      purl: bundled.purl,
      at: bundled.at,
      why: "",
      fix: "",
    } as const;
    expect(run(all("locked"), [[bundled]], { inspected: () => "found" }, [problem]).outcome).toBe("allow");
    expect(run(all("locked"), [[bundled]], { inspected: () => "unavailable" }, [problem]).outcome).toBe(
      "incomplete",
    );
    expect(blocks(run(all("locked"), [[bundled]], { inspected: () => "missing" }, [problem]))).toEqual([
      "lockfile/bundled-missing",
    ]);
  });

  it("warns where the policy says so", () => {
    const decision = run(`${all("locked")}\nsources: { git: warn }`, [[git]]);
    expect(decision.outcome).toBe("allow");
    expect(decision.findings).toMatchObject([{ code: "source/git", effect: "warn" }]);
  });

  it("a git source is accepted by an exception of its commit alone", () => {
    const accept = (hex: string): string =>
      `${all("locked")}\nexceptions: [{ purl: "${git.purl}", digest: "gitCommit:${hex}", codes: [source/git], reason: r, owner: o, expires: "2027-01-01" }]`;
    expect(run(accept(commit), [[git]]).outcome).toBe("allow");
    expect(run(accept("f".repeat(40)), [[git]]).outcome).toBe("block");
  });

  it("a link out of the project is the policy's to allow", () => {
    const problem = {
      code: "lockfile/link-outside",
      effect: "block",
      purl: path.purl,
      at: path.at,
      why: "",
      fix: "",
    } as const;
    expect(blocks(run(all("locked"), [[path]], {}, [problem]))).toContain("lockfile/link-outside");
    expect(run(`${all("locked")}\nsources: { path: allow }`, [[path]], {}, [problem]).outcome).toBe("allow");
  });
});

describe("T8: signed only, for selected scopes", () => {
  const policy = `require:
  - { ecosystem: npm, names: ["**"], level: locked }
  - { ecosystem: npm, names: ["@acme/**"], level: signed }`;
  it.each<[string, Verdict["level"], string]>([
    ["@acme/widget", "signed", "allow"],
    ["@acme/widget", "locked", "block"],
    ["@acme/deep/widget", "locked", "block"],
    ["@acme-x/widget", "locked", "allow"],
    ["left-pad", "locked", "allow"],
  ])("%s at %s", (name, level, outcome) => {
    const subject = locked(name);
    expect(run(policy, [[subject, judged(subject, level)]]).outcome).toBe(outcome);
  });
});

describe("registries", () => {
  const two = `${all("locked")}
registries:
  - { url: "${npmHost}", ecosystem: npm }
  - { url: "https://own.acme.example/", ecosystem: npm, scopes: ["@acme/**"], files: ["https://files.acme.example/"] }`;
  const at = (
    name: string,
    registry: string | null,
    url: string | null = null,
  ): readonly [LockedPackage, Verdict] => {
    const base = locked(name, { source: { kind: "registry", ecosystem: "npm", registry } });
    const subject = { ...base, artefacts: base.artefacts.map((artefact) => ({ ...artefact, url })) };
    return [subject, judged(subject, "signed")];
  };

  it.each<[string, readonly [LockedPackage, Verdict], string[]]>([
    ["one that the policy names", at("left-pad", npmHost), []],
    ["one that it does not", at("left-pad", "https://evil.example/"), ["source/registry"]],
    ["none that anybody knows", at("left-pad", null), ["source/registry"]],
    ["a path of a named host", at("left-pad", `${npmHost}other/`), ["source/registry"]],
    ["an exclusive name from its registry", at("@acme/x", "https://own.acme.example/"), []],
    ["an exclusive name from elsewhere", at("@acme/x", npmHost), ["source/scope"]],
    ["a name like an exclusive one", at("@acme-x/x", npmHost), []],
    ["a file on the registry's host", at("left-pad", npmHost, `${npmHost}left-pad/-/left-pad-1.0.0.tgz`), []],
    [
      "a file on a named file host",
      at("@acme/x", "https://own.acme.example/", "https://files.acme.example/x.tgz"),
      [],
    ],
    [
      "a file on another host",
      at("left-pad", npmHost, "https://evil.example/left-pad-1.0.0.tgz"),
      ["lockfile/resolved-foreign"],
    ],
    [
      "a file on another registry's file host",
      at("left-pad", npmHost, "https://files.acme.example/x.tgz"),
      ["lockfile/resolved-foreign"],
    ],
  ])("%s", (_, pair, expected) => {
    expect(blocks(run(two, [pair]))).toEqual(expected);
  });

  it.each([
    "ftp://evil.example/x.tgz",
    "//evil.example/x.tgz",
    "\\\\evil.example\\x.tgz",
    "file:///tmp/x.tgz",
  ])("a file at %s is on no registry's host", (url) => {
    expect(blocks(run(two, [at("left-pad", npmHost, url)]))).toEqual(["lockfile/resolved-foreign"]);
  });

  it("a file somewhere, of a registry that nobody knows, is unknown", () => {
    const pair = at("left-pad", null, "https://evil.example/x.tgz");
    expect(run(all("locked"), [pair])).toMatchObject({
      outcome: "incomplete",
      findings: [{ code: "source/files-unknown" }],
    });
  });

  it("an exclusive name from git is refused though git is allowed", () => {
    const git = locked("@acme/x", {
      source: { kind: "git", url: "https://git.example/x.git", commit: "a".repeat(40) },
      artefacts: [],
    });
    expect(blocks(run(`${two}\nsources: { git: allow }`, [[git]]))).toEqual(["source/scope"]);
  });

  it("where the policy names none, the manager's configuration does", () => {
    const pair = at("left-pad", "https://evil.example/");
    const registryOf = (): { address: string; configured: boolean } => ({
      address: "https://evil.example/",
      configured: false,
    });
    expect(blocks(run(all("locked"), [pair], { registryOf }))).toEqual(["lockfile/resolved-foreign"]);
    expect(run(all("locked"), [pair]).outcome).toBe("allow");
  });

  it("an address of the lockfile is not excused by where the manager would otherwise ask, unless it asks there", () => {
    const pair = at("left-pad", "https://other.example/", "https://other.example/left-pad-1.0.0.tgz");
    const fact = { address: npmHost, configured: true };
    for (const rules of [all("locked"), two]) {
      expect(run(rules, [pair], { registryOf: () => fact }).outcome).toBe("block");
      expect(run(rules, [pair], { registryOf: () => ({ ...fact, replaces: true }) }).outcome).toBe("allow");
    }
  });

  it("an index's files lie where its live listing says; without one that is unknown", () => {
    const rule = 'require: [{ ecosystem: pypi, names: ["**"], level: locked }]';
    const base = locked("six", { ecosystem: "pypi" });
    const six = {
      ...base,
      artefacts: base.artefacts.map((artefact) => ({ ...artefact, url: "https://files.example/six.whl" })),
    };
    const pair = [six, judged(six, "locked")] as const;
    expect(run(rule, [pair], { filesOf: () => ["https://files.example/"] }).outcome).toBe("allow");
    expect(blocks(run(rule, [pair], { filesOf: () => ["https://other.example/"] }))).toEqual([
      "lockfile/resolved-foreign",
    ]);
    expect(run(rule, [pair])).toMatchObject({
      outcome: "incomplete",
      findings: [{ code: "source/files-unknown" }],
    });
    const named = `${rule}\nregistries: [{ url: "${pypiHost}", ecosystem: pypi, files: ["https://files.example/"] }]`;
    expect(run(named, [pair]).outcome).toBe("allow");
  });
});

describe("exceptions", () => {
  const pair = [pkg, judged(pkg, "locked")] as const;
  it("accept what they name, and the report gives the reason", () => {
    const decision = run(`${all("signed")}\n${exception("signature/absent")}`, [pair]);
    expect(decision.outcome).toBe("allow");
    expect(decision.findings).toMatchObject([{ code: "signature/absent", effect: "note", exception: "old" }]);
  });
  it.each([
    ["another code", exception("attestation/absent"), "policy/exception-unused"],
    [
      "another digest",
      exception("signature/absent", "2027-06-30", `sha512:${"a".repeat(128)}`),
      "policy/exception-unused",
    ],
    ["another version", exception("signature/absent").replace("1.3.0", "1.3.1"), "policy/exception-unused"],
    ["an expired one", exception("signature/absent", "2026-11-20"), "policy/exception-expired"],
    ["one that expires today", exception("signature/absent", "2026-11-21"), "policy/exception-expired"],
  ])("of %s does not, and is noted", (_, line, note) => {
    const decision = run(`${all("signed")}\n${line}`, [pair]);
    expect(blocks(decision)).toEqual(["signature/absent"]);
    expect(codesOf(decision)).toContain(note);
  });
  it("of several the one that expires first counts", () => {
    const both = `${exception("signature/absent").slice(0, -1)}, ${exception("signature/absent", "2026-01-01").slice("exceptions: [".length)}`;
    const policy = policyOf(`${all("signed")}\n${both}`);
    expect(run(policy, [pair]).outcome).toBe("block");
    expect(run({ ...policy, exceptions: policy.exceptions.toReversed() }, [pair]).outcome).toBe("block");
  });
  it("the fix of a finding is an exception that accepts it", () => {
    const [finding] = run(all("signed"), [pair]).findings;
    const lines = finding?.fix.slice(finding.fix.indexOf("exceptions:"));
    expect(run(`${all("signed")}\n${lines}`, [pair]).outcome).toBe("allow");
  });
  it("accept a reader's problem too", () => {
    const problem = {
      code: "lockfile/resolved-mismatch",
      effect: "block",
      purl: pkg.purl,
      digest: pkg.artefacts[0]?.digest as Digest,
      at: pkg.at,
      why: "",
      fix: "",
    } as const;
    const signed = [pkg, judged(pkg, "signed")] as const;
    expect(run(all("signed"), [signed], {}, [problem]).outcome).toBe("block");
    expect(
      run(`${all("signed")}\n${exception("lockfile/resolved-mismatch")}`, [signed], {}, [problem]).outcome,
    ).toBe("allow");
  });
});

describe("age", () => {
  const published = (text: string, source: "log" | "unsigned" = "log"): Verdict =>
    judged(pkg, "signed", { published: { at: parseInstant(text) as number, source } });
  const rule = (unknown: string): string => `${all("signed")}\nage: { minimum: 72h${unknown} }`;
  it("blocks what is too young and says when it will do", () => {
    const decision = run(rule(""), [[pkg, published("2026-11-20T12:00:00Z")]]);
    expect(decision.findings).toMatchObject([
      { code: "age/too-young", requiredBy: "age.minimum (head.yaml:3)" },
    ]);
    expect(decision.findings[0]?.fix).toMatch(/^Wait until 2026-11-23T12:00:00Z/);
  });
  it("lets the ripe through to the second", () => {
    expect(run(rule(""), [[pkg, published("2026-11-18T12:00:00Z")]]).outcome).toBe("allow");
    expect(run(rule(""), [[pkg, published("2026-11-18T12:00:01Z")]]).outcome).toBe("block");
  });
  it.each([
    ["", "incomplete"],
    [", unknown: block", "incomplete"],
    [", unknown: warn", "allow"],
    [", unknown: note", "allow"],
  ])("an unknown time under unknown%s is %s", (unknown, outcome) => {
    expect(run(rule(unknown), [[pkg, judged(pkg, "signed")]]).outcome).toBe(outcome);
  });
  it.each([Number.NaN, Infinity, 1e300])("a time of %s is too young, and no crash", (at) => {
    expect(
      run(rule(""), [[pkg, judged(pkg, "signed", { published: { at, source: "unsigned" } })]]).outcome,
    ).toBe("block");
  });
});

describe("what cannot be decided yet", () => {
  const good = [[pkg, judged(pkg, "signed")]] as const;
  it("drift blocks, saying so", () => {
    const decision = run(`${all("signed")}\ndrift: { level: block }`, good);
    expect(decision).toMatchObject({
      outcome: "block",
      findings: [{ code: "drift/undecided", requiredBy: "drift (head.yaml:3)" }],
    });
  });
  it("an approval that nobody looked for blocks; a summary only stands in for evidence", () => {
    const seal = (text: string): string => `${all("signed")}\ngroups: { a: [x] }\nseal: { ${text} }`;
    expect(blocks(run(seal("approval: { signers: [a] }"), good))).toEqual(["seal/approval-missing"]);
    expect(run(seal("summary: { signers: [a], maxAge: 1d }"), good).outcome).toBe("allow");
  });
});

describe("modes", () => {
  const bad = [[pkg, judged(pkg, "locked")]] as const;
  it("warn allows, shows the block, and says what strict decides", () => {
    expect(run(`mode: warn\n${all("signed")}`, bad)).toMatchObject({
      mode: "warn",
      outcome: "allow",
      strict: "block",
      findings: [{ effect: "block" }],
    });
    expect(run(`mode: warn\n${all("signed")}`, [[pkg, offline(pkg)]])).toMatchObject({
      outcome: "allow",
      strict: "incomplete",
    });
  });
  it("disabled allows without a finding", () => {
    expect(run(`mode: disabled\n${all("signed")}`, bad)).toMatchObject({ outcome: "allow", findings: [] });
  });
  it("a policy without a mode is strict", () => {
    expect(run(all("signed"), bad).mode).toBe("strict");
  });
  it("what the run found elsewhere is decided with the rest", () => {
    const finding = { code: "settings/weakens", effect: "block", at: pkg.at, why: "", fix: "" } as const;
    expect(run(all("locked"), bad, { findings: [finding] }).outcome).toBe("block");
  });
});

describe("the built-in policy", () => {
  const builtIn = builtInPolicy([npmHost]);
  it("warns where keys are known and nothing is signed, and blocks nothing", () => {
    const decision = run(builtIn, [[pkg, judged(pkg, "locked")]]);
    expect(decision).toMatchObject({ outcome: "allow", strict: "block" });
    expect(codesOf(decision)).toEqual(["signature/absent", "policy/built-in"]);
    // Nothing could be added to a policy that is not there.
    expect(decision.findings[0]?.fix).not.toContain("exceptions:");
  });
  it("is content with locked where no keys are known", () => {
    expect(run(builtIn, [[pkg, judged(pkg, "locked", { registry: "https://mirror.example/" })]]).strict).toBe(
      "allow",
    );
    const six = locked("six", { ecosystem: "pypi" });
    expect(run(builtIn, [[six, judged(six, "locked", { registry: pypiHost })]]).strict).toBe("allow");
  });
  it("strict by a flag, it blocks", () => {
    expect(run({ ...builtIn, mode: "strict" }, [[pkg, judged(pkg, "locked")]]).outcome).toBe("block");
  });
});

describe("against the base lockfile", () => {
  const before = locked("parent", { requires: [{ as: "leaf", purl: "pkg:npm/leaf@1.0.0" }] });
  const note = (after: LockedPackage): string[] =>
    codesOf(run(all("locked"), [[after, judged(after, "locked")]], { baseline: setOf([before]) }));
  it("notes new packages, aliases and edges, and lets them pass", () => {
    expect(note(locked("newcomer"))).toEqual(["drift/new-package"]);
    expect(note({ ...before, aliases: ["leaf"] })).toEqual(["drift/alias"]);
    expect(
      note({ ...before, requires: [...before.requires, { as: "evil", purl: "pkg:npm/evil@1.0.0" }] }),
    ).toEqual(["drift/edge"]);
    expect(note({ ...before, requires: [{ as: "leaf", purl: "pkg:npm/other@1.0.0" }] })).toEqual([
      "drift/edge",
    ]);
  });
  it("does not call an update news", () => {
    expect(
      note({
        ...locked("parent", { version: "2.0.0" }),
        requires: [{ as: "leaf", purl: "pkg:npm/leaf@2.0.0" }],
      }),
    ).toEqual([]);
  });
});

describe("several lockfiles", () => {
  it("fold to the worst, and an exception is unused when none needed it", () => {
    const policy = policyOf(`${all("signed")}\n${exception("signature/absent")}`);
    const other = locked("other");
    const needs = run(policy, [[pkg, judged(pkg, "locked")]]);
    const idle = run(policy, [[other, judged(other, "signed")]]);
    expect(codesOf(idle)).toContain("policy/exception-unused");
    expect(codesOf(foldDecisions(needs, idle))).not.toContain("policy/exception-unused");
    expect(codesOf(foldDecisions(idle, idle))).toEqual(["policy/exception-unused"]);
    const missing = run(policy, [[other, offline(other)]]);
    expect(foldDecisions(needs, missing)).toMatchObject({
      outcome: "incomplete",
      counts: { byLevel: { locked: 1, unlocked: 1 } },
    });
  });
});

it("counts each package once, at its weakest", () => {
  const other = locked("other");
  expect(
    run(all("locked"), [
      [pkg, judged(pkg, "signed")],
      [other, judged(other, "locked")],
    ]).counts,
  ).toMatchObject({
    byLevel: { signed: 1, locked: 1, provenance: 0, unlocked: 0 },
    byOutcome: { verified: 2 },
  });
});
