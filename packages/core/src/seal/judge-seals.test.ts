import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { now, policyOf, setOf } from "../../test/decision.ts";
import {
  alice,
  bob,
  claimOf,
  contextOf,
  day,
  everybody,
  hmacSeal,
  issued,
  newSigner,
  robot,
  rootOf,
  sealOf,
  sha256,
  signerOf,
  subject,
  trustOf,
  type SealFile,
} from "../../test/sealing.ts";
import { formatInstant } from "../instant.ts";
import { decide, decideSealed } from "../policy/decide.ts";
import { lockfileContext } from "../policy/context.ts";
import type { Policy } from "../policy/policy.ts";
import { judgeSeals, type JudgementContext } from "./judge-seals.ts";
import type { LockfileClaim, SealStatement, SealSubject } from "./claim.ts";
import type { TrustRoot } from "./trust-root.ts";
import type { SealJudgement } from "./verdict.ts";
import { verifySeal } from "./verify-seal.ts";

const policy = (seal: string): Policy =>
  policyOf(`mode: strict
require: [{ names: ["**"], level: locked }]
groups: { maintainers: [alice, bob], ci: [release-bot] }
seal: ${seal}`);
const approval = policy("{ approval: { threshold: 1, signers: [maintainers] } }");
const both = policy("{ approval: { threshold: 2, signers: [maintainers] } }");
const summary = policy("{ summary: { signers: [ci], maxAge: 30d } }");

const judge = (
  seals: readonly SealFile[],
  under: Policy,
  change: Partial<JudgementContext> = {},
  root: TrustRoot = everybody,
): SealJudgement =>
  judgeSeals(
    seals.map(({ file, bytes }) => verifySeal(file, bytes, contextOf(), trustOf(root))),
    under,
    { path: "package-lock.json", root, refused: false, approvedAtBase: [], now, ...change },
  );
const blocks = ({ findings }: SealJudgement): string[] =>
  findings.filter(({ effect }) => effect === "block").map(({ code }) => code);
const codes = ({ findings }: SealJudgement): string[] => findings.map(({ code }) => code).toSorted();

describe("the two claims and what they do", () => {
  it.each([
    { claim: "approval", under: approval, missing: false, replaces: false },
    { claim: "approval", under: summary, missing: false, replaces: false },
    { claim: "summary", under: approval, missing: true, replaces: false },
    { claim: "summary", under: summary, missing: false, replaces: true },
  ] as const)("$claim", ({ claim, under, missing, replaces }) => {
    const judgement = judge([sealOf(claim === "approval" ? alice : robot, claim)], under);
    expect(blocks(judgement)).toEqual(missing ? ["seal/approval-missing"] : []);
    expect(judgement.summary !== null).toBe(replaces);
  });

  it("a summary of somebody who may only approve replaces nothing", () => {
    const judgement = judge([sealOf(alice, "summary")], summary);
    expect(judgement.summary).toBeNull();
    expect(codes(judgement)).toEqual(["seal/summary-unused"]);
  });

  it("a summary under an expired trust store replaces nothing: a newer one may have revoked its signer", () => {
    const judgement = judge([sealOf(robot, "summary")], summary, {}, { ...everybody, expires: now });
    expect(judgement.summary).toBeNull();
    expect(judgement.findings.map(({ why }) => why).join()).toContain("the trust store has expired");
  });

  it("an approval of somebody who is in no group of the policy counts for nothing", () => {
    expect(blocks(judge([sealOf(robot)], approval))).toEqual(["seal/approval-missing"]);
  });

  it.each([
    ["another policy", { policy: sha256("other") }],
    ["too old", { issuedAt: now - 31 * day }],
    ["expired", { expires: now - day }],
    ["another closure", { resources: [] }],
  ] as const)("a summary with %s replaces nothing", (_, change) => {
    const judgement = judge([sealOf(robot, "summary", change)], summary);
    expect(judgement.summary).toBeNull();
    expect(codes(judgement)).toContain("seal/summary-unused");
    expect(blocks(judgement)).toEqual([]);
  });

  it("a summary ends with the policy's age, or before by its own word", () => {
    const expires = (days: number): number | null | undefined =>
      judge([sealOf(robot, "summary", { expires: issued + days * day })], summary).summary?.expires;
    expect(expires(60)).toBe(issued + 30 * day);
    expect(expires(14)).toBe(issued + 14 * day);
  });

  it("of several summaries the newest counts", () => {
    const judgement = judge(
      [sealOf(robot, "summary", { issuedAt: issued - day }), sealOf(robot, "summary")],
      summary,
    );
    expect(judgement.summary?.issuedAt).toBe(issued);
  });
});

