import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codes, isCode } from "../codes.ts";
import { formatDigest, type Digest } from "../digest.ts";
import type { LockedPackage, Source } from "../lockfile/package-set.ts";
import { levels, type Verdict } from "../verify/verdict.ts";
import { builder, judged, layer, locked, npmHost, now, offline, pypiHost, run } from "../../test/decision.ts";
import { mergePolicy, tightenMode } from "./merge.ts";

const runs = { numRuns: 400 };
const own = "https://own.acme.example/";
const names = ["left-pad", "@acme/widget", "six"] as const;
const allCodes = Object.keys(codes).filter(isCode);

const source: fc.Arbitrary<Source> = fc.constantFrom<Source>(
  { kind: "registry", ecosystem: "npm", registry: npmHost },
  { kind: "registry", ecosystem: "npm", registry: npmHost },
  { kind: "registry", ecosystem: "npm", registry: npmHost },
  { kind: "registry", ecosystem: "npm", registry: own },
  { kind: "registry", ecosystem: "npm", registry: null },
  { kind: "registry", ecosystem: "pypi", registry: pypiHost },
  { kind: "url", url: "https://elsewhere.example/a.tgz" },
  { kind: "git", url: "https://git.example/a.git", commit: "a".repeat(40) },
  { kind: "path", path: "../a", workspace: false },
  { kind: "path", path: "a", workspace: true },
  { kind: "bundled", in: "pkg:npm/parent@1.0.0", paths: [] },
);

const subject: fc.Arbitrary<LockedPackage> = fc
  .tuple(fc.constantFrom(...names), source, fc.constantFrom("1.0.0", "1.1.0"))
  .map(([name, from, version]) =>
    locked(name, { source: from, version, ecosystem: from.kind === "registry" ? from.ecosystem : "npm" }),
  );

const verdictOf = (pkg: LockedPackage): fc.Arbitrary<Verdict> =>
  fc
    .record({
      level: fc.constantFrom(...levels),
      kind: fc.constantFrom("plain", "plain", "plain", "offline", "refused"),
      repository: fc.constantFrom("acme/widgets", "mallory/widgets"),
      published: fc.constantFrom(null, now - 1000, now - 1e10),
      slsaBuild: fc.constantFrom<0 | 1 | 2 | 3>(0, 2, 3),
    })
    .map(({ level, kind, repository, published, slsaBuild }) => {
      if (kind === "offline") return offline(pkg);
      const verdict = judged(pkg, level, {
        slsaBuild,
        published: published === null ? null : { at: published, source: "log" },
        ...(level === "provenance" && { identity: { ...builder, repository } }),
      });
      if (kind === "plain") return verdict;
      return {
        ...verdict,
        outcome: "refused",
        claims: [{ name: "listing", status: "fail", code: "listing/mismatch" }],
      };
    });

const pair = subject.chain((pkg) =>
  fc.tuple(fc.constant(pkg), fc.option(verdictOf(pkg), { nil: undefined, freq: 8 })),
);
const pairs = fc.array(pair, { maxLength: 4 });

const level = fc.constantFrom("locked", "signed", "provenance");
const globs = fc.constantFrom('["**"]', '["**"]', '["@acme/**"]', '["**", "!@acme/**"]', '["left-*"]');
const rule = fc
  .tuple(fc.constantFrom("npm", "npm", "pypi"), globs, level, fc.boolean())
  .map(([ecosystem, list, at, named]) => {
    const wanted = ecosystem === "pypi" && at === "signed" ? "locked" : at;
    const identities = named && wanted === "provenance" ? ", identities: [release]" : "";
    return `  - { ecosystem: ${ecosystem}, names: ${list}, level: ${wanted}${identities} }`;
  });
const maybe = (...lines: readonly string[]): fc.Arbitrary<string> => fc.constantFrom("", "", ...lines);
const exceptionFor = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom("1.0.0", "1.1.0"), fc.constantFrom(...allCodes))
  .map(([name, version, code]) => {
    const pkg = locked(name, { version });
    const digest = formatDigest(pkg.artefacts[0]?.digest as Digest);
    return (expires: string): string =>
      `  - { purl: "${pkg.purl}", digest: "${digest}", codes: [${code}, signature/absent, listing/absent], reason: r, owner: o, expires: "${expires}" }`;
  });

/** A policy file of any strictness, without `delegate`: that hands authority down on purpose. */
const file = (expiries: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      maybe("mode: strict", "mode: warn"),
      fc.array(rule, { maxLength: 3 }),
      fc.constantFrom("acme/widgets", "mallory/widgets", "*/*"),
      fc.constantFrom(0, 2, 3),
      maybe(
        `registries: [{ url: "${npmHost}", ecosystem: npm }]`,
        `registries: [{ url: "${npmHost}", ecosystem: npm }, { url: "${own}", ecosystem: npm, scopes: ["@acme/**"] }]`,
        `registries: [{ url: "${own}", ecosystem: npm }]`,
      ),
      maybe(
        "sources: { git: allow, url: allow }",
        "sources: { path: allow, bundled: allow }",
        "sources: { git: warn, url: deny, path: deny }",
      ),
      maybe(
        "age: { minimum: 1h }",
        "age: { minimum: 72h, unknown: note }",
        "age: { minimum: 1m, unknown: warn }",
      ),
      maybe(
        "drift: { level: block }",
        "drift: { newPackage: note, alias: note, level: note, repository: note, owner: note, workflow: note, ref: note }",
      ),
      maybe("groups: { a: [x] }\nseal: { approval: { signers: [a] } }"),
      fc.array(fc.tuple(exceptionFor, fc.constantFrom(...expiries)), { maxLength: 3 }),
    )
    .map(([mode, rules, repository, slsa, registries, sources, age, drift, seal, exceptions]) =>
      [
        "version: 1",
        mode,
        ...(rules.length === 0 ? [] : ["require:", ...rules]),
        `identities: { release: { issuer: github, repository: "${repository}", slsaBuild: ${slsa} } }`,
        registries,
        sources,
        age,
        drift,
        seal,
        ...(exceptions.length === 0
          ? []
          : ["exceptions:", ...exceptions.map(([write, expires]) => write(expires))]),
      ]
        .filter((part) => part !== "")
        .join("\n"),
    );

