import { describe, expect, it } from "vitest";
import { layer, now, policyOf } from "../../test/decision.ts";
import { day, sha256 } from "../../test/sealing.ts";
import { mergePolicy } from "../policy/merge.ts";
import { policyDigest } from "./policy-digest.ts";

const base = `mode: strict
registries: [{ url: "https://npm.acme.example/", ecosystem: npm, scopes: ["@acme/**", "@beta/**"] }]
require:
  - { ecosystem: npm, names: ["**"], level: signed }
  - { ecosystem: pypi, names: ["**"], level: locked }
sources: { git: deny }
`;
const digest = (yaml: string, at = now): string => policyDigest(policyOf(yaml), [], at).hex;

describe("the digest of a policy", () => {
  it("is the same for the same demands: order, lines, mode, seals and layers make no difference", () => {
    const other = `# a comment
require:
  - { names: ["**"], ecosystem: pypi, level: locked }
  - { names: ["**"], ecosystem: npm, level: signed }
sources: { git: deny }
registries: [{ ecosystem: npm, url: "https://npm.acme.example/", scopes: ["@beta/**", "@acme/**"] }]
groups: { ci: [bot] }
seal: { summary: { signers: [ci], maxAge: 1d } }
mode: warn
`;
    expect(digest(other)).toBe(digest(base));
    const twice = mergePolicy([layer(base, "base"), layer(base, "head")], now);
    expect(policyDigest(twice, [], now).hex).toBe(digest(base));
  });

  it.each([
    ["a level", base.replace("level: signed", "level: locked")],
    ["a rule less", base.replace('  - { ecosystem: pypi, names: ["**"], level: locked }\n', "")],
    ["a source", base.replace("git: deny", "git: allow")],
    ["a registry", base.replace("https://npm.acme.example/", "https://npm.beta.example/")],
    ["a scope", base.replace('"@acme/**", ', "")],
    ["drift", `${base}drift: { alias: block }\n`],
    ["age", `${base}age: { minimum: 72h }\n`],
    ["trust", `${base}trust: { maxAge: 10d }\n`],
    ["an identity", `${base}identities: { a: { issuer: github, repository: acme/a } }\n`],
  ])("differs with %s", (_, yaml) => {
    expect(digest(yaml)).not.toBe(digest(base));
  });

  it("differs with an exception, until that has expired", () => {
    const excepted = `${base}exceptions:
  - purl: "pkg:npm/left-pad@1.3.0"
    digest: "sha512:${"0".repeat(128)}"
    codes: [signature/absent]
    reason: old
    owner: "@acme"
    expires: "2026-12-01"
`;
    expect(digest(excepted)).not.toBe(digest(base));
    expect(digest(excepted, now + 30 * day)).toBe(digest(base, now + 30 * day));
  });

  it("differs with what a file that it names holds: other keys are other demands", () => {
    const policy = policyOf(base);
    const keys = { name: "keys/acme.json", digest: sha256("keys") };
    const roots = { name: "roots/acme.json", digest: sha256("roots") };
    const hex = (...files: (typeof keys)[]): string => policyDigest(policy, files, now).hex;
    expect(hex(keys)).not.toBe(hex());
    expect(hex({ ...keys, digest: sha256("other") })).not.toBe(hex(keys));
    expect(hex(keys, roots)).toBe(hex(roots, keys));
  });
});
