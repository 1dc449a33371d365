import { describe, expect, it } from "vitest";
import { noScripts, overrides, ownVersion, plan, type Plan } from "./plan.ts";

const words = (text: string): string[] => (text === "" ? [] : text.split(" "));
const planOf = (text: string): Plan => plan(words(text));
const strict = overrides.join(" ");
const noInstall = ["--config.verify-deps-before-run=error", ...ownVersion].join(" ");

describe("frozen", () => {
  it.each([
    ["install", `install --frozen-lockfile ${strict}`],
    ["i", `install --frozen-lockfile ${strict}`],
    ["i --prod --ignore-scripts", `install --frozen-lockfile --prod --ignore-scripts ${strict}`],
    ["-C packages/a install", `-C packages/a install --frozen-lockfile ${strict}`],
    ["--dir=a --filter b... install -r", `--dir=a --filter b... install --frozen-lockfile -r ${strict}`],
    ["-r install", `-r install --frozen-lockfile ${strict}`],
    ["install --ignore-pnpmfile", `install --frozen-lockfile --ignore-pnpmfile ${strict}`],
    ["ci", `ci ${strict}`],
    ["clean-install --offline", `ci --offline ${strict}`],
    ["fetch --prod", `fetch --prod ${strict}`],
    ["rebuild leaf", `rebuild leaf ${strict}`],
    ["rb", `rebuild ${strict}`],
    ["patch leaf", `patch leaf ${strict}`],
  ])("%s → %s", (typed, args) => {
    expect(planOf(typed)).toMatchObject({ flow: "frozen", args: words(args) });
  });

  it.each([
    "--trust-lockfile",
    "--trust-lockfile=true",
    "--trustLockfile",
    "--config.trustLockfile=true",
    "--config.trust-lockfile=true",
    "--no-verify-store-integrity",
    "--verify-store-integrity=false",
    "--config.verifyStoreIntegrity=false",
    "--no-strict-store-pkg-content-check",
    "--no-lockfile",
    "--config.lockfile=false",
    "--prefer-frozen-lockfile",
    "--frozen-lockfile=false",
    "--merge-git-branch-lockfiles",
    "--config.pmOnFail=download",
    "--config.managePackageManagerVersions=true",
  ])("leaves %s out of a strict install", (option) => {
    expect(planOf(`install ${option} --prod`)).toMatchObject({
      flow: "frozen",
      args: words(`install --frozen-lockfile --prod ${strict}`),
    });
  });

  it("knows how to make the lockfile where there is none", () => {
    expect(planOf("-C a install --prod")).toMatchObject({ change: words("-C a install --prod") });
    expect(planOf("ci")).toMatchObject({ change: null });
  });
});

describe("change", () => {
  const resolve = (text: string): string[] => words(`${text} --lockfile-only ${noScripts} ${strict}`);
  const install = (text: string): string[] => words(`install --frozen-lockfile ${text}${strict}`);

  it.each([
    ["add leaf", "add leaf", ""],
    ["add -D leaf@1 --offline", "add -D leaf@1 --offline", "--offline "],
    ["install leaf", "add leaf", ""],
    ["i leaf", "add leaf", ""],
    ["remove leaf", "remove leaf", ""],
    ["rm leaf", "remove leaf", ""],
    ["un leaf", "remove leaf", ""],
    ["uninstall leaf", "remove leaf", ""],
    ["update", "update", ""],
    ["up --latest leaf", "update --latest leaf", ""],
    ["update -r", "update -r", "-r "],
    ["dedupe", "dedupe", ""],
    ["install --no-frozen-lockfile", "install --no-frozen-lockfile", ""],
    ["install --lockfile-only", "install --no-frozen-lockfile", "--lockfile-only "],
    ["add leaf --lockfile-only", "add leaf", "--lockfile-only "],
    ["install --fix-lockfile", "install --fix-lockfile --no-frozen-lockfile", ""],
    ["install --force", "install --force --no-frozen-lockfile", ""],
    ["add leaf --trust-lockfile --ignore-scripts", "add leaf --ignore-scripts", "--ignore-scripts "],
  ])("%s", (typed, resolved, installed) => {
    expect(planOf(typed)).toEqual({
      flow: "change",
      resolve: resolve(resolved),
      install: install(installed),
      needs: [],
    });
  });

  it("keeps what stands before the command, for workspaces", () => {
    expect(planOf("--filter a add leaf")).toMatchObject({
      resolve: resolve("--filter a add leaf"),
      install: ["--filter", "a", ...install("")],
    });
    expect(planOf("add -w leaf")).toMatchObject({ resolve: resolve("add -w leaf") });
  });

  it("keeps what follows -- behind its own options", () => {
    expect(planOf("add -- leaf")).toMatchObject({
      resolve: words(`add --lockfile-only ${noScripts} ${strict} -- leaf`),
    });
  });

  it("imports from the lockfiles of other managers, and installs nothing", () => {
    expect(planOf("import")).toEqual({
      flow: "change",
      resolve: ["import", ...ownVersion],
      install: words(`install --frozen-lockfile --lockfile-only ${strict}`),
      needs: ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock"],
    });
  });
});

