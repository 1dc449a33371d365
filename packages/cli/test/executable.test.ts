import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { hasVectors, vectorsPath } from "./vectors.ts";

/** The package as it is published, in a directory from which no dependency can be reached. */
const installed = createTestDirectory("installed");
const bin = join(installed.path, "bin/countersign.mjs");
const home = join(installed.path, "home");
const cliPackage = resolve(import.meta.dirname, "..");

beforeAll(async () => {
  const { default: config } = (await import(`${cliPackage}/rolldown.config.mjs`)) as {
    default: { output: Record<string, unknown>; input: Record<string, string> };
  };
  const { output, ...input } = config;
  const bundle = await rolldown({ ...input, cwd: cliPackage });
  await bundle.write({ ...output, dir: join(installed.path, "dist") });
  await bundle.close();
  for (const name of ["bin", "package.json"])
    cpSync(join(cliPackage, name), join(installed.path, name), { recursive: true });
  mkdirSync(home);
});
afterAll(() => installed.remove());

const environment = (variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
  HOME: home,
  COUNTERSIGN_CACHE_DIR: join(home, "cache"),
  ...variables,
});
const run = (
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  cwd = home,
): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [bin, ...args], { cwd, encoding: "utf8", env: environment(variables) });

describe("the executable", () => {
  it("prints its version and loads nothing for it", () => {
    const { version } = JSON.parse(readFileSync(join(cliPackage, "package.json"), "utf8")) as {
      version: string;
    };
    for (const flag of ["--version", "-V"])
      expect(run([flag])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("shows help with examples, for the whole and for every command", () => {
    const whole = run(["--help"]);
    expect(whole).toMatchObject({ status: 0, stderr: "" });
    expect(whole.stdout).toContain("$ countersign verify");
    for (const command of [
      "verify",
      "explain",
      "verify-attestation",
      "doctor",
      "init",
      "restore",
      "completion",
    ]) {
      const { status, stdout } = run([command, "--help"]);
      expect(status).toBe(0);
      expect(stdout).toMatch(/Examples:\n {2}\$ .*countersign /);
    }
  });

  it.each([
    [[], /Usage: countersign/],
    [["verfy"], /^countersign: unknown command 'verfy'\n\(Did you mean verify\?\)\n$/],
    [["verify", "--ofline"], /^countersign: unknown option '--ofline'\n\(Did you mean --offline\?\)\n$/],
    [["verify", "extra"], /too many arguments/],
    [["explain"], /missing required argument 'package'/],
    [["verify", "--format", "sarif"], /sarif comes later; use json or markdown/],
    [["verify", "--format", "junit"], /junit comes later/],
    [["verify", "--format", "github"], /github comes later/],
    [["verify", "--format", "pdf"], /human, json, markdown/],
    [["verify", "--mode", "loose"], /disabled, warn, strict/],
    [["verify", "--platform", "mars"], /current, all/],
    [["completion", "tcsh"], /bash, zsh, fish, powershell/],
    [["evidence"], /Usage: countersign evidence/],
    [["policy", "chek"], /Did you mean check/],
    [["pin", "left-pad"], /^countersign: pin comes later/],
  ])("ends 2 for %j and says how to go on", (args, message) => {
    const { status, stdout, stderr } = run(args);
    expect(status, stdout).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it("says both to people and as JSON that two formats contradict each other", () => {
    const { status, stdout, stderr } = run(["verify", "--json", "--format", "markdown"]);
    expect(status, stderr).toBe(2);
    for (const text of [stdout, stderr]) expect(text).toContain("--json and --format markdown contradict");
  });

  // Node.js says so as soon as somebody asks for all that one of its modules can do.
  it.each([["--help"], ["policy", "show"], ["verify", "--offline"]])(
    "loads nothing that warns of NO_COLOR beside FORCE_COLOR: %j %j",
    (...args) => {
      const { stdout, stderr } = run(args, { NO_COLOR: "1", FORCE_COLOR: "1" });
      expect(stderr).not.toContain("Warning");
      expect(stdout + stderr).not.toContain("\u001B");
    },
  );

  it("ends 2 where there is nothing to verify", () => {
    const empty = createTestDirectory("empty");
    writeFiles(empty.path, { ".git/HEAD": "" });
    const ran = run(["verify", "--offline"], {}, empty.path);
    expect(ran).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("lockfile/not-found"),
    });
    empty.remove();
  });

  it("F11: loads no cryptography and asks nobody in mode disabled, and does both in mode warn", () => {
    const project = createTestDirectory("disabled");
    const spy = join(project.path, "spy.mjs");
    const loads = join(project.path, "loads.txt");
    const write = (mode: string): void =>
      void writeFiles(project.path, {
        ".git/HEAD": "",
        ".countersign/policy.yaml": `version: 1\nmode: ${mode}\nrequire: [{ ecosystem: npm, names: ["**"], level: locked }]\n`,
        "package.json": "{}",
        "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": {} } }),
        // Writes down what is loaded, and what of Node.js itself.
        "spy.mjs": `import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(loads)}, url + "\\n"); return next(url, context); } });
`,
        "loads.txt": "",
      });
    const loaded = (mode: string, ...args: readonly string[]): string[] => {
      write(mode);
      const ran = spawnSync(process.execPath, ["--import", spy, bin, ...args], {
        cwd: project.path,
        encoding: "utf8",
        env: environment(),
      });
      expect([0, 2], ran.stderr).toContain(ran.status);
      return readFileSync(loads, "utf8").trim().split("\n");
    };
    const heavy = (urls: readonly string[]): string[] =>
      urls.filter(
        (url) =>
          /^node:(?:https?|tls|net|http2|sqlite)$/.test(url) ||
          contentOf(url).some((word) => sigstore.test(word)),
      );
    const contentOf = (url: string): string[] =>
      url.startsWith("file:") && url.includes("/dist/") ? [readFileSync(new URL(url), "utf8")] : [];
    // Words of the verifying libraries that minification keeps.
    const sigstore = /inclusionPromise|signedEntryTimestamp|TimestampAuthorit/;
    expect(heavy(loaded("warn", "verify", "--offline"))).not.toEqual([]);
    expect(heavy(loaded("disabled", "verify"))).toEqual([]);
    // A manager of the test's own, which is run all the same.
    writeFiles(home, { "bin/npm": "#!/bin/sh\nexit 0\n" });
    chmodSync(join(home, "bin/npm"), 0o755);
    expect(heavy(loaded("disabled", "npm", "ci"))).toEqual([]);
    project.remove();
  });

  it("puts no colour where there is no terminal or NO_COLOR is set", () => {
    const project = createTestDirectory("colour");
    writeFiles(project.path, { ".git/HEAD": "", "package-lock.json": "{}" });
    const escape = "\u001b[";
    expect(run(["verify", "--offline"], {}, project.path).stdout).not.toContain(escape);
    expect(run(["verify", "--offline"], { CI: "true" }, project.path).stdout).not.toContain(escape);
    expect(run(["verify", "--offline"], { FORCE_COLOR: "1" }, project.path).stdout).toContain(escape);
    expect(
      run(["verify", "--offline"], { FORCE_COLOR: "1", NO_COLOR: "1" }, project.path).stdout,
    ).not.toContain(escape);
    project.remove();
  });

  it("ends 130 when it is interrupted while a server stalls", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((ready) => silent.listen(0, "127.0.0.1", ready));
    const registry = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const project = createTestDirectory("stalled");
    writeFiles(project.path, {
      ".git/HEAD": "",
      ".npmrc": `registry=${registry}\n`,
      "package.json": "{}",
      "package-lock.json": JSON.stringify({
        lockfileVersion: 3,
        packages: {
          "": {},
          "node_modules/a": {
            version: "1.0.0",
            resolved: `${registry}a/-/a-1.0.0.tgz`,
            integrity: `sha512-${Buffer.alloc(64).toString("base64")}`,
          },
        },
      }),
    });
    const root = hasVectors ? ["--trusted-root", vectorsPath("trust", "production-trusted_root.json")] : [];
    const child = spawn(process.execPath, [bin, "verify", ...root], {
      cwd: project.path,
      env: environment(),
    });
    const [status] = await Promise.all([
      new Promise((ended) => child.on("exit", ended)),
      new Promise<void>((seen) => silent.once("connection", () => seen())).then(() => child.kill("SIGINT")),
    ]);
    silent.close();
    project.remove();
    expect(status).toBe(130);
  });

  it("ends with its own code when the reader of its output goes away", () => {
    const { stdout } = spawnSync(
      "sh",
      [
        "-c",
        `"${process.execPath}" "${bin}" --help | true; "${process.execPath}" "${bin}" verify --json --offline 2>/dev/null | head -c 1`,
      ],
      {
        cwd: home,
        encoding: "utf8",
        env: environment(),
      },
    );
    expect(stdout).toBe("{");
  });

  it.skipIf(!existsSync("/dev/full"))("ends 2 where its output cannot be written", () => {
    const project = createTestDirectory("full");
    writeFiles(project.path, {
      "package.json": "{}",
      "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": {} } }),
    });
    const full = openSync("/dev/full", "w");
    for (const args of [["verify", "--offline"], ["verify", "--offline", "--json"], ["--help"]]) {
      const ran = spawnSync(process.execPath, [bin, ...args], {
        cwd: project.path,
        encoding: "utf8",
        env: environment(),
        stdio: ["ignore", full, "pipe"],
      });
      expect(ran.stderr).toMatch(/countersign: the output cannot be written: ENOSPC\n$/);
      expect(ran.status).toBe(2);
    }
    closeSync(full);
    project.remove();
  });

  it.skipIf(!hasVectors)("carries its trust with it", () => {
    const bundle = vectorsPath("npm", "attestations", "artifact-keeper--sigstore-5.0.0.json");
    const { status, stdout } = run(["verify-attestation", "--bundle", bundle, "--json"]);
    expect({ status, outcome: (JSON.parse(stdout) as { outcome: string }).outcome }).toEqual({
      status: 0,
      outcome: "verified",
    });
  });

  it("writes a bash completion that bash understands and that knows the commands", () => {
    const { stdout } = run(["completion", "bash"]);
    const ask = (...words: string[]): string[] =>
      spawnSync(
        "bash",
        [
          "-c",
          `eval "$SCRIPT"; COMP_WORDS=(countersign ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        {
          env: { ...process.env, SCRIPT: stdout },
          encoding: "utf8",
        },
      )
        .stdout.trim()
        .split("\n");
    expect(ask("ver")).toEqual(["verify", "verify-attestation"]);
    expect(ask("evidence", "")).toEqual(expect.arrayContaining(["fetch", "pack", "check", "import"]));
    expect(ask("policy", "sh")).toEqual(["show"]);
    expect(ask("verify", "--of")).toEqual(["--offline"]);
    expect(ask("restore", "--d")).toEqual(["--debug", "--dry-run"]);
    expect(ask("init", "--")).toEqual(expect.arrayContaining(["--manager", "--remove", "--yes"]));
    expect(ask("np")).toEqual(["npm", "npx"]);
    expect(ask("npm", "--of")).toEqual([""]);
  });

  it.each(["zsh", "fish", "powershell"])("writes a %s completion that names every command", (shell) => {
    const { status, stdout } = run(["completion", shell]);
    expect(status).toBe(0);
    for (const name of ["verify-attestation", "doctor", "managed-policy"]) expect(stdout).toContain(name);
  });

  describe("keeps what Node.js compiled", () => {
    const placeOf = (name: string): { home: string; compiled: string; temporary: string } => {
      const own = join(installed.path, name);
      const temporary = join(own, "tmp");
      mkdirSync(temporary, { recursive: true });
      return { home: own, compiled: join(own, ".local/state/countersign/compiled"), temporary };
    };
    const look = (
      { home: own, temporary }: ReturnType<typeof placeOf>,
      variables: Readonly<Record<string, string>> = {},
      cwd = home,
    ): void => {
      const settings = { HOME: own, TMPDIR: temporary, ...variables };
      expect(run(["policy", "check", "nothing.yaml"], settings, cwd).status).toBe(2);
      expect(readdirSync(temporary)).toEqual([]);
    };

    it.skipIf(process.platform === "win32")("for this user alone, and never where others write too", () => {
      const place = placeOf("kept");
      look(place);
      expect(statSync(place.compiled).mode & 0o777).toBe(0o700);
      expect(readdirSync(place.compiled)).toHaveLength(1);
      expect(readdirSync(place.compiled, { recursive: true }).length).toBeGreaterThan(3);
    });

    it.skipIf(process.platform === "win32")(
      "takes nothing over from a folder that others may write to",
      () => {
        const place = placeOf("open");
        const [version] = run(["--version"]).stdout.split("\n");
        const planted = join(place.compiled, version ?? "", "planted");
        mkdirSync(planted, { recursive: true });
        chmodSync(join(place.compiled, version ?? ""), 0o777);
        look(place);
        expect(existsSync(planted)).toBe(false);
      },
    );

    it("removes what another version compiled", () => {
      const place = placeOf("older");
      mkdirSync(join(place.compiled, "0.0.0-older"), { recursive: true, mode: 0o700 });
      look(place);
      expect(readdirSync(place.compiled)).not.toContain("0.0.0-older");
    });

    it("not in CI, whose caches a pull request may have filled", () => {
      const place = placeOf("ci");
      look(place, { CI: "true" });
      expect(existsSync(place.compiled)).toBe(false);
    });

    it("not inside of the repository, by a link neither", () => {
      const place = placeOf("inside");
      mkdirSync(join(place.home, ".git"));
      look(place, {}, place.home);
      expect(existsSync(place.compiled)).toBe(false);
      const repository = join(installed.path, "repository");
      mkdirSync(join(repository, ".git"), { recursive: true });
      mkdirSync(join(repository, "state"));
      const link = join(installed.path, "link");
      symlinkSync(join(repository, "state"), link);
      look(place, { XDG_STATE_HOME: link }, repository);
      const kept = readdirSync(join(repository, "state"), { recursive: true, withFileTypes: true });
      expect(kept.filter((each) => each.isFile())).toEqual([]);
    });
  });
});
