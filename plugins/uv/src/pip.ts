import { relative, resolve } from "node:path";
import { mayRun, policyHome } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  modeOf,
  namedOptions,
  refuseAll,
  runUnchanged,
  sayLeftOut,
  variablesFor,
  workingDirectory,
  type Call,
} from "./call.ts";
import { isGiven, valuesOf, writeOptions } from "./command-line.ts";
import { packagesOf } from "./ledger.ts";
import { refuseEnvironment } from "./install.ts";
import { pipTarget, refuseUnknown, type Target } from "./pip-environment.ts";
import { compileOptions, indexOptions, withPylock } from "./pip-lock.ts";
import { readRequirement } from "./requirement.ts";

/** `uv pip install`, `uv pip sync`: what is asked for becomes a lockfile of this machine's wheels, and only that is installed. */
export async function installPip(call: Call): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  const mode = await modeOf(call);
  if (mode === "disabled") return runUnchanged(call);
  const synchronises = line.command === "pip sync";
  const requirements = synchronises ? [] : line.rest;
  const files = synchronises ? line.rest : valuesOf(line, "requirements");
  const wrong = requirements.find((each) => readRequirement(each) === null);
  const target = await pipTarget(call);
  const chosen = await choosePython(call, workingDirectory(call));
  if (mode === "strict") {
    const refusals = [...plan.refusals];
    if (wrong !== undefined)
      refusals.push({
        code: "command/uncovered",
        why: `${wrong} is no package of an index: what it installs would be built or fetched unlocked.`,
        fix: "Name packages and versions only.",
      });
    if (chosen.refusal !== null) refusals.push(chosen.refusal);
    if (refusals.length > 0) return refuseAll(call, refusals);
    const refused = await refuseUnknown(call, target);
    if (refused !== null) return refused;
    sayLeftOut(call);
  } else if (wrong !== undefined || chosen.refusal !== null) {
    host.say(`${wrong ?? "the interpreter"} was not looked at beforehand: it is no package of an index`);
    return runUnchanged(call);
  }
  const directory = workingDirectory(call);
  const request = {
    requirements,
    files: files.map((file) => resolve(directory, file)),
    python: target.version === null ? chosen.args : ["--python", target.version],
  };
  return withPylock(
    call,
    request,
    async (pylock, verification) => {
      if (!mayRun(verification)) return verification.exitCode;
      if (mode === "warn") return runUnchanged(call);
      const exitCode = await install(call, target, pylock, synchronises);
      if (exitCode === 0 && target.environment !== null && !isGiven(line, "dry-run"))
        await call.ledger.record(target.environment, packagesOf(verification));
      return exitCode;
    },
    async ({ exitCode, stderr }) => {
      if (mode === "warn") {
        host.say("uv could not resolve this beforehand, so what it installs was not looked at");
        return runUnchanged(call);
      }
      host.say(stderr.trim());
      return exitCode;
    },
  );
}

/** Asks no index: addresses and hashes stand in the lockfile. `install` leaves what else is in the environment. */
function install(
  call: Call,
  { environment }: Target,
  pylock: string,
  synchronises: boolean,
): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  const names = [
    "system",
    "target",
    "prefix",
    "break-system-packages",
    "no-break-system-packages",
    "reinstall",
    "reinstall-package",
    "compile-bytecode",
    "strict",
    "dry-run",
    "output-format",
    "exact",
    "python",
  ];
  return host.run("uv", {
    args: [
      "pip",
      synchronises ? "sync" : "install",
      "--require-hashes",
      "--no-build",
      "--no-config",
      "--preview-features",
      "pylock",
      ...commonOptions(line),
      ...namedOptions(line, ...names),
      ...(environment === null ? [] : ["--python", environment]),
      ...(synchronises ? [pylock] : ["--no-deps", "-r", pylock]),
    ],
    directory: workingDirectory(call),
    variables: variablesFor(call, "install", policyHome(workingDirectory(call)), environment),
  });
}

/** `uv pip compile`: nothing is installed or built, and no environment of the project is looked at. */
export async function compilePip(call: Call): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  if ((await modeOf(call)) !== "strict") return runUnchanged(call);
  const python = await choosePython(call, workingDirectory(call));
  const refusals = [...plan.refusals, ...(python.refusal === null ? [] : [python.refusal])];
  if (refusals.length > 0) return refuseAll(call, refusals);
  sayLeftOut(call);
  const taken = new Set(["extra", "all-extras", "group", "no-deps", "constraints", "overrides", "excludes"]);
  const { version } = await pipTarget(call);
  return host.run("uv", {
    args: [
      "pip",
      "compile",
      "--no-build",
      "--no-config",
      ...(python.args.length === 0 && version !== null ? ["--python", version] : python.args),
      ...commonOptions(line),
      ...compileOptions(call),
      ...(await indexOptions(call)),
      ...writeOptions(line.options.filter(({ kind, name }) => kind === "select" && !taken.has(name))),
      ...line.rest,
    ],
    directory: workingDirectory(call),
    variables: variablesFor(call, "resolve", policyHome(workingDirectory(call)), null),
  });
}

/** `uv pip list` and its like run the environment's interpreter, so strict mode wants to know the environment. */
export async function inspect(call: Call): Promise<number> {
  const { host, plan } = call;
  if ((await modeOf(call)) !== "strict") return runUnchanged(call);
  if (plan.refusals.length > 0) return refuseAll(call, plan.refusals);
  const target = await pipTarget(call);
  if (target.environment !== null) {
    const refused = await refuseUnknown(call, target);
    if (refused !== null) return refused;
  }
  const exitCode = await host.run("uv", {
    args: host.args,
    variables: {
      ...variablesFor(call, "install", policyHome(workingDirectory(call)), target.environment),
      ...(target.environment === null ? {} : { VIRTUAL_ENV: target.environment }),
    },
  });
  const known = target.environment !== null && (await call.ledger.has(target.environment));
  if (exitCode === 0 && known && plan.line.command === "pip uninstall")
    await call.ledger.record(target.environment as string, {});
  return exitCode;
}

/** `uv venv`: an empty environment, which a verified install may then fill. */
export async function makeEnvironment(call: Call): Promise<number> {
  const { host, plan, ledger } = call;
  const { line } = plan;
  if ((await modeOf(call)) !== "strict") return runUnchanged(call);
  const python = await choosePython(call, workingDirectory(call));
  const refusals = [...plan.refusals, ...(python.refusal === null ? [] : [python.refusal])];
  if (isGiven(line, "allow-existing"))
    refusals.push({
      code: "environment/preexisting",
      why: "--allow-existing keeps what lies there, which nothing verified.",
      fix: "Use --clear.",
    });
  if (refusals.length > 0) return refuseAll(call, refusals);
  sayLeftOut(call);
  const environment = resolve(workingDirectory(call), line.rest[0] ?? ".venv");
  const state = await ledger.state(environment);
  const shown = relative(host.directory, environment);
  if (state === "link" || state === "foreign") return refuseEnvironment(call, shown, state);
  const exitCode = await host.run("uv", {
    args: [
      "venv",
      "--no-config",
      ...python.args,
      ...commonOptions(line),
      ...namedOptions(line, "clear", "force", "prompt", "relocatable", "system-site-packages", "no-project"),
      environment,
    ],
    directory: workingDirectory(call),
    variables: variablesFor(call, "install", policyHome(workingDirectory(call)), environment),
  });
  if (exitCode === 0) {
    await ledger.forget(environment);
    await ledger.record(environment, {});
  }
  return exitCode;
}
