import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { createTestDirectory, writeProject } from "@countersign/testkit";
import { openScene, policyOf } from "./scene.ts";

const docs = resolve(import.meta.dirname, "../../../docs");
const github = readFileSync(join(docs, "ci/github-actions.yml"), "utf8");
const gitlab = readFileSync(join(docs, "ci/gitlab-ci.yml"), "utf8");
const githubSeal = readFileSync(join(docs, "ci/github-seal.yml"), "utf8");
const gitlabSeal = readFileSync(join(docs, "ci/gitlab-seal.yml"), "utf8");
const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, "../package.json"), "utf8")) as {
  version: string;
};

const require = createRequire(import.meta.url);
const found = (name: string): string | null => {
  try {
    return require.resolve(name);
  } catch {
    console.warn(`SKIPPED: the schema of ${name} is not installed`);
    return null;
  }
};

const actions = found("@action-validator/core");
type Validator = { validateWorkflow(text: string): { errors: unknown[] } };

describe.skipIf(actions === null)("the GitHub Actions recipe by its published schema", () => {
  const errorsOf = (text: string): unknown[] =>
    (require(actions ?? "") as Validator).validateWorkflow(text).errors;

  it("is a workflow", () => {
    expect(errorsOf(github)).toEqual([]);
    expect(errorsOf(githubSeal)).toEqual([]);
  });

  it("would not be with a mistake in it", () => {
    for (const [part, mistake] of [
      ["runs-on:", "runs-in:"],
      ["timeout-minutes: 15", "timeout-minutes: [15]"],
      ["contents: read", "contents: readonly"],
    ] as const) {
      expect(github).toContain(part);
      expect(errorsOf(github.replace(part, mistake))).not.toEqual([]);
    }
  });
});

const gitlabLocal = found("gitlab-ci-local");

describe.skipIf(gitlabLocal === null)("the GitLab recipe by its published schema", () => {
  /** The tool holds the expanded file against GitLab's own schema before it does anything else. */
  function preview(text: string): { status: number | null; output: string } {
    const place = createTestDirectory("gitlab");
    writeFileSync(join(place.path, ".gitlab-ci.yml"), text);
    const git = (...args: string[]): unknown => spawnSync("git", args, { cwd: place.path });
    git("init", "--quiet", "--initial-branch=main");
    git(
      "-c",
      "user.name=a",
      "-c",
      "user.email=a@acme.example",
      "commit",
      "--quiet",
      "--allow-empty",
      "-m",
      "first",
    );
    git("remote", "add", "origin", "https://forge.example/acme/widgets.git");
    const home = join(place.path, "home");
    mkdirSync(home);
    const ran = spawnSync(process.execPath, [gitlabLocal ?? "", "--preview", "--cwd", ".", "--home", home], {
      cwd: place.path,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: home },
    });
    place.remove();
    return { status: ran.status, output: `${ran.stdout}${ran.stderr}` };
  }

  it("is a pipeline", () => {
    const { status, output } = preview(gitlab);
    expect(output).not.toContain("Invalid .gitlab-ci.yml");
    expect(output).toContain("countersign verify --base");
    expect(status).toBe(0);
    const both = preview(`${gitlab}${gitlabSeal}`);
    expect(both.output).not.toContain("Invalid .gitlab-ci.yml");
    expect(both.output).toContain("countersign sign --summary");
    expect(both.status).toBe(0);
  });

  it("would not be with a mistake in it", () => {
    expect(gitlab).toContain("interruptible: true");
    expect(preview(gitlab.replace("interruptible: true", "interruptibel: true")).output).toContain(
      "Invalid .gitlab-ci.yml",
    );
  });
});