describe("approvals are counted by signer", () => {
  it("two seals of one signer are one approval, so are a second key's and a malleated one's", () => {
    const second = newSigner("alice", "p256");
    const root = rootOf([signerOf("alice", [alice.key, second.key]), signerOf("bob", [bob.key])]);
    const twice = [sealOf(alice), sealOf(alice, "approval", { issuedAt: issued - 1000 }), sealOf(second)];
    expect(judge(twice, both, {}, root)).toMatchObject({ approvals: ["alice"] });
    expect(blocks(judge(twice, both, {}, root))).toEqual(["seal/approval-missing"]);
    expect(blocks(judge([...twice, sealOf(bob)], both, {}, root))).toEqual([]);
  });

  it("a shared secret counts where one approval is enough, and never towards several", () => {
    const { key, seal } = hmacSeal("alice", "SECRET", Buffer.alloc(32, 7));
    const root = rootOf([signerOf("alice", [key]), signerOf("bob", [bob.key])]);
    const judged = (under: Policy): SealJudgement =>
      judgeSeals(
        [seal, sealOf(bob)].map(({ file, bytes }) =>
          verifySeal(file, bytes, contextOf(), trustOf(root, new Map([["SECRET", Buffer.alloc(32, 7)]]))),
        ),
        under,
        { path: "package-lock.json", root, refused: false, approvedAtBase: [], now },
      );
    expect(judged(approval).approvals).toEqual(["alice", "bob"]);
    expect(judged(both).approvals).toEqual(["bob"]);
  });

  it("whatever seals lie there besides, and in whatever order", () => {
    const pool = [
      sealOf(alice),
      sealOf(bob),
      sealOf(robot),
      sealOf(newSigner("mallory")),
      sealOf(alice, "summary"),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(pool), (seals) => {
        const { approvals } = judge(seals, both);
        expect(approvals).toEqual(
          [alice, bob].filter((_, index) => seals.includes(pool[index] as SealFile)).map(({ id }) => id),
        );
      }),
    );
  });
});

describe("what counts for nothing is listed", () => {
  it("a bad signature is a note and does not block by itself", () => {
    const judgement = judge([sealOf(alice), sealOf(newSigner("mallory"))], approval);
    expect(blocks(judgement)).toEqual([]);
    expect(codes(judgement)).toEqual(["seal/key-unknown"]);
  });

  it("says how many more where there are too many to list", () => {
    const mallory = newSigner("mallory");
    const seals = Array.from({ length: 25 }, (_, index) =>
      sealOf(mallory, "approval", { issuedAt: issued + index * 1000 }),
    );
    const notes = judge(seals, summary).findings.filter(({ code }) => code === "seal/key-unknown");
    expect(notes).toHaveLength(20);
    expect(notes.at(-1)?.why).toContain("5 more");
  });

  it("names whom the policy knows and the trust store does not", () => {
    const root = rootOf([signerOf("alice", [alice.key])]);
    const unknown = judge([sealOf(alice)], approval, {}, root).findings.find(
      ({ code }) => code === "trust/signer-unknown",
    );
    expect(unknown?.why).toContain("bob");
  });

  it("without a trust store nothing counts", () => {
    expect(blocks(judge([sealOf(alice)], approval, { root: null }))).toEqual(["seal/approval-missing"]);
  });
});

