import { describe, expect, it } from "vitest";
import { isRegistrySpecifier, plan, planClassic, weakeningVariable, type Plan } from "./plan.ts";

const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");
const pass: Plan = { flow: "pass" };
const frozen = (line: string): Plan => ({ flow: "frozen", args: words(line) });
const change = (line: string): Plan => ({
  flow: "change",
  resolve: words(line),
  install: ["install", "--immutable"],
});
const unknown = (shown: string): Plan => ({ flow: "unknown", shown });
const run = (specifiers: string, command: string | null, args: string): Plan => ({
  flow: "throwaway",
  request: { specifiers: words(specifiers), command, args: words(args) },
});

describe("plan", () => {
  it.each<[string, Plan]>([
    ["", frozen("install --immutable")],
    ["install", frozen("install --immutable")],
    ["install --no-immutable --inline-builds", frozen("install --immutable --inline-builds")],
    ["--immutable --json", frozen("install --immutable --json")],
    ["install --mode=skip-build", frozen("install --immutable --mode=skip-build")],
    ["install --mode=update-lockfile", change("install --mode=update-lockfile")],
    ["install --refresh-lockfile", change("install --refresh-lockfile --mode=update-lockfile")],
    ["rebuild leaf", frozen("rebuild leaf")],
    ["workspaces focus a", frozen("workspaces focus a")],
    ["workspaces foreach run build", pass],
    ["add leaf", change("add leaf --mode=update-lockfile")],
    ["add leaf --mode skip-build", change("add leaf --mode=update-lockfile")],
    ["add leaf -i", unknown("yarn add --interactive")],
    ["remove leaf", change("remove leaf --mode=update-lockfile")],
    ["up leaf", change("up leaf --mode=update-lockfile")],
    ["dedupe", change("dedupe --mode=update-lockfile")],
    ["dedupe --check", pass],
    ["set resolution leaf@npm:^1 npm:1.0.0", unknown("yarn set")],
    ["workspace a add leaf", change("workspace a add leaf --mode=update-lockfile")],
    ["workspace a run build", pass],
    ["workspace a dlx leaf", unknown("yarn workspace … dlx")],
    ["dlx leaf", run("leaf", null, "")],
    ["dlx leaf@^1 --flag x", run("leaf@^1", null, "--flag x")],
    ["dlx -p a -p @b/c@2 -q tool -p x", run("a @b/c@2", "tool", "-p x")],
    ["dlx", unknown("yarn dlx")],
    ["dlx git@host.example:x/y.git", unknown("yarn dlx git@host.example:x/y.git")],
    ["dlx https://host.example/x.tgz", unknown("yarn dlx https://host.example/x.tgz")],
    ["create app", unknown("yarn create")],
    ["plugin import x", unknown("yarn plugin")],
    ["set version stable", unknown("yarn set")],
    ["--cwd ../other install", unknown("yarn --cwd")],
    ["./other add leaf", unknown("yarn ./other")],
    ["run build", pass],
    ["build", pass],
    ["node x.js", pass],
    ["add --help", pass],
    ["--version", pass],
  ])("yarn %s", (line, expected) => {
    expect(plan(words(line))).toEqual(expected);
  });

  it.each<[string, Plan]>([
    ["", frozen("install --frozen-lockfile --check-files")],
    [
      "install --frozen-lockfile --production",
      frozen("install --frozen-lockfile --check-files --production"),
    ],
    ["install --no-lockfile", unknown("yarn install --no-lockfile")],
    ["--update-checksums", unknown("yarn install --update-checksums")],
    ["add leaf", unknown("yarn add")],
    ["global add leaf", unknown("yarn global")],
    ["run build", pass],
  ])("Yarn 1: yarn %s", (line, expected) => {
    expect(planClassic(words(line))).toEqual(expected);
  });
});

it.each(["a@file:./x", "a@git+ssh://x", "a@https://x", "./a", "@a", "-a", "a@exec:./x", "a@patch:b", ""])(
  "%s is not fetched from a registry alone",
  (text) => expect(isRegistrySpecifier(text)).toBe(false),
);

it.each(["YARN_CHECKSUM_BEHAVIOR", "YARN_RC_FILENAME", "YARN_YARN_PATH", "YARN_IGNORE_PATH"])(
  "%s weakens",
  (name) => {
    expect(weakeningVariable({ [name]: "x" })).toBe(name);
    expect(weakeningVariable({ [name]: "", YARN_PLUGINS: "/x" })).toBeNull();
  },
);
