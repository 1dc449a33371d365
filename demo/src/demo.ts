import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createTestDirectory, githubBuild, startTestkit, writeProject } from "@countersign/testkit";
import { run } from "./run.ts";

const repository = resolve(import.meta.dirname, "../..");
const executable = join(repository, "packages/cli/bin/countersign.mjs");
const scratch = createTestDirectory("demo");
const project = join(scratch.path, "project");
const lockfile = join(project, "package-lock.json");

await using kit = await startTestkit();
const trust = kit.writeTrust(scratch.path);
const workflow = ".github/workflows/release.yml";
const release = githubBuild({ repository: "acme/widgets", workflow, ref: "refs/tags/v1.0.0" });
const fork = githubBuild({
  repository: "evil/widgets",
  repositoryId: "6660001",
  ownerId: "666",
  workflow,
  ref: "refs/tags/v1.0.1",
});

const leaf = kit.npm.publish({ name: "leaf" });
const colours = kit.npm.publish({ name: "colours", version: "2.1.0", provenance: true });
const parser = kit.npm.publish({ name: "parser", version: "4.0.2", dependencies: { leaf: "1.0.0" } });
const widget = kit.npm.publish({
  name: "@acme/widget",
  provenance: { build: release },
  publishAttestation: true,
});
const forked = kit.npm.publish({
  name: "@acme/widget",
  version: "1.0.1",
  provenance: { build: fork },
  publishAttestation: true,
});
const evil = kit.npm.publish({ name: "evil" });

const policy = `version: 1
mode: strict
registries:
  - { url: "${kit.npm.url}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
  - { ecosystem: npm, names: ["@acme/**"], level: provenance, identities: [release] }
identities:
  release:
    issuer: github
    repository: acme/widgets
    workflow: ${workflow}
    ref: "refs/tags/v*"
`;

const say = (text: string): void => void process.stdout.write(text);
const results: { what: string; got: number; expected: number }[] = [];

function write(packages: readonly (typeof leaf)[]): void {
  writeProject(project, {
    lock: "package-lock.json",
    registry: kit.npm.url,
    packages,
    extraFiles: { ".countersign/policy.yaml": policy },
  });
}

/** Runs the real executable as a user would; trust flags are left out of what is shown. */
async function countersign(
  directory: string,
  cache: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<number> {
  say(`$ countersign ${args.join(" ")}\n\n`);
  const environment = { ...process.env, COUNTERSIGN_CACHE_DIR: join(scratch.path, cache) };
  const status = await run(process.execPath, [executable, ...args, ...flags], directory, environment);
  say(`\nexit code ${status}\n`);
  return status;
}

async function act(
  title: string,
  expected: number,
  cache = "cache",
  args: readonly string[] = ["verify"],
): Promise<void> {
  say(`\n── ${title} ${"─".repeat(Math.max(0, 76 - title.length))}\n\n`);
  const got = await countersign(project, cache, args, [
    "--trusted-root",
    trust.trustedRoot,
    "--npm-keys",
    trust.npmKeys,
  ]);
  results.push({ what: title, got, expected });
}

write([leaf, colours, parser, widget]);
await act("A project as it should be", 0);
await act("Who built @acme/widget?", 0, "cache", ["explain", "@acme/widget"]);

writeFileSync(lockfile, readFileSync(lockfile, "utf8").replace(leaf.integrity, evil.integrity));
await act("Attack: the lockfile names an evil tarball with its own, matching digest", 1);

write([leaf, colours, parser, forked]);
await act("Attack: valid provenance, built by a fork's workflow", 1);

write([leaf, colours, parser, widget]);
kit.npm.setAttestations("@acme/widget", "1.0.0", null);
// A cache of its own, as on a fresh machine: evidence stored by an earlier run survives the stripping.
await act("Attack: the registry no longer serves the attestations", 1, "fresh-cache");

say(`\n── This repository's own pnpm-lock.yaml, against the configured registry ${"─".repeat(6)}\n\n`);
await countersign(repository, "own-cache", ["verify"]);

say("\n── In short ──────────────────────────────────────────────────────────────────\n\n");
for (const { what, got, expected } of results) {
  say(`${got === expected ? "as expected" : "NOT AS EXPECTED"}  exit code ${got}  ${what}\n`);
}
if (results.some(({ got, expected }) => got !== expected)) process.exitCode = 1;
scratch.remove();