describe("throw-away", () => {
  const command = (name: string | null, ...args: string[]): object => ({
    kind: "command",
    command: name,
    args,
  });

  it.each<[string, string[], string[], object]>([
    ["dlx cowsay", ["cowsay"], [], command(null)],
    ["dlx cowsay@1 --help -x", ["cowsay@1"], [], command(null, "--help", "-x")],
    ["dlx -s cowsay hi", ["cowsay"], [], command(null, "hi")],
    ["dlx -- cowsay hi", ["cowsay"], [], command(null, "hi")],
    ["--silent dlx cowsay", ["cowsay"], [], command(null)],
    ["dlx --package a --package=b c d", ["a", "b"], [], command("c", "d")],
    ["dlx --allow-build=esbuild vite", ["vite"], ["esbuild"], command(null)],
    ["dlx --package=a -c echo hi", ["a"], [], { kind: "shell", line: "echo hi" }],
    ["create vite app --template x", ["create-vite"], [], command(null, "app", "--template", "x")],
    ["create vite@7 app", ["create-vite@7"], [], command(null, "app")],
    ["create create-vite", ["create-vite"], [], command(null)],
    ["create @scope", ["@scope/create"], [], command(null)],
    ["create @scope@2", ["@scope/create@2"], [], command(null)],
    ["create @scope/app@2 x", ["@scope/create-app@2"], [], command(null, "x")],
    ["add -g leaf other@2", ["leaf", "other@2"], [], { kind: "global" }],
    ["install --global leaf", ["leaf"], [], { kind: "global" }],
  ])("%s", (typed, specifiers, builds, run) => {
    expect(planOf(typed)).toEqual({ flow: "throwaway", request: { specifiers, builds, run } });
  });
});

describe("pass", () => {
  it.each([
    "",
    "--version",
    "-v",
    "list",
    "ls --json",
    "why leaf",
    "outdated",
    "config get registry",
    "audit",
  ])("%s fetches nothing", (typed) => {
    expect(planOf(typed)).toEqual({ flow: "pass", args: words(typed) });
  });

  it.each([
    "dlx --help",
    "store path",
    "store prune",
    "dedupe --check",
    "list -g",
    "remove -g leaf",
    "pack",
    "publish",
  ])("%s fetches nothing to run", (typed) => {
    expect(planOf(typed)).toEqual({ flow: "pass", args: words(typed) });
  });

  it.each([
    ["run build", `${noInstall} run build`],
    ["exec vite --force", `${noInstall} exec vite --force`],
    ["test", `${noInstall} test`],
    ["t", `${noInstall} test`],
    ["-r run build -- -g", `-r ${noInstall} run build -- -g`],
  ])("%s runs without pnpm's own install before it", (typed, args) => {
    expect(planOf(typed)).toEqual({ flow: "pass", args: words(args) });
  });

  it("takes what is no command of pnpm's for a script, and runs it as one", () => {
    expect(planOf("build --watch")).toEqual({
      flow: "script",
      name: "build",
      args: words(`${noInstall} run build --watch`),
    });
  });
});

describe("unknown", () => {
  it.each([
    "link ../x",
    "deploy out",
    "self-update",
    "env use 22",
    "patch-commit dir",
    "approve-builds",
    "audit --fix",
    "audit signatures",
    "store add leaf",
    "update -i",
    "update --interactive",
    "update -g",
    "add --config pnpm-plugin-x",
    "install-test",
    "dlx",
    "dlx --unknown cowsay",
    "dlx -c echo hi",
    "dlx --package",
    "-C elsewhere dlx cowsay",
    "create",
    "install --lockfile-dir other",
  ])("%s could fetch, and no flow covers it", (typed) => {
    expect(planOf(typed)).toMatchObject({ flow: "unknown" });
  });

  it("does not take the value of an option that it does not know for the command", () => {
    expect(planOf("--unheard-of list install")).toMatchObject({ flow: "unknown" });
    expect(planOf("--unheard-of=list install")).toMatchObject({ flow: "frozen" });
    expect(planOf("--global-dir list install")).toMatchObject({ flow: "frozen" });
  });
});
