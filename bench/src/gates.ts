import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createTestDirectory,
  hasManager,
  linkManager,
  startTestkit,
  writeFiles,
  type RealManager,
  type Testkit,
} from "@countersign/testkit";
import { median, printTable, type Row } from "./table.ts";

const packageCount = 1000;
const attestedCount = 150;
const rounds = 3;
const executable = resolve(import.meta.dirname, "../../packages/cli/bin/countersign.mjs");

/** How a manager is set up for loopback, makes its lockfile, and installs it. */
type Contestant = {
  manager: RealManager;
  tool: string;
  lock: readonly string[];
  install: readonly string[];
  files: (registry: string) => Readonly<Record<string, string>>;
  /** Where `init` puts the hook, and one that does nothing. */
  hook: { path: string; empty: string };
};

const npmrc = (registry: string): string => `registry=${registry}\naudit=false\nfund=false\n`;
const contestants: readonly Contestant[] = [
  {
    manager: "npm-12",
    tool: "npm",
    lock: ["install", "--package-lock-only"],
    install: ["ci"],
    files: (registry) => ({ ".npmrc": npmrc(registry) }),
    hook: { path: ".countersign/hooks/npm.mjs", empty: "" },
  },
  {
    manager: "pnpm-12",
    tool: "pnpm",
    lock: ["install", "--lockfile-only"],
    install: ["install", "--frozen-lockfile"],
    files: (registry) => ({
      ".npmrc": npmrc(registry),
      "pnpm-workspace.yaml": "packages: []\nminimumReleaseAge: 0\nverifyDepsBeforeRun: false\n",
    }),
    hook: { path: ".countersign/hooks/pnpm.cjs", empty: "module.exports = { hooks: {} };\n" },
  },
  {
    manager: "yarn-4",
    tool: "yarn",
    lock: ["install", "--mode=update-lockfile"],
    install: ["install", "--immutable"],
    files: (registry) => ({
      ".yarnrc.yml": `npmRegistryServer: "${registry}"\nunsafeHttpWhitelist: ["127.0.0.1"]\nnpmMinimalAgeGate: 0\nenableTelemetry: false\nnodeLinker: node-modules\n`,
    }),
    hook: {
      path: ".yarn/plugins/yarn-plugin-countersign.cjs",
      empty: `module.exports = { name: "yarn-plugin-countersign", factory: () => ({}) };\n`,
    },
  },
  {
    manager: "bun-1",
    tool: "bun",
    lock: ["install", "--lockfile-only"],
    install: ["install", "--frozen-lockfile"],
    files: (registry) => ({ "bunfig.toml": `[install]\nregistry = "${registry}"\n` }),
    hook: {
      path: ".countersign/hooks/bun.mjs",
      empty: `export const scanner = { version: "1", scan: async () => [] };\n`,
    },
  },
];

const gates = ["plain", "wrapper", "hook", "empty", "disabled"] as const;
type Gate = (typeof gates)[number];
/** What is there when an install starts: nothing; caches and evidence; `node_modules` besides. */
const states = ["cold", "warm", "no-op"] as const;
type State = (typeof states)[number];

/**
 * (e) What a gate adds to an install of 1,000 locked packages, 150 of them attested, against the same command without
 * it: whole processes on loopback, in turn, each manager with a home of its own. `disabled` is the hook under a policy
 * of that mode, `empty` a hook that does nothing: what the manager itself takes to load one.
 */
export async function benchGates(): Promise<void> {
  await using kit = await startTestkit();
  const names = publish(kit);
  const root = createTestDirectory("gates");
  try {
    for (const contestant of contestants) {
      if (!hasManager(contestant.manager)) {
        process.stdout.write(`(e) ${contestant.manager} is not installed: skipped\n`);
        continue;
      }
      const directory = join(root.path, contestant.manager);
      const lanes = await layOut(kit, contestant, directory, names);
      const times = new Map<string, number[]>();
      for (let round = 0; round < rounds; round += 1) {
        for (const lane of lanes) {
          for (const state of states) {
            prepare(lane, state);
            const key = `${lane.gate} ${state}`;
            times.set(key, [...(times.get(key) ?? []), await time(lane)]);
          }
        }
      }
      const rows = states.map((state): Row => {
        const of = (gate: Gate): number => median(times.get(`${gate} ${state}`) ?? []);
        const plain = of("plain");
        return [
          state,
          `${plain.toFixed(0)} ms`,
          ...lanes
            .filter(({ gate }) => gate !== "plain")
            .map(({ gate }) => `${(of(gate) / plain).toFixed(2)}× (+${(of(gate) - plain).toFixed(0)} ms)`),
        ];
      });
      const title = `(e) ${contestant.tool} ${contestant.install.join(" ")} (${contestant.manager}); median of ${rounds}`;
      printTable(title, [["", ...lanes.map(({ gate }) => gate)], ...rows]);
    }
  } finally {
    root.remove();
  }
}

