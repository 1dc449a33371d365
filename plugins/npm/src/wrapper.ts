import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import {
  changeLock,
  installFrozen,
  passUnknown,
  type ToolRun,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { frozenOptions, plan, planNpx, type Finish, type Plan } from "./command-line.ts";
import { agreementOf, readManifest, workspacesOf } from "./manifest.ts";
import { lockfileOf, projectOf } from "./project.ts";
import { frozenArguments, resolutionRun } from "./resolution.ts";
import { installGlobally, runPackage } from "./run-package.ts";

/** The commands of this manager that are gated, by name. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  npm: (host) => gate(host, "npm", plan(host.args)),
  npx: (host) => gate(host, "npx", planNpx(host.args)),
};

async function gate(host: WrapperHost, tool: string, made: Plan): Promise<number> {
  const user: ToolRun = { args: host.args };
  if (made.kind === "pass") return host.run(tool, user);
  const mode = await host.mode();
  if (mode === "disabled") return host.run(tool, user);
  if (made.kind === "unknown") return passUnknown(host, tool, user, made.shown);
  if (made.kind === "weakens") {
    if (mode === "strict") {
      host.refuse({
        code: "settings/weakens",
        why: `${made.option}: ${made.why}.`,
        fix: `Leave ${made.option} out; ${made.fix}.`,
      });
      return 1;
    }
    host.say(`${made.option}: ${made.why}`);
    return host.run(tool, user);
  }
  const whole: WrapperHost = made.everyPlatform
    ? { ...host, verify: (request) => host.verify({ ...request, platform: "all" }) }
    : host;
  if (made.kind === "run") return runPackage(whole, tool, made);
  if (made.kind === "global") return installGlobally(whole, made);
  return install(whole, made, user);
}

type Installing = Extract<Plan, { kind: "frozen" | "install" | "change" }>;

async function install(host: WrapperHost, made: Installing, user: ToolRun): Promise<number> {
  const directory = await projectOf(host, made.prefix, made.options);
  const lockfile = lockfileOf(directory);
  const strict = frozenRun(host, made);
  const common = { manager: "npm", tool: "npm", directory, user, strict } as const;
  const settled =
    made.kind === "frozen" ||
    (made.kind === "install" && lockfile !== null && (await agreementOf(directory, lockfile)) === "same");
  if (settled) return installFrozen(host, { ...common, lockfile });
  const extension = extensions.find((name) => existsSync(join(directory, name)));
  if (extension !== undefined && (await host.mode()) === "strict") {
    host.refuse({
      code: "command/uncovered",
      why: `npm runs ${extension} to change this lockfile, and nothing is run before it is verified.`,
      fix: "Change the lockfile with npm itself, review it, and install it: countersign npm ci.",
    });
    return 1;
  }
  const [command, args] = made.kind === "change" ? [made.command, made.args] : ["install", []];
  const manifest = (await readManifest(directory)) ?? {};
  const needs = [
    ...(await workspacesOf(directory, manifest)).map((path) => `${path}/package.json`),
    ...localFiles(manifest),
  ];
  return changeLock(host, {
    ...common,
    lockfile: lockfile ?? "npm-shrinkwrap.json",
    needs,
    resolve: (copy) => {
      const run = resolutionRun(host.environment, command, args, made.options);
      const within = join(copy, relative(directory, host.directory));
      if (made.prefix === null && existsSync(within)) return { ...run, directory: within };
      return { ...run, args: [`--prefix=${copy}`, ...run.args], directory: copy };
    },
  });
}

/** What npm 12 runs while it resolves, and a lockfile then holds the digest of. */
const extensions = [".npm-extension.mjs", ".npm-extension.cjs"];

const commands: Readonly<Record<Exclude<Finish, "nothing">, string>> = {
  install: "ci",
  test: "install-ci-test",
};

function frozenRun(host: WrapperHost, made: Installing): ToolRun | (() => Promise<number>) {
  if (made.finish === "nothing") return () => Promise.resolve(0);
  const options = frozenArguments(host.environment, frozenOptions(made.options));
  const prefix = made.prefix === null ? [] : [`--prefix=${made.prefix}`];
  // The guard of npm 10 and 11 comes too late to protect, and need not say so where we did.
  const variables = { COUNTERSIGN_WRAPPER: "1" };
  return { args: [commands[made.finish], ...prefix, ...options], variables };
}

/** Tarballs and folders of the project that package.json names: a copy that resolves needs them. */
function localFiles(manifest: Readonly<Record<string, unknown>>): string[] {
  const specs = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((field) =>
    Object.values((manifest[field] ?? {}) as Record<string, unknown>),
  );
  return specs.flatMap((spec) => {
    const path = typeof spec === "string" ? /^file:(?:\.\/)?([^/].*)$/.exec(spec)?.[1] : undefined;
    if (path === undefined) return [];
    return /\.(?:tgz|tar\.gz|tar)$/i.test(path) ? [path] : [`${path}/package.json`];
  });
}
