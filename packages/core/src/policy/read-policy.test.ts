import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDay } from "../instant.ts";
import { layer } from "../../test/decision.ts";
import { readPolicy } from "./read-policy.ts";

const complete = `version: 1
mode: strict                       # disabled | warn | strict
registries:
  - url: "https://npm.acme.example"
    ecosystem: npm
    speaksFor: public
    evidenceFrom: ["https://evidence.acme.example/npm/"]
    keys: keys/acme.json
    files: ["https://files.acme.example/"]
    scopes: ["@acme/**"]
require:
  - { ecosystem: npm,  names: ["**", "!@acme/**"], level: signed }
  - { ecosystem: pypi, names: ["**"], level: locked }
  - { ecosystem: npm,  names: ["@acme/**"], level: provenance, identities: [release] }
identities:
  release:
    issuer: github
    repository: https://github.com/acme/widgets.git
    workflow: .github/workflows/release.yml
    ref: "refs/tags/v*"
    runner: github-hosted
    slsaBuild: 2
groups: { maintainers: [alice, bob], ci: [release-bot] }
sources: { git: deny, url: deny, path: workspace, bundled: inspect }
drift: { newPackage: note, alias: warn, level: block, repository: block, owner: block, workflow: warn, ref: warn }
age: { minimum: 72h, unknown: warn }
seal: { approval: { threshold: 1, signers: [maintainers] }, summary: { signers: [ci], maxAge: 30d } }
trust: { maxAge: 90d, sct: 1, log: 1, time: 1 }
exceptions:
  - purl: "pkg:npm/left-pad@1.3.0"
    digest: "sha512:${"a".repeat(128)}"
    codes: [signature/absent]
    reason: predates registry signatures
    owner: "@acme/platform"
    expires: "2027-06-30"
delegate: { exceptions: { codes: [signature/absent], maxDays: 30, names: ["**"] } }
`;

it("reads a complete policy", () => {
  const read = layer(complete, "managed", "policy.yaml");
  expect(read.mode).toEqual({ value: "strict", at: { path: "policy.yaml", line: 2, column: 1 } });
  expect(read.registries?.value[0]).toMatchObject({
    url: "https://npm.acme.example/",
    speaksFor: "public",
    layer: "managed",
  });
  expect(read.require[2]).toMatchObject({
    label: "require[2] (policy.yaml:14)",
    identities: ["release"],
    level: "provenance",
  });
  expect(read.identities.get("release")).toMatchObject({
    repository: "acme/widgets",
    slsaBuild: 2,
    repositoryId: null,
  });
  expect(read.age?.minimum.value).toBe(72 * 3_600_000);
  expect(read.approval?.value).toEqual({ threshold: 1, signers: ["alice", "bob"] });
  expect(read.summary?.value).toEqual({ signers: ["release-bot"], maxAge: 30 * 86_400_000 });
  expect(read.exceptions[0]).toMatchObject({
    purl: "pkg:npm/left-pad@1.3.0",
    expires: parseDay("2027-06-30"),
  });
  expect(read.drift?.value.ref?.value).toBe("warn");
  expect(read.delegate?.value.maxDays).toBe(30);
});

const mistakes = (text: string): { line: number; why: string; fix: string }[] => {
  const read = readPolicy("policy.yaml", text, "head");
  return read.ok ? [] : read.findings.map(({ at, why, fix }) => ({ line: at.line, why, fix }));
};