function publish(kit: Testkit): string[] {
  return Array.from({ length: packageCount }, (_, index) => {
    const name = `package-${String(index).padStart(4, "0")}`;
    kit.npm.publish({ name, ...(index < attestedCount && { provenance: true, publishAttestation: true }) });
    return name;
  });
}

type Lane = {
  gate: Gate;
  project: string;
  own: string;
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
};

async function layOut(
  kit: Testkit,
  { manager, tool, lock, install, files, hook }: Contestant,
  directory: string,
  names: readonly string[],
): Promise<Lane[]> {
  const bin = linkManager(manager, join(directory, "bin"));
  const seed = join(directory, "seed");
  const dependencies = Object.fromEntries(names.map((name) => [name, "1.0.0"]));
  const trust = kit.writeTrust(join(directory, "trust"));
  writeFiles(seed, {
    "package.json": `${JSON.stringify({ name: "bench", version: "1.0.0", private: true, dependencies }, null, 2)}\n`,
    ...files(kit.npm.url),
  });
  const lanes: Lane[] = [];
  const envOf = (own: string): NodeJS.ProcessEnv => ({
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: own,
    XDG_CACHE_HOME: join(own, "cache"),
    XDG_DATA_HOME: join(own, "data"),
    npm_config_cache: join(own, "npm"),
    YARN_GLOBAL_FOLDER: join(own, "yarn"),
    BUN_INSTALL_CACHE_DIR: join(own, "bun"),
    COUNTERSIGN_CACHE_DIR: join(own, "countersign"),
    CI: "true",
  });
  const locked = await finish(join(bin, tool), lock, seed, envOf(join(directory, "resolver")));
  if (locked !== 0) throw new Error(`${manager} could not resolve: exit code ${locked}`);
  rmSync(join(seed, "node_modules"), { recursive: true, force: true });
  for (const gate of gates) {
    const project = join(directory, gate, "project");
    const own = join(directory, gate, "home");
    cpSync(seed, project, { recursive: true });
    mkdirSync(own, { recursive: true });
    const mode = gate === "disabled" ? "disabled" : "strict";
    if (gate !== "plain") {
      cpSync(trust.trustedRoot, join(project, ".countersign/root.json"));
      cpSync(trust.npmKeys, join(project, ".countersign/keys.json"));
      writeFiles(project, { ".countersign/policy.yaml": policy(kit.npm.url, mode) });
    }
    const env = envOf(own);
    if (gate !== "plain" && gate !== "wrapper") {
      const set = await finish(process.execPath, [executable, "init", "--yes"], project, env);
      if (set !== 0) throw new Error(`init failed for ${manager}`);
    }
    if (gate === "empty") {
      writeFiles(project, { [hook.path]: hook.empty });
      // pnpm keeps the hook's checksum in the lockfile.
      await finish(join(bin, tool), lock, project, env);
      rmSync(join(project, "node_modules"), { recursive: true, force: true });
    }
    const wrapped = gate === "wrapper";
    lanes.push({
      gate,
      project,
      own,
      env,
      command: wrapped ? process.execPath : join(bin, tool),
      args: wrapped ? [executable, tool, ...install] : install,
    });
  }
  return lanes;
}

const policy = (registry: string, mode: string): string => `version: 1
mode: ${mode}
registries:
  - { url: "${registry}", ecosystem: npm, keys: keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
trust: { roots: [root.json] }
`;

function prepare({ project, own }: Lane, state: State): void {
  if (state === "no-op") return;
  rmSync(join(project, "node_modules"), { recursive: true, force: true });
  if (state !== "cold") return;
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  if (existsSync(join(project, ".yarn/cache"))) rmSync(join(project, ".yarn/cache"), { recursive: true });
}

async function time({ gate, project, command, args, env }: Lane): Promise<number> {
  const started = performance.now();
  const exitCode = await finish(command, args, project, env);
  if (exitCode !== 0) throw new Error(`${gate}: ${args.join(" ")} ended with ${exitCode} in ${project}`);
  return performance.now() - started;
}

function finish(
  command: string,
  args: readonly string[],
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(command, [...args], { cwd: directory, env, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = `${errors}${chunk.toString("utf8")}`.slice(-2000)));
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (code) => {
      if (code !== 0) process.stderr.write(errors);
      done(code ?? 1);
    });
  });
}
