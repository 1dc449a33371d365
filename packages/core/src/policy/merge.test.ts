import { describe, expect, it } from "vitest";
import { blocks, judged, layer, locked, npmHost, now, policyOf, run } from "../../test/decision.ts";
import { builtInPolicy } from "./built-in.ts";
import { mergePolicy, tightenMode } from "./merge.ts";
import type { Policy } from "./policy.ts";

const merge = (managed: string, head: string): Policy =>
  mergePolicy([layer(head, "head"), layer(managed, "managed")], now);
const loosened = (policy: Policy): string[] => policy.problems.map(({ code, at }) => `${code} ${at.path}`);

const registry = (more: string): string => `registries: [{ url: "${npmHost}", ecosystem: npm${more} }]`;
const identity = (more: string): string => `identities: { a: { issuer: github, owner: acme${more} } }`;
const groups = "groups: { one: [alice], two: [alice, bob], other: [mallory] }";
const exception = (code: string, expires = "2026-12-01", name = "left-pad"): string =>
  `exceptions: [{ purl: "pkg:npm/${name}@1.0.0", digest: "sha256:${"a".repeat(64)}", codes: [${code}], reason: r, owner: o, expires: "${expires}" }]`;
const delegated = 'delegate: { exceptions: { codes: [signature/absent], maxDays: 30, names: ["left-*"] } }';

describe("a merge with a looser layer is refused, and the stricter value stays", () => {
  it.each<[string, string, string]>([
    ["mode", "mode: strict", "mode: warn"],
    ["mode, where the higher layer leaves it at strict", "age: { minimum: 1h }", "mode: warn"],
    ["mode disabled", "mode: warn", "mode: disabled"],
    [
      "a registry",
      registry(""),
      `registries: [{ url: "${npmHost}", ecosystem: npm }, { url: "https://evil.example/", ecosystem: npm }]`,
    ],
    ["a registry where none is named", "mode: strict", registry("")],
    [
      "a registry of another ecosystem",
      registry(""),
      `registries: [{ url: "${npmHost}", ecosystem: npm }, { url: "${npmHost}", ecosystem: pypi }]`,
    ],
    ["speaksFor", registry(""), registry(", speaksFor: public")],
    ["another speaksFor", registry(", speaksFor: public"), registry(', speaksFor: "https://evil.example/"')],
    ["keys", registry(", keys: a.json"), registry(", keys: b.json")],
    ["keys where there are none", registry(""), registry(", keys: b.json")],
    ["evidenceFrom", registry(""), registry(', evidenceFrom: ["https://evil.example/"]')],
    [
      "files",
      registry(', files: ["https://files.acme.example/"]'),
      registry(', files: ["https://evil.example/"]'),
    ],
    ["sources.git", "sources: { git: warn }", "sources: { git: allow }"],
    ["sources.git below the default", "mode: strict", "sources: { git: allow }"],
    ["sources.url", "sources: { url: deny }", "sources: { url: warn }"],
    ["sources.path", "sources: { path: workspace }", "sources: { path: allow }"],
    ["sources.bundled", "sources: { bundled: inspect }", "sources: { bundled: allow }"],
    ["drift", "drift: { level: block }", "drift: { level: warn }"],
    ["drift below the default of its kind", "drift: { level: block }", "drift: { owner: note }"],
    ["age.minimum", "age: { minimum: 72h }", "age: { minimum: 1h }"],
    ["age.unknown", "age: { minimum: 72h, unknown: block }", "age: { minimum: 72h, unknown: note }"],
    ["age.unknown left at block", "age: { minimum: 72h }", "age: { minimum: 72h, unknown: warn }"],
    [
      "the threshold of approvals",
      `${groups}\nseal: { approval: { threshold: 2, signers: [two] } }`,
      `${groups}\nseal: { approval: { threshold: 1, signers: [two] } }`,
    ],
    [
      "signers of approvals",
      `${groups}\nseal: { approval: { signers: [two] } }`,
      `${groups}\nseal: { approval: { signers: [other] } }`,
    ],
    [
      "a group under the same name",
      `${groups}\nseal: { approval: { signers: [one] } }`,
      "groups: { one: [mallory] }\nseal: { approval: { signers: [one] } }",
    ],
    [
      "summaries where none are accepted",
      "mode: strict",
      `${groups}\nseal: { summary: { signers: [one], maxAge: 1d } }`,
    ],
    [
      "signers of summaries",
      `${groups}\nseal: { summary: { signers: [one], maxAge: 1d } }`,
      `${groups}\nseal: { summary: { signers: [two], maxAge: 1d } }`,
    ],
    [
      "age of summaries",
      `${groups}\nseal: { summary: { signers: [one], maxAge: 1d } }`,
      `${groups}\nseal: { summary: { signers: [one], maxAge: 2d } }`,
    ],
    ["trust.maxAge", "trust: { maxAge: 30d }", "trust: { maxAge: 31d }"],
    ["trust.maxAge above the default", "mode: strict", "trust: { maxAge: 91d }"],
    ["trust.log", "trust: { log: 2 }", "trust: { log: 1 }"],
    ["roots", "mode: strict", "trust: { roots: [evil.json] }"],
    ["other roots", "trust: { roots: [a.json] }", "trust: { roots: [a.json, evil.json] }"],
    ["an exception", "mode: strict", exception("signature/absent")],
    ["an exception of a code that is not delegated", delegated, exception("attestation/absent")],
    ["an exception that outlives the delegation", delegated, exception("signature/absent", "2027-06-30")],
    [
      "an exception for a name that is not delegated",
      delegated,
      exception("signature/absent", "2026-12-01", "other"),
    ],
    [
      "an exception of what contradicts",
      'delegate: { exceptions: { codes: [signature/invalid], maxDays: 30, names: ["**"] } }',
      exception("signature/invalid"),
    ],
    [
      "a longer exception than the higher layer's",
      exception("signature/absent", "2026-12-01"),
      exception("signature/absent", "2026-12-02"),
    ],
  ])("%s", (_, managed, head) => {
    const alone = mergePolicy([layer(managed, "managed")], now);
    const merged = merge(managed, head);
    expect(loosened(merged)).toContain("policy/loosens head.yaml");
    expect(blocks(run(merged, []))).toContain("policy/loosens");
    const { problems: _p, layers: _l, origins: _o, identities: _i, ...effective } = merged;
    expect(alone).toMatchObject(effective);
  });

  it("a layer in between delegates nothing of its own", () => {
    const layers = [
      layer("mode: strict", "managed"),
      layer(delegated, "base"),
      layer(exception("signature/absent"), "head"),
    ];
    const merged = mergePolicy(layers, now);
    expect(loosened(merged)).toContain("policy/loosens head.yaml");
    expect(merged.exceptions).toEqual([]);
  });

  it("blocks in warn mode, and in disabled only when the highest layer does not say so", () => {
    expect(run(merge("mode: warn", "sources: { git: allow }"), []).outcome).toBe("block");
    const disabled = run(merge("mode: disabled", "sources: { git: allow }"), []);
    expect(disabled).toMatchObject({ outcome: "allow", findings: [] });
  });
});

