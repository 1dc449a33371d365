import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mintDistribution, type PublishedDistribution } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wantingApproval } from "../../test/scene.ts";
import { missing, openScene, type Scene } from "./scene.ts";

let scene: Scene;
let leaf: PublishedDistribution;

beforeEach(async () => {
  if (missing !== null) return;
  scene = await openScene();
  leaf = scene.publish({ name: "leaf" });
});
afterEach(async () => {
  if (missing === null) await scene.close();
});

/** A tool that writes its arguments and what it could import. */
const publishTool = (): PublishedDistribution =>
  scene.publish({
    name: "tool",
    requires: ["leaf"],
    code: `import sys\nmain = lambda: open(${JSON.stringify(scene.mark)}, "a").write("tool " + " ".join(sys.argv[1:]) + "\\n") and None\n`,
    scripts: { tool: "tool:main" },
  });
const evil = (): void => {
  const { bytes } = mintDistribution({
    name: "leaf",
    code: `open(${JSON.stringify(scene.mark)}, "a").write("evil")`,
  });
  scene.kit.pypi.list({
    project: "leaf",
    version: "1.0.0",
    filename: leaf.filename,
    sha256: "0".repeat(64),
    bytes,
  });
};
/** An index that vouches for nothing: the policy names another one. */
const foreign = async (): Promise<string> => {
  const index = await scene.kit.addPackageIndex({ name: "foreign" });
  index.publish({
    name: "tool",
    code: `open(${JSON.stringify(scene.mark)}, "a").write("evil")`,
    scripts: { tool: "tool:main" },
  });
  return index.simpleUrl;
};

describe.skipIf(missing !== null)("uvx", () => {
  it("T17: runs a tool from a throw-away project, warm offline too", async () => {
    publishTool();
    scene.writeProject([leaf]);
    const ran = await scene.run("uvx", "tool", "first");
    expect(ran).toExitWith(0);
    expect(scene.marked()).toContain("tool first");
    expect(scene.called().map(({ args }) => args[0])).toEqual(["lock", "sync"]);
    await scene.kit.pypi.close();
    const again = await scene.run("--offline", "uvx", "tool", "second");
    expect(again.err).toContain("allowed");
    expect(again).toExitWith(0);
    expect(scene.marked()).toContain("tool second");
    expect(scene.called()).toEqual([]);
    expect(scene.has(".venv")).toBe(false);
  });

  it("takes versions, --from, --with and python itself", async () => {
    publishTool();
    scene.writeProject([leaf]);
    for (const args of [
      ["tool@1.0.0"],
      ["--from", "tool==1.0.0", "tool"],
      ["--with", "leaf", "python", "-c", "import leaf"],
      ["python", "-c", "pass"],
    ])
      expect([args, (await scene.run("uvx", ...args)).exitCode]).toEqual([args, 0]);
    const absent = await scene.run("uvx", "leaf");
    expect(absent).toExitWith(1);
    expect(absent.err).toContain("command/not-found");
    expect(await scene.run("uv", "tool", "run", "tool")).toExitWith(0);
  });

  it("stops a tool from an index that the policy does not name", async () => {
    scene.writeProject([leaf]);
    const index = await foreign();
    const ran = await scene.run("uvx", "--default-index", index, "tool");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("source/registry");
    expect(scene.marked()).toBe("");
    for (const tool of [
      "git+https://evil.example/tool",
      "https://evil.example/tool.whl",
      "./tool",
      "tool @ file:///tmp/x",
    ]) {
      const refused = await scene.run("uvx", "--from", tool, "tool");
      expect([tool, refused.exitCode]).toEqual([tool, 1]);
      expect(refused.err).toContain("command/uncovered");
    }
  });

  it("warn runs the tool as it was typed", async () => {
    publishTool();
    scene.writeProject([leaf], {}, "warn");
    expect(await scene.run("uvx", "-q", "tool")).toExitWith(0);
    expect(
      scene
        .called()
        .map(({ args }) => args)
        .at(-1),
    ).toEqual(["-q", "tool"]);
  });
});