describe("going back to an older lockfile", () => {
  const other: SealSubject = { path: subject.path, digest: sha256("newer") };
  const resources = [{ name: "app/package.json", digest: sha256("newer") }];
  /** What somebody approved at the base, a second before or after the seals under test were issued. */
  const atBase = (later: number, about: SealSubject, change: Partial<LockfileClaim> = {}): SealStatement => ({
    kind: "approval",
    subject: about,
    claim: claimOf(bob, { issuedAt: issued + later, ...change }),
    verifier: null,
  });
  const under = (...approvedAtBase: SealStatement[]): SealJudgement =>
    judge([sealOf(alice)], approval, { approvedAtBase });

  it.each([
    ["lockfile", atBase(1000, other)],
    ["closure of the same lockfile", atBase(1000, subject, { resources })],
  ])("an approval older than the base's newest of another %s is a rollback", (_, statement) => {
    const judgement = under(atBase(-1000, other), statement);
    expect(blocks(judgement)).toEqual(["seal/approval-missing"]);
    expect(judgement.verdicts[0]).toMatchObject({ outcome: "failed", code: "seal/rollback" });
    expect(judgement.verdicts[0]?.claims.find(({ name }) => name === "time")).toMatchObject({
      status: "fail",
      expected: `from ${formatInstant(issued + 1000)}`,
    });
  });

  it("is mended by merging, and what a machine has otherwise by restoring: pruning would take away what is good", () => {
    const fixOf = ({ findings }: SealJudgement, wanted: string): string | undefined =>
      findings.find(({ code }) => code === wanted)?.fix;
    expect(fixOf(under(atBase(1000, other)), "seal/rollback")).toContain("Merge");
    const changed = judge([sealOf(alice, "approval", { resources })], approval);
    expect(fixOf(changed, "seal/closure-changed")).toContain("git status");
  });

  it("one of the same moment or of the same state, or a summary, is none", () => {
    expect(blocks(under(atBase(0, other)))).toEqual([]);
    expect(blocks(under(atBase(1000, subject)))).toEqual([]);
    const approvedAtBase = [atBase(1000, other)];
    expect(judge([sealOf(robot, "summary")], summary, { approvedAtBase }).summary).not.toBeNull();
  });
});

describe("the decision", () => {
  const set = setOf([]);
  it("an approval that nobody looked for is missing", () => {
    const { outcome, findings } = decide(set, [], approval, lockfileContext, now);
    expect([outcome, findings.map(({ code }) => code)]).toEqual(["block", ["seal/approval-missing"]]);
  });

  it("an approval that counts lets the rest decide", () => {
    const seals = judge([sealOf(alice)], approval);
    expect(decide(set, [], approval, { ...lockfileContext, seals }, now).outcome).toBe("allow");
  });

  it("a summary counts its packages at the levels that were found, and hides no other finding", () => {
    const seals = judge([sealOf(robot, "summary")], summary);
    const claim = seals.summary?.statement?.claim;
    if (claim === undefined) throw new Error("no summary");
    const context = { ...lockfileContext, seals };
    const decision = decideSealed(set, claim, summary, context, now);
    expect(decision).toMatchObject({
      outcome: "allow",
      counts: { byLevel: { locked: 1, signed: 1, provenance: 1 }, byOutcome: { verified: 3 } },
    });
    const weakened = {
      code: "settings/weakens",
      effect: "block",
      at: { path: ".npmrc", line: 1, column: 1 },
      why: "",
      fix: "",
    } as const;
    expect(decideSealed(set, claim, summary, { ...context, findings: [weakened] }, now).outcome).toBe(
      "block",
    );
  });

  it("an approval that is missing blocks a summarised lockfile too", () => {
    const under = policy(
      "{ approval: { threshold: 1, signers: [maintainers] }, summary: { signers: [ci], maxAge: 30d } }",
    );
    const seals = judge([sealOf(robot, "summary")], under);
    const claim = seals.summary?.statement?.claim;
    if (claim === undefined) throw new Error("no summary");
    expect(decideSealed(set, claim, under, { ...lockfileContext, seals }, now).outcome).toBe("block");
  });
});