describe("a mistake names its line, what was expected, what was found, and an example", () => {
  const exception = (change: Record<string, string>): string => {
    const fields = {
      purl: '"pkg:npm/left-pad@1.3.0"',
      digest: `"sha256:${"a".repeat(64)}"`,
      codes: "[signature/absent]",
      reason: "old",
      owner: "me",
      expires: '"2027-06-30"',
      ...change,
    };
    const lines = Object.entries(fields).flatMap(([key, value]) =>
      value === "" ? [] : [`${key}: ${value}`],
    );
    return `version: 1\nexceptions:\n  - ${lines.join("\n    ")}\n`;
  };

  it.each<[string, string, number, RegExp]>([
    ["an unknown key", "version: 1\nrequires: []", 2, /unknown key "requires"; did you mean "require"\?/],
    ["a wrong word", "version: 1\nmode: stric", 2, /mode: expected disabled, warn or strict; found "stric"/],
    ["a list for a word", "version: 1\nmode: [strict]", 2, /found a list/],
    ["no version", "mode: strict", 1, /lacks "version"/],
    ["a later version", "version: 2", 1, /version: expected the number 1; found 2/],
    ["a version as text", 'version: "1"', 1, /found "1"/],
    ["an empty list", "version: 1\nrequire: []", 2, /require is empty/],
    [
      "an id as a number",
      "version: 1\nidentities:\n  a:\n    issuer: github\n    repositoryId: 42",
      5,
      /Numbers need quotes here: "42"/,
    ],
    ["a boolean", "version: 1\nmode: true", 2, /found true/],
    [
      "an unknown level",
      "version: 1\nrequire:\n  - { names: [a], level: unlocked }",
      3,
      /locked, signed or provenance/,
    ],
    ["an unquoted duration of a word", "version: 1\nage: { minimum: 3 weeks }", 2, /found "3 weeks"/],
    ["a negative duration", "version: 1\nage: { minimum: -1d }", 2, /found "-1d"/],
    [
      "signed outside npm",
      "version: 1\nrequire:\n  - { names: [a], level: signed }",
      3,
      /needs ecosystem: npm/,
    ],
    [
      "identities below provenance",
      "version: 1\nidentities: { a: { issuer: github, owner: x } }\nrequire:\n  - { names: [a], level: locked, identities: [a] }",
      4,
      /need level: provenance/,
    ],
    [
      "an undefined identity",
      "version: 1\nrequire:\n  - { names: [a], level: provenance, identities: [release] }",
      3,
      /"release"; the file defines none/,
    ],
    [
      "an identity of everybody",
      "version: 1\nidentities:\n  a: { issuer: github }",
      3,
      /accepts everyone at github/,
    ],
    ["an id without an issuer", "version: 1\nidentities:\n  a: { repositoryId: '1' }", 3, /lacks "issuer"/],
    [
      "** in an identity",
      "version: 1\nidentities:\n  a: { issuer: github, repository: 'acme/**' }",
      3,
      /\* stands within one segment/,
    ],
    ["an undefined group", "version: 1\nseal: { approval: { signers: [nobody] } }", 2, /no group "nobody"/],
    [
      "a threshold nobody can meet",
      "version: 1\ngroups: { a: [x] }\nseal: { approval: { threshold: 2, signers: [a] } }",
      3,
      /2 signers must approve/,
    ],
    ["only exclusions", "version: 1\nrequire:\n  - { names: ['!a'], level: locked }", 3, /only exclusions/],
    [
      "a plain http registry",
      "version: 1\nregistries:\n  - { url: 'http://npm.acme.example/', ecosystem: npm }",
      3,
      /not an https address/,
    ],
    [
      "one registry twice",
      "version: 1\nregistries:\n  - { url: 'https://a.example', ecosystem: npm }\n  - { url: 'https://A.example/', ecosystem: npm }",
      4,
      /named twice/,
    ],
    [
      "keys outside the folder",
      "version: 1\nregistries:\n  - { url: 'https://a.example', ecosystem: npm, keys: a/../../b }",
      3,
      /leads out/,
    ],
    ["absolute keys", "version: 1\ntrust: { roots: [/etc/passwd] }", 2, /below the policy's own folder/],
    ["D38: an exception without a reason", exception({ reason: "" }), 3, /lacks "reason"/],
    ["D38: an exception with an empty reason", exception({ reason: '""' }), 6, /expected a reason; found ""/],
    ["an exception without an owner", exception({ owner: "" }), 3, /lacks "owner"/],
    ["an exception without an end", exception({ expires: "" }), 3, /lacks "expires"/],
    ["an exception without a digest", exception({ digest: "" }), 3, /lacks "digest"/],
    ["an exception of nothing", exception({ codes: "[]" }), 5, /codes is empty/],
    [
      "an exception of a weak digest",
      exception({ digest: `"sha1:${"a".repeat(40)}"` }),
      4,
      /expected a digest/,
    ],
    [
      "an exception of an unknown code",
      exception({ codes: "[signature/missing]" }),
      5,
      /no code "signature\/missing"/,
    ],
    ["a day that is none", exception({ expires: '"2027-02-30"' }), 8, /no such day/],
    ["a purl without a version", exception({ purl: '"pkg:npm/left-pad"' }), 3, /package URL with a version/],
    ["a duplicate key", "version: 1\nmode: warn\nmode: strict", 3, /duplicate-key/],
    ["an anchor", "version: 1\nage: &a { minimum: 1h }", 2, /anchor/],
    ["a tag", "version: 1\nmode: !!str warn", 2, /tag/],
    ["two documents", "version: 1\n---\nversion: 1", 1, /several/],
    ["nothing", "# only a comment", 1, /empty/],
    ["a broken file", "version: 1\n  mode: [", 2, /syntax/],
    ["__proto__", "version: 1\n__proto__: { mode: warn }", 2, /unknown key "__proto__"/],
  ])("%s", (_, text, line, why) => {
    const found = mistakes(text);
    expect(found.map((mistake) => mistake.line)).toContain(line);
    expect(found.find((mistake) => mistake.line === line)?.why).toMatch(why);
    expect(found[0]?.fix).not.toBe("");
  });

  it("reports all of them at once, with examples", () => {
    const found = mistakes("version: 1\nmode: stric\nage: { minimum: soon }\nsources: { git: never }");
    expect(found.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(found[1]?.fix).toBe('Write for example: minimum: "72h"');
  });
});

describe("D39: control characters", () => {
  it.each(["\u0007", "\u001b[2J", "\u202e", "\u2066", "\u0085", "\ufeff", "\n", "\t"])(
    "%j is refused in a value",
    (evil) => {
      const found = mistakes(`version: 1\ngroups: { a: [${JSON.stringify(`x${evil}y`)}] }`);
      expect(found.map(({ why }) => why).join()).toMatch(/control or bidirectional|[Nn]ot strict YAML/);
    },
  );

  it("is refused in a key, which the message does not repeat", () => {
    const found = mistakes('version: 1\n"mo\\u202Ede": warn');
    expect(found[0]?.why).toMatch(/control character in a key/);
    expect(found[0]?.why).not.toContain("\u202e");
  });
});

it("strings stay strings", () => {
  const read = layer("groups: { a: [no, 1e3x, 2027-01-01] }\nseal: { approval: { signers: [a] } }");
  expect(read.approval?.value.signers).toEqual(["1e3x", "2027-01-01", "no"]);
});

it("gives a value whatever the text holds", () => {
  const pieces = fc.array(
    fc.constantFrom(...complete.split(/(?<=[\s:,[\]{}"])/), "&a", "*a", "!!x", "\u0000", "- ", "? "),
    { maxLength: 60 },
  );
  const mutated = fc
    .tuple(fc.nat(complete.length), fc.nat(40), fc.string({ maxLength: 12 }))
    .map(([at, cut, more]) => complete.slice(0, at) + more + complete.slice(at + cut));
  fc.assert(
    fc.property(
      fc.oneof(
        pieces.map((parts) => parts.join("")),
        mutated,
        fc.string(),
      ),
      (text) => {
        const read = readPolicy("p", text, "head");
        if (!read.ok) expect(read.findings.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 1500 },
  );
});

it("bounds size and depth", () => {
  expect(mistakes(" ".repeat(1024 * 1024 + 1))[0]?.why).toMatch(/more than/);
  expect(mistakes(`version: ${"[".repeat(500)}`)[0]?.why).toMatch(/depth|syntax/);
});