describe.skipIf(missing !== null)("uv run", () => {
  const script = (header: string): string =>
    `# /// script\n${header}# ///\nimport leaf, sys\nopen(${JSON.stringify(scene.mark)}, "a").write("script " + " ".join(sys.argv[1:]) + "\\n")\n`;

  it("runs modules and scripts in the verified environment, and passes exit codes", async () => {
    scene.writeProject([leaf], { "a.py": `import leaf, sys\nsys.exit(int(sys.argv[1]))\n` });
    expect(await scene.run("uv", "run", "-q", "a.py", "3")).toExitWith(3);
    expect(await scene.run("uv", "run", "-q", "--", "python", "a.py", "4")).toExitWith(4);
    expect(await scene.run("uv", "run", "-q", "-m", "a", "5")).toExitWith(5);
    expect(await scene.run("uv", "run", "-q", "--no-sync", "python", "a.py", "6")).toExitWith(6);
  });

  it("stays in a known environment, whatever bytecode running leaves", async () => {
    scene.writeProject([leaf], { "a.py": "import leaf\n" });
    await scene.run("uv", "run", "-q", "a.py");
    await scene.uv("run", "--frozen", "--no-sync", "a.py");
    const ran = await scene.run("uv", "run", "-q", "a.py");
    expect(ran.err).not.toContain("anew");
    expect(
      readdirSync(join(scene.scratch, "cache/uv/bytecode"), { recursive: true, encoding: "utf8" }).some(
        (path) => path.endsWith(".pyc"),
      ),
    ).toBe(true);
  });

  it("refuses what it would fetch: an address, the standard input, --with", async () => {
    scene.writeProject([leaf]);
    for (const args of [
      ["https://evil.example/a.py"],
      ["-"],
      ["--with", "leaf", "python"],
      ["--with-requirements", "r.txt", "python"],
      ["--isolated", "python"],
    ]) {
      const ran = await scene.run("uv", "run", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toContain("command/uncovered");
    }
    expect(scene.called()).toEqual([]);
    expect(
      (await scene.run("uv", "run", "--no-project", "--with", "leaf", "python", "-c", "import leaf"))
        .exitCode,
    ).toBe(0);
  });

  it("runs a script with metadata from a throw-away project", async () => {
    scene.writeProject([leaf], { "s.py": script('dependencies = ["leaf"]\n') });
    expect(await scene.run("uv", "run", "s.py", "one")).toExitWith(0);
    expect(scene.marked()).toContain("script one");
    await scene.kit.pypi.close();
    expect(await scene.run("--offline", "uv", "run", "s.py", "two")).toExitWith(0);
    expect(scene.marked()).toContain("script two");
  });

  it.each([
    "no-binary = true",
    "no-binary-package = ['leaf']",
    "cache-dir = 'cache'",
    "index = [{ url = 'https://evil.example/simple/' }]",
    "sources = { leaf = { path = 'x' } }",
  ])("refuses a script whose header says %s", async (setting) => {
    scene.writeProject([leaf], {
      "s.py": script(`dependencies = ["leaf"]\n[tool.uv]\n${setting}\n`.replaceAll(/^(?=[^#\n])/gm, "# ")),
    });
    const ran = await scene.run("uv", "run", "s.py");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("command/uncovered");
    expect(scene.marked()).toBe("");
  });

  it("locks a script on a copy and runs exactly what its lockfile names", async () => {
    scene.writeProject([leaf], { "s.py": script('# dependencies = ["leaf"]\n') });
    expect(await scene.run("uv", "lock", "--script", "s.py")).toExitWith(0);
    expect(scene.read("s.py.lock")).toContain(leaf.sha256);
    expect(await scene.run("uv", "run", "-q", "s.py", "locked")).toExitWith(0);
    expect(scene.marked()).toContain("script locked");
    expect(scene.called().at(-1)?.args).toEqual(expect.arrayContaining(["run", "--frozen", "--script"]));
    scene.edit("s.py.lock", (text) => text.replace(`hash = "sha256:${leaf.sha256}", `, ""));
    const ran = await scene.run("uv", "run", "s.py", "evil");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("artefact/digest-missing");
    expect(scene.marked()).not.toContain("evil");
  });
});

describe.skipIf(missing !== null)("uv add", () => {
  it("T23: shows what comes in, decides on a copy, then installs", async () => {
    const widget = scene.publish({ name: "widget", requires: ["leaf"] });
    scene.writeProject([leaf]);
    const ran = await scene.run("uv", "add", "-q", "widget");
    expect(ran).toExitWith(0);
    expect(ran.err).toContain("widget");
    expect(scene.read("pyproject.toml")).toContain("widget>=1.0.0");
    expect(scene.read("uv.lock")).toContain(widget.sha256);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
    expect(await scene.run("uv", "remove", "-q", "widget")).toExitWith(0);
    expect(scene.read("uv.lock")).not.toContain(widget.sha256);
  });

  it("leaves manifest, lockfile and environment as they were where it is blocked", async () => {
    scene.writeProject([leaf]);
    const before = [scene.read("pyproject.toml"), scene.read("uv.lock")];
    const ran = await scene.run("uv", "add", "--index", await foreign(), "tool");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("source/registry");
    expect([scene.read("pyproject.toml"), scene.read("uv.lock")]).toEqual(before);
    expect(scene.has(".venv")).toBe(false);
    expect(scene.marked()).toBe("");
  });

  it("upgrades on a copy", async () => {
    scene.writeProject([leaf]);
    scene.edit("pyproject.toml", (text) => text.replace("leaf==1.0.0", "leaf>=1"));
    const newer = scene.publish({ name: "leaf", version: "2.0.0" });
    expect(await scene.run("uv", "lock", "--upgrade", "-q")).toExitWith(0);
    expect(scene.read("uv.lock")).toContain(newer.sha256);
    const ran = await scene.run("uv", "upgrade");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("countersign uv lock --upgrade");
    expect(await scene.run("uv", "version", "--bump", "minor", "-q")).toExitWith(0);
    expect(scene.read("pyproject.toml")).toContain("1.1.0");
  });

  it("makes the first lockfile of a project, and one of a workspace from a member", async () => {
    scene.writeProject([leaf]);
    scene.edit("pyproject.toml", (text) => `${text}\n[tool.uv.workspace]\nmembers = ["packages/*"]\n`);
    rmSync(join(scene.directory, "uv.lock"));
    mkdirSync(join(scene.directory, "packages/a"), { recursive: true });
    writeFileSync(
      join(scene.directory, "packages/a/pyproject.toml"),
      '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.9"\n',
    );
    scene.publish({ name: "widget" });
    expect(await scene.run("uv", "--directory", "packages/a", "add", "-q", "widget")).toExitWith(0);
    expect(scene.read("uv.lock")).toContain('name = "a"');
    expect(scene.read("packages/a/pyproject.toml")).toContain("widget");
    expect(existsSync(join(scene.directory, "packages/a/uv.lock"))).toBe(false);
    expect(await scene.run("uv", "sync", "-q", "--all-packages")).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
  });
});

describe.skipIf(missing !== null)("uv pip", () => {
  it("installs into an environment of its own making what a lockfile for this machine names", async () => {
    scene.publish({ name: "widget", requires: ["leaf"] });
    scene.writeProject([leaf], { "r.txt": "leaf\n" });
    expect(await scene.run("uv", "venv", "-q")).toExitWith(0);
    const ran = await scene.run("uv", "pip", "install", "-q", "widget");
    expect(ran).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
    expect(await scene.run("uv", "pip", "list", "-q")).toExitWith(0);
    expect(await scene.run("uv", "pip", "sync", "-q", "r.txt")).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf"]);
    expect(await scene.run("uv", "pip", "install", "-q", "-r", "r.txt", "widget")).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
    expect(await scene.run("uv", "pip", "uninstall", "-q", "widget")).toExitWith(0);
    expect(await scene.run("uv", "pip", "list", "-q")).toExitWith(0);
  });

  it("stops what is no package of a named index, and what the index does not serve as listed", async () => {
    scene.writeProject([leaf]);
    expect(await scene.run("uv", "venv", "-q")).toExitWith(0);
    for (const args of [
      ["-e", "."],
      ["."],
      ["git+https://evil.example/x"],
      ["--no-verify-hashes", "leaf"],
      ["--find-links", "x", "leaf"],
    ]) {
      const ran = await scene.run("uv", "pip", "install", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toMatch(/command\/uncovered|settings\/weakens/);
    }
    const ran = await scene.run("uv", "pip", "install", "--default-index", await foreign(), "tool");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("source/registry");
    evil();
    expect((await scene.run("uv", "pip", "install", "leaf")).exitCode).not.toBe(0);
    expect(scene.installed()).toEqual([]);
    expect(scene.marked()).toBe("");
  });

  it("installs nothing where lockfiles must be approved: this one is nobody's to approve", async () => {
    scene.writeProject([leaf]);
    scene.edit(".countersign/policy.yaml", wantingApproval);
    expect(await scene.run("uv", "venv", "-q")).toExitWith(0);
    const ran = await scene.run("uv", "pip", "install", "leaf");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("none that anybody could approve");
    expect(ran.err).not.toContain("countersign sign");
    expect(scene.installed()).toEqual([]);
  });

  it("compiles without building", async () => {
    scene.writeProject([leaf], { "r.in": "leaf\n" });
    expect(
      (await scene.run("uv", "pip", "compile", "-q", "--generate-hashes", "-o", "r.txt", "r.in")).exitCode,
    ).toBe(0);
    expect(scene.read("r.txt")).toContain(leaf.sha256);
  });
});

describe.skipIf(missing !== null)("uv tool install", () => {
  it("installs from verified wheels in a directory", async () => {
    publishTool();
    scene.writeProject([leaf]);
    expect(await scene.run("uv", "tool", "install", "-q", "tool")).toExitWith(0);
    const call = scene.called().find(({ args }) => args[0] === "tool");
    expect(call?.args).toEqual(
      expect.arrayContaining(["--no-index", "--offline", "--no-build", "--binary", "tool==1.0.0"]),
    );
    expect(existsSync(join(scene.scratch, "home/.local/bin/tool"))).toBe(true);
  });

  it("stops a wheel whose bytes are not those that were decided on", async () => {
    publishTool();
    scene.writeProject([leaf]);
    const { bytes } = mintDistribution({
      name: "leaf",
      code: `open(${JSON.stringify(scene.mark)}, "a").write("evil")`,
    });
    scene.kit.pypi.replaceFile("leaf", leaf.filename, bytes);
    const ran = await scene.run("uv", "tool", "install", "tool");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("listing/mismatch");
    expect(existsSync(join(scene.scratch, "home/.local/bin/tool"))).toBe(false);
    expect(scene.marked()).toBe("");
  });
});
