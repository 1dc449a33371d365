import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { mergePolicy, policyDigest } from "@countersign/core";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import { readPolicySources } from "../policy/layers.ts";
import { policyFiles } from "./policy-files.ts";

let project: TestDirectory;
beforeEach(() => {
  project = createTestDirectory("policy-files");
});
afterEach(() => project.remove());

const now = Date.UTC(2026, 10, 21);
const policy = `version: 1
mode: strict
registries: [{ url: "https://npm.acme.example/", ecosystem: npm, keys: keys/acme.json }]
require: [{ ecosystem: npm, names: ["**"], level: signed }]
trust: { roots: [root.json] }
`;
/** The digest of the policy that holds where these files lie beside it. */
async function digest(files: Readonly<Record<string, string>>): Promise<string> {
  writeFiles(join(project.path, ".countersign"), { "policy.yaml": policy, ...files });
  const { sources } = await readPolicySources({
    directory: project.path,
    managed: null,
    base: null,
    platform: "linux",
  });
  const merged = mergePolicy(
    sources.map(({ layer }) => layer),
    now,
  );
  return policyDigest(merged, await policyFiles(merged, sources), now).hex;
}

it("a policy is another one with other keys or roots, under the same names", async () => {
  const absent = await digest({});
  const both = await digest({ "keys/acme.json": "{}", "root.json": "{}" });
  const otherKeys = await digest({ "keys/acme.json": '{"keys":[]}' });
  const otherRoots = await digest({ "root.json": "[]" });
  expect(new Set([absent, both, otherKeys, otherRoots]).size).toBe(4);
  expect(await digest({ "keys/acme.json": "{}", "root.json": "{}" })).toBe(both);
});
