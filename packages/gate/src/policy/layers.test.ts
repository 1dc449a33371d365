import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { git, openMachine, type Machine } from "../../test/manager-context.ts";
import { readPolicySources, type PolicySources } from "./layers.ts";

const strict = "version: 1\nmode: strict\nrequire: [{ ecosystem: npm, names: ['**'], level: signed }]\n";
const warn = strict.replace("strict", "warn");
let machine: Machine;
let directory: string;
beforeEach(() => {
  machine = openMachine();
  ({ directory } = machine.context);
});
afterEach(() => machine.close());

const read = (more: { base?: string; managed?: string } = {}): Promise<PolicySources> =>
  readPolicySources({
    directory,
    managed: more.managed ?? null,
    base: more.base ?? null,
    platform: "linux",
  });
const shown = ({ sources, findings }: PolicySources): string[] => [
  ...sources.map(({ layer }) => `${layer.kind} ${layer.mode?.value}`),
  ...findings.map(({ effect, code }) => `${effect} ${code}`),
];
const unreadable = "block policy/unreadable";

it("reads managed, base and head, highest first, and each one's key files as that layer has them", async () => {
  git(directory, "init", "-q", "-b", "main");
  machine.write({ ".countersign/policy.yaml": strict, ".countersign/keys.json": "base" });
  git(directory, "add", ".");
  git(directory, "commit", "-qm", "base");
  machine.write({ ".countersign/policy.yaml": warn, ".countersign/keys.json": "head" });
  writeFileSync(join(machine.root, "managed.yaml"), strict);
  writeFileSync(join(machine.root, "keys.json"), "managed");
  const found = await read({ base: "main", managed: join(machine.root, "managed.yaml") });
  expect(shown(found)).toEqual(["managed strict", "base strict", "head warn"]);
  const files = await Promise.all(found.sources.map((source) => source.readRelative("keys.json")));
  expect(files.map((file) => file?.text)).toEqual(["managed", "base", "head"]);
  const hour = 3_600_000;
  for (const file of files) expect(Math.abs(Date.now() - (file?.asOf ?? 0))).toBeLessThan(hour);
  expect(await found.sources[2]?.readRelative("../../../managed.yaml")).toBeNull();
});

it("no policy anywhere is no layer and no finding", async () => {
  expect(shown(await read())).toEqual([]);
});

it("a base that is not here is a finding, never an absent layer", async () => {
  git(directory, "init", "-q", "-b", "main");
  machine.write({ ".countersign/policy.yaml": warn });
  expect(shown(await read({ base: "origin/main" }))).toEqual(["head warn", unreadable]);
});

it("a managed policy that is named and missing, or there and unreadable, is a finding", async () => {
  expect(shown(await read({ managed: join(machine.root, "none.yaml") }))).toEqual([unreadable]);
  mkdirSync(join(machine.root, "managed.yaml"));
  expect(shown(await read({ managed: join(machine.root, "managed.yaml") }))).toEqual([unreadable]);
});

it.each<[string, (path: string) => void]>([
  ["a pipe", (path) => void execFileSync("mkfifo", [path])],
  ["a directory", (path) => mkdirSync(path)],
  ["a link out of the project", (path) => symlinkSync("/etc/hostname", path)],
  ["a device", (path) => symlinkSync("/dev/zero", path)],
])("the project's policy as %s is a finding", async (_, make) => {
  mkdirSync(join(directory, ".countersign"));
  make(join(directory, ".countersign", "policy.yaml"));
  expect(shown(await read())).toEqual([unreadable]);
});

it("a policy that cannot be understood is a finding", async () => {
  machine.write({ ".countersign/policy.yaml": "version: 1\nmode: strict\nunknown: 1\n" });
  expect(shown(await read())).toEqual(["block policy/malformed"]);
});