const anyFile = file(["2027-01-01", "2026-01-01"]);

describe("for every policy and lockfile", () => {
  it("a lower layer never turns a block into an allow, in strict or as the mode says", () => {
    let refusals = 0;
    fc.assert(
      fc.property(anyFile, anyFile, anyFile, pairs, (managed, base, head, packages) => {
        const [top, middle, low] = [layer(managed, "managed"), layer(base, "base"), layer(head, "head")];
        const stages = [[top], [top, middle], [top, middle, low]].map((layers) =>
          run(mergePolicy(layers, now), packages),
        );
        for (const [index, decision] of stages.entries()) {
          const above = stages[index - 1];
          if (above === undefined) continue;
          if (above.strict !== "allow") expect(decision.strict).not.toBe("allow");
          if (above.strict === "block") expect(decision.strict).toBe("block");
          if (above.outcome !== "allow") expect(decision.outcome).not.toBe("allow");
          if (above.strict !== "allow") refusals += 1;
        }
      }),
      runs,
    );
    expect(refusals).toBeGreaterThan(10);
  });

  it("a lower layer never takes a demand away, finding by finding", () => {
    fc.assert(
      fc.property(anyFile, anyFile, pairs, (managed, head, packages) => {
        const key = ({ code, purl, digest }: { code: string; purl?: string; digest?: unknown }): string =>
          JSON.stringify([code, purl, digest]);
        const blocking = (layers: Parameters<typeof mergePolicy>[0]): Set<string> =>
          new Set(
            run(mergePolicy(layers, now), packages)
              .findings.filter(({ effect }) => effect === "block")
              .map(key),
          );
        const after = blocking([layer(managed, "managed"), layer(head, "head")]);
        for (const demand of blocking([layer(managed, "managed")])) {
          // Who built it and how far it may be trusted can fail in another way once both layers' patterns count.
          if (!/identity\/|slsa\/|source\/registry|resolved-foreign/.test(demand))
            expect(after).toContain(demand);
        }
      }),
      runs,
    );
  });

  it("a stricter mode never turns a block into an allow", () => {
    fc.assert(
      fc.property(
        anyFile,
        pairs,
        fc.constantFrom("disabled" as const, "warn" as const, "strict" as const),
        (text, packages, mode) => {
          const policy = mergePolicy([layer(text)], now);
          if (run(policy, packages).outcome !== "allow") {
            expect(run(tightenMode(policy, mode, "--mode"), packages).outcome).not.toBe("allow");
          }
        },
      ),
      runs,
    );
  });

  it("D38: an expired exception never allows", () => {
    fc.assert(
      fc.property(file(["2026-11-21", "2026-11-20", "2020-01-01"]), pairs, (text, packages) => {
        const policy = mergePolicy([layer(text)], now);
        const without = run({ ...policy, exceptions: [] }, packages);
        const decision = run(policy, packages);
        expect([decision.outcome, decision.strict]).toEqual([without.outcome, without.strict]);
        expect(decision.findings.some(({ exception }) => exception !== undefined)).toBe(false);
      }),
      runs,
    );
  });

  it("the order of packages, verdicts, rules and exceptions never matters", () => {
    fc.assert(
      fc.property(anyFile, pairs, fc.infiniteStream(fc.nat(1000)), (text, packages, numbers) => {
        const shuffled = <T>(list: readonly T[]): T[] =>
          list
            .map((item) => ({ item, by: numbers.next().value as number }))
            .toSorted((a, b) => a.by - b.by)
            .map(({ item }) => item);
        const policy = mergePolicy([layer(text)], now);
        const again = {
          ...policy,
          require: shuffled(policy.require),
          exceptions: shuffled(policy.exceptions),
          registries: shuffled(policy.registries),
        };
        const { findings, ...rest } = run(policy, packages);
        const other = run(again, shuffled(packages));
        expect({ ...rest }).toEqual({
          mode: other.mode,
          outcome: other.outcome,
          strict: other.strict,
          counts: other.counts,
        });
        expect(other.findings).toEqual(findings);
      }),
      runs,
    );
  });

  it("a package of a registry that no rule matches is blocked", () => {
    fc.assert(
      fc.property(anyFile, pairs, (text, packages) => {
        const policy = mergePolicy([layer(text)], now);
        const none = { ...policy, require: [], exceptions: [] };
        const decision = run(none, packages);
        for (const [pkg] of packages) {
          if (pkg.source.kind !== "registry") continue;
          expect(decision.strict).toBe("block");
          expect(decision.findings).toContainEqual(
            expect.objectContaining({ code: "policy/no-rule", effect: "block", purl: pkg.purl }),
          );
        }
      }),
      runs,
    );
  });

  it("every finding is complete in itself", () => {
    fc.assert(
      fc.property(anyFile, anyFile, pairs, (managed, head, packages) => {
        const policy = mergePolicy([layer(managed, "managed"), layer(head, "head")], now);
        for (const finding of run(policy, packages).findings) {
          expect(finding.why.length).toBeGreaterThan(10);
          expect(finding.fix.length).toBeGreaterThan(5);
          expect(finding.at.line).toBeGreaterThan(0);
        }
      }),
      runs,
    );
  });
});
