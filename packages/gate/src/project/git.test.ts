import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { git, openMachine, type Machine } from "../../test/manager-context.ts";
import { fileAt, trackedFiles } from "./git.ts";

let machine: Machine;
let directory: string;
beforeEach(() => {
  machine = openMachine();
  ({ directory } = machine.context);
  git(directory, "init", "-q", "-b", "main");
  machine.write({ "a.txt": "first\n", "sub/b.txt": "b\n" });
  git(directory, "add", ".");
  git(directory, "commit", "-qm", "first");
});
afterEach(() => machine.close());

const textAt = async (place: string, revision: string, path: string): Promise<string | null> => {
  const found = await fileAt(place, revision, path);
  if (!found.ok) return `failed: ${found.detail}`;
  return found.bytes === null ? null : Buffer.from(found.bytes).toString();
};

it("reads a file as it stood, relative to the directory", async () => {
  machine.write({ "a.txt": "changed\n" });
  expect(await textAt(directory, "main", "a.txt")).toBe("first\n");
  expect(await textAt(join(directory, "sub"), "HEAD", "b.txt")).toBe("b\n");
  expect(await textAt(directory, "main", "missing.txt")).toBeNull();
  expect(await trackedFiles(join(directory, "sub"))).toEqual({ ok: true, files: ["b.txt"] });
});

it.each(["--output=x", "-", "no-such", "HEAD:a.txt", "", "a\0b", "HEAD\n"])(
  "D34: the revision %j is a failure, not an absent file",
  async (revision) => {
    expect(await textAt(directory, revision, "a.txt")).toMatch(/^failed: ./);
    expect(existsSync(join(directory, "x"))).toBe(false);
  },
);

it("D34: a directory or a link in the file's place is a failure", async () => {
  execFileSync("ln", ["-s", "a.txt", join(directory, "link")]);
  git(directory, "add", ".");
  git(directory, "commit", "-qm", "link");
  expect(await textAt(directory, "main", "link")).toMatch(/^failed: .*regular/);
  expect(await textAt(directory, "main", "sub")).toMatch(/^failed: .*regular/);
});

it("D34: a shallow clone without the base says so", async () => {
  const base = git(directory, "rev-parse", "HEAD").trim();
  machine.write({ "a.txt": "second\n" });
  git(directory, "commit", "-qam", "second");
  const clone = join(machine.root, "clone");
  git(machine.root, "clone", "-q", "--depth=1", `file://${directory}`, clone);
  expect(await textAt(clone, base, "a.txt")).toMatch(/shallow clone/);
});

it("D34: content that a partial clone lacks is a failure, and nothing is fetched for it", async () => {
  git(directory, "config", "uploadpack.allowFilter", "true");
  const clone = join(machine.root, "partial");
  git(machine.root, "clone", "-q", "--no-checkout", "--filter=blob:none", `file://${directory}`, clone);
  const mark = join(machine.root, "ran");
  git(clone, "config", "remote.origin.uploadpack", `touch ${mark}; git-upload-pack`);
  expect(await textAt(clone, "HEAD", "a.txt")).toMatch(/^failed/);
  expect(existsSync(mark)).toBe(false);
});

it("D4: the repository's configuration runs nothing", async () => {
  const mark = join(machine.root, "ran");
  const program = join(machine.root, "program");
  writeFileSync(program, `#!/bin/sh\ntouch ${mark}\n`);
  chmodSync(program, 0o755);
  for (const key of [
    "core.fsmonitor",
    "core.pager",
    "core.sshCommand",
    "core.alternateRefsCommand",
    "diff.external",
    "alias.ls-files",
  ])
    git(directory, "config", key, key.startsWith("alias") ? `!${program}` : program);
  git(directory, "config", "core.hooksPath", machine.root);
  // The control: without our settings git does run it.
  git(directory, "ls-files", "--others");
  git(directory, "status");
  expect(existsSync(mark)).toBe(true);
  execFileSync("rm", [mark]);
  await trackedFiles(directory);
  await fileAt(directory, "main", "a.txt");
  expect(existsSync(mark)).toBe(false);
});

it("D34: a bare repository committed into the project does not answer for the real one", async () => {
  const place = join(directory, "package");
  git(machine.root, "init", "-q", "--bare", place);
  execFileSync("git", ["-C", directory, "push", "-q", place, "main"]);
  // The control: without our settings git takes the project's directory for a repository.
  expect(git(place, "rev-parse", "main").trim()).toMatch(/^[0-9a-f]{40}$/);
  expect(await textAt(place, "main", "a.txt")).toMatch(/^failed/);
});

it("says that git is not installed, and that there is no repository", async () => {
  const path = process.env["PATH"];
  process.env["PATH"] = join(machine.root, "nowhere");
  try {
    expect(await fileAt(directory, "main", "a.txt")).toEqual({ ok: false, detail: "git is not installed" });
    expect(await trackedFiles(directory)).toEqual({ ok: false, detail: "git is not installed" });
  } finally {
    process.env["PATH"] = path;
  }
  expect(await trackedFiles(machine.root)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/not a git repository/i) as string,
  });
});