describe("the recipes", () => {
  const uses = [...`${github}${githubSeal}`.matchAll(/uses: *(\S+)(.*)/g)];

  it("pin every action to a commit, with the version it is", () => {
    expect(uses.length).toBeGreaterThan(1);
    for (const [, action, comment] of uses) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(comment).toMatch(/^ # v\d+\.\d+\.\d+$/);
    }
  });

  it("may read the repository and nothing else, and leave no token behind", () => {
    expect([...github.matchAll(/^ *permissions:\n((?: +.*\n)+)/gm)].map(([, body]) => body)).toEqual([
      "  contents: read\n",
    ]);
    expect(github).toContain("persist-credentials: false");
    expect(github).not.toMatch(/secrets\.|pull_request_target|id-token/);
    expect(gitlab).toMatch(/inherit:\n {4}default: false\n {4}variables: false/);
  });

  it("put no foreign text into a script", () => {
    // An expression is written into the script before the shell reads it; a variable is not.
    const scripts = [...`${github}${githubSeal}`.matchAll(/^( *)run: *(\|\n((?:\1 +.*\n)+)|.*\n)/gm)].map(
      ([text]) => text,
    );
    expect(scripts.length).toBeGreaterThan(2);
    for (const script of scripts) expect(script).not.toContain("${{");
  });

  it.each([
    ["GitHub Actions", github],
    ["GitLab", gitlab],
  ])(
    "%s verifies against the base, installs behind the gate, and names one version of everything",
    (_, text) => {
      expect(text).toMatch(/countersign verify --base "\$BASE"/);
      expect(text).toMatch(/countersign --base "\$BASE" npm ci/);
      expect(text).toContain("COUNTERSIGN_MODE: strict");
      expect(text).toContain(`COUNTERSIGN_VERSION: "${version}"`);
      expect(text).toMatch(/24\.\d+\.\d+/);
      expect(text).toContain("--ignore-scripts");
      expect(text).not.toMatch(/@latest|:latest/);
    },
  );

  it("verify what a merge queue is about to merge", () => {
    expect(github).toMatch(/^ {2}merge_group:$/m);
    expect(github).toContain("github.event.merge_group.base_sha");
  });

  it("sign on the default branch alone, in a job that installs nothing of the project and may write nothing", () => {
    // A job of any other trigger would have an identity as well, of a ref that anybody can push.
    expect(/^on:\n((?: .*\n)+)/m.exec(githubSeal)?.[1]).toBe("  push:\n    branches: [main]\n");
    expect(githubSeal).toMatch(/^permissions: \{\}$/m);
    expect([...githubSeal.matchAll(/^ +([a-z-]+): (?:read|write)$/gm)].map(([, name]) => name)).toEqual([
      "contents",
      "id-token",
    ]);
    expect(githubSeal).not.toMatch(/secrets\.|contents: write|merge_group|pull_request/);
    expect(gitlabSeal.match(/- if: .*/g)).toEqual([
      '- if: $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH',
    ]);
    expect(gitlabSeal).toMatch(/inherit:\n {4}default: false\n {4}variables: false/);
    for (const text of [githubSeal, gitlabSeal]) {
      expect(text).toMatch(/countersign verify --base[^]*countersign sign --summary --keyless --base/);
      expect(text).not.toMatch(/npm ci|restore|--approve/);
      expect(text).toContain("COUNTERSIGN_MODE: strict");
      expect(text).toContain(`COUNTERSIGN_VERSION: "${version}"`);
      expect(text).toContain("--ignore-scripts");
      expect(text).toContain(".countersign/seals");
    }
  });

  it("call commands that the program has, with a base that is a commit", async () => {
    const scene = await openScene();
    const leaf = scene.kit.npm.publish({ name: "leaf" });
    writeProject(scene.directory, {
      lock: "package-lock.json",
      packages: [leaf],
      registry: scene.kit.npm.url,
    });
    scene.write({ ".countersign/policy.yaml": policyOf(scene, "warn") });
    const git = (...args: string[]): unknown =>
      spawnSync("git", ["-c", "user.name=a", "-c", "user.email=a@acme.example", ...args], {
        cwd: scene.directory,
      });
    rmSync(join(scene.directory, ".git"), { recursive: true });
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "-m", "first");
    const line = /countersign (verify .*)/.exec(gitlab)?.[1] ?? "";
    const args = line.split(" ").map((word) => (word === '"$BASE"' ? "HEAD" : word));
    const ran = await scene.run(...args);
    expect(ran).toExitWith(0);
    expect(existsSync(join(scene.directory, "countersign.md"))).toBe(true);
    await scene.close();
  });
});

describe("docs/ci.md", () => {
  it("shows the recipes as they are", () => {
    const page = readFileSync(join(docs, "ci.md"), "utf8");
    for (const path of [
      "ci/github-actions.yml",
      "ci/gitlab-ci.yml",
      "ci/github-seal.yml",
      "ci/gitlab-seal.yml",
    ])
      expect(page).toContain(`](${path})`);
  });
});