describe("tightening is silent", () => {
  it.each<[string, string, string, object]>([
    ["mode", "mode: warn", "mode: strict", { mode: "strict" }],
    [
      "sources",
      "sources: { git: allow, path: allow }",
      "sources: { git: deny, path: workspace }",
      { sources: { git: "deny", path: "workspace" } },
    ],
    [
      "drift where there is none",
      "mode: warn",
      "drift: { level: note }",
      { drift: { level: "note", owner: "block" } },
    ],
    [
      "age",
      "age: { minimum: 1h, unknown: note }",
      "age: { minimum: 72h, unknown: block }",
      { age: { minimum: 72 * 3_600_000, unknown: "block" } },
    ],
    [
      "approvals where there are none",
      "mode: warn",
      `${groups}\nseal: { approval: { signers: [one] } }`,
      { seal: { approval: { threshold: 1, signers: ["alice"] } } },
    ],
    [
      "fewer signers, threshold unsaid",
      `${groups}\nseal: { approval: { threshold: 1, signers: [two] } }`,
      `${groups}\nseal: { approval: { signers: [one] } }`,
      { seal: { approval: { threshold: 1, signers: ["alice"] } } },
    ],
    [
      "a threshold that the lower layer leaves out",
      `${groups}\nseal: { approval: { threshold: 2, signers: [two] } }`,
      `${groups}\nseal: { approval: { signers: [two] } }`,
      { seal: { approval: { threshold: 2 } } },
    ],
    [
      "trust",
      "mode: warn",
      "trust: { maxAge: 1d, log: 2 }",
      { trust: { maxAge: 86_400_000, log: 2, sct: 1 } },
    ],
    [
      "the same roots",
      "trust: { roots: [a.json] }",
      "trust: { roots: [a.json] }",
      { trust: { roots: ["a.json"] } },
    ],
    [
      "scopes",
      registry(', scopes: ["@acme/**"]'),
      registry(', scopes: ["@other/**"]'),
      { registries: [{ scopes: ["@acme/**", "@other/**"] }] },
    ],
    [
      "the same registry, its trust unsaid",
      registry(", speaksFor: public, keys: a.json"),
      registry(""),
      { registries: [{ speaksFor: "public", keys: "a.json", layer: "managed" }] },
    ],
    ["a delegated exception", delegated, exception("signature/absent"), { exceptions: [{ layer: "head" }] }],
    ["a higher exception repeated", exception("signature/invalid"), exception("signature/invalid"), {}],
    ["an expired exception", "mode: strict", exception("signature/absent", "2026-01-01"), {}],
  ])("%s", (_, managed, head, expected) => {
    const merged = merge(managed, head);
    expect(merged.problems).toEqual([]);
    expect(merged).toMatchObject(expected);
  });

  it("of a file with itself changes nothing", () => {
    const file = `${registry(', speaksFor: public, scopes: ["@acme/**"]')}\n${exception("signature/invalid")}\n${delegated}\ntrust: { roots: [a.json] }`;
    const merged = mergePolicy([layer(file, "base"), layer(file, "head")], now);
    expect(merged.problems).toEqual([]);
  });
});

it("keys are those of the layer that first names the registry, though a lower one repeats the path", () => {
  expect(merge(registry(", keys: a.json"), registry(", keys: a.json")).registries[0]?.layer).toBe("managed");
});

it("a registry left out by a lower layer is closed, and its scopes stay its own", () => {
  const managed = `require: [{ names: ["**"], level: locked }]\nregistries: [{ url: "${npmHost}", ecosystem: npm }, { url: "https://own.acme.example/", ecosystem: npm, scopes: ["@acme/**"] }]`;
  const merged = merge(managed, registry(""));
  expect(merged.problems).toEqual([]);
  const stolen = locked("@acme/widget");
  expect(blocks(run(merged, [[stolen, judged(stolen, "signed")]]))).toEqual(["source/scope"]);
  const own = locked("@acme/widget", {
    source: { kind: "registry", ecosystem: "npm", registry: "https://own.acme.example/" },
  });
  expect(blocks(run(merged, [[own, judged(own, "signed")]]))).toEqual(["source/registry"]);
});

it("an identity of both layers must match both", () => {
  const rule = '\nrequire: [{ names: ["**"], level: provenance, identities: [a] }]';
  const pkg = locked("left-pad");
  const pair = [[pkg, judged(pkg, "provenance")]] as const;
  const managed = identity(", repository: acme/widgets") + rule;
  expect(run(merge(managed, identity(', ref: "refs/tags/v*"') + rule), pair).outcome).toBe("allow");
  expect(blocks(run(merge(managed, identity(", ref: refs/heads/main") + rule), pair))).toEqual([
    "identity/mismatch",
  ]);
  expect(blocks(run(merge(managed, "identities: { a: { issuer: gitlab, owner: mallory } }"), pair))).toEqual([
    "identity/mismatch",
  ]);
  const elsewhere = merge(identity(", repository: acme/other") + rule, identity("") + rule);
  expect(blocks(run(elsewhere, pair))).toEqual(["identity/mismatch"]);
});

it("rules of all layers apply, and a lower one lets nothing in that the highest leaves out", () => {
  const left = locked("left-pad");
  const other = locked("other");
  const merged = merge(
    "require: [{ ecosystem: npm, names: [left-pad], level: locked }]",
    'require: [{ ecosystem: npm, names: ["**"], level: signed }]',
  );
  const decision = run(merged, [
    [left, judged(left, "locked")],
    [other, judged(other, "signed")],
  ]);
  expect(blocks(decision)).toEqual(["signature/absent", "policy/no-rule"]);
  expect(decision.findings[0]?.requiredBy).toBe("require[0] (head.yaml:2)");
});

it("base stands between managed and head", () => {
  const layers = [layer("mode: warn", "head"), layer("mode: strict", "base"), layer("mode: warn", "managed")];
  const merged = mergePolicy(layers, now);
  expect(merged.layers.map(({ kind }) => kind)).toEqual(["managed", "base", "head"]);
  expect(merged.mode).toBe("strict");
  expect(loosened(merged)).toEqual(["policy/loosens head.yaml"]);
});

describe("a mode from a flag or variable", () => {
  it("tightens", () => {
    expect(tightenMode(policyOf("mode: warn"), "strict", "--mode")).toMatchObject({
      mode: "strict",
      problems: [],
    });
  });
  it.each(["warn", "disabled"] as const)("does not loosen to %s", (mode) => {
    const policy = tightenMode(policyOf("mode: strict"), mode, "--mode");
    expect(policy.mode).toBe("strict");
    expect(blocks(run(policy, []))).toEqual(["policy/loosens"]);
  });
  it("does not switch the built-in policy off", () => {
    expect(run(tightenMode(builtInPolicy([]), "disabled", "--mode"), []).outcome).toBe("block");
  });
});

it("without any file the built-in policy holds", () => {
  expect(mergePolicy([], now)).toEqual(builtInPolicy([]));
});
