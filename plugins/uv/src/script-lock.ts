import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { mayRun, policyHome, type Refusal, type Verification } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  optionsOf,
  refuseAll,
  runUnchanged,
  sayLeftOut,
  variablesFor,
  wheelsOnly,
  workingDirectory,
  type Call,
} from "./call.ts";
import { valuesOf, writeOptions } from "./command-line.ts";
import { readScript } from "./script.ts";

/** Absolute path of a script's own lockfile. */
export const scriptLock = (script: string): string => `${script}.lock`;

/** Decides on a script's lockfile and runs the script with exactly that. */
export async function runLockedScript(call: Call, script: string, args: readonly string[]): Promise<number> {
  const { host, plan } = call;
  const mode = await host.mode(dirname(script));
  if (mode === "disabled") return runUnchanged(call);
  const python = await choosePython(call, dirname(script));
  const refusals = [...plan.refusals, ...(python.refusal === null ? [] : [python.refusal])];
  if (mode === "strict" && refusals.length > 0) return refuseAll(call, refusals);
  return withCopy(call, script, async (copy) => {
    const before = await bytesOf(script);
    const verification = await judge(call, script, copy);
    host.show(verification);
    if (!mayRun(verification)) return verification.exitCode;
    if (mode === "warn") return runUnchanged(call);
    sayLeftOut(call);
    const directory = workingDirectory(call);
    const resolving = variablesFor(call, "resolve", dirname(script), null);
    const options = [...python.args, ...commonOptions(plan.line)];
    const checked = await host.capture("uv", {
      args: ["lock", "--check", ...wheelsOnly, ...options, "--script", copy],
      directory: dirname(copy),
      variables: resolving,
    });
    if (checked.exitCode !== 0) {
      host.say(checked.stderr.trim());
      return refuseAll(call, [stale(basename(script))]);
    }
    if ((await bytesOf(script)) !== before || (await bytesOf(copy)) !== before)
      return refuseAll(call, [changed(script)]);
    const exitCode = await host.run("uv", {
      args: ["run", "--frozen", ...wheelsOnly, "--no-config", ...options, "--script", script, ...args],
      directory,
      variables: variablesFor(call, "install", dirname(script), null),
    });
    return (await bytesOf(script)) === before ? exitCode : refuseAll(call, [changed(script)]);
  });
}

/** `uv lock`, `add` and `remove` with `--script`: on a copy, and back after an allowing decision. */
export async function changeScript(call: Call, script: string): Promise<number> {
  const { host, plan } = call;
  const { command, rest, options } = plan.line;
  const mode = await host.mode(dirname(script));
  if (mode === "disabled") return runUnchanged(call);
  const read = await readScript(script, basename(script));
  const python = await choosePython(call, dirname(script));
  const refusals: Refusal[] = [
    ...plan.refusals,
    ...(read.kind === "refused" ? [read.refusal] : []),
    ...(python.refusal === null ? [] : [python.refusal]),
  ];
  if (mode === "strict" && refusals.length > 0) return refuseAll(call, refusals);
  return withCopy(call, script, async (copy) => {
    const resolved = await host.capture("uv", {
      args: [
        command,
        ...wheelsOnly,
        ...(command === "lock" ? [] : ["--no-sync"]),
        ...python.args,
        ...commonOptions(plan.line),
        ...optionsOf(plan.line, "resolve"),
        ...writeOptions(options.filter(({ kind, name }) => kind === "select" && name !== "script")),
        "--script",
        copy,
        ...(rest.length > 0 ? ["--", ...rest] : []),
      ],
      directory: dirname(copy),
      variables: variablesFor(call, "resolve", dirname(script), null),
    });
    if (resolved.exitCode !== 0) {
      if (mode === "warn") return runUnchanged(call);
      host.say(resolved.stderr.trim());
      return resolved.exitCode;
    }
    if (existsSync(scriptLock(copy))) {
      const verification = await judge(call, script, copy);
      host.show(verification);
      host.introduce({ ...verification, lockfiles: [] }, verification);
      if (!mayRun(verification)) return verification.exitCode;
    }
    if (mode === "warn") return runUnchanged(call);
    await takeBack(copy, script);
    if (existsSync(scriptLock(copy))) await takeBack(scriptLock(copy), scriptLock(script));
    return 0;
  });
}

/** Absolute path of the script that `--script` names; null where it names none. */
export const namedScript = (call: Call): string | null => {
  const script = valuesOf(call.plan.line, "script").at(-1);
  return script === undefined ? null : resolve(workingDirectory(call), script);
};

async function takeBack(from: string, to: string): Promise<void> {
  const beside = `${to}.countersign-${process.pid}`;
  await copyFile(from, beside);
  await rename(beside, to);
}

/** A script's lockfile has the script's name, by which no lockfile is known: it is judged under uv's own. */
async function judge({ host }: Call, script: string, copy: string): Promise<Verification> {
  const directory = join(dirname(copy), "lock");
  await mkdir(directory, { recursive: true });
  await copyFile(scriptLock(copy), join(directory, "uv.lock"));
  return host.verify({
    directory,
    policyDirectory: policyHome(dirname(script)),
    lockfiles: ["uv.lock"],
  });
}

async function withCopy(
  { host }: Call,
  script: string,
  use: (copy: string) => Promise<number>,
): Promise<number> {
  const parent = join(host.environment.cacheDirectory, "copies");
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parent, "script-"));
  try {
    const copy = join(directory, basename(script));
    for (const suffix of ["", ".lock"])
      if (existsSync(`${script}${suffix}`)) await copyFile(`${script}${suffix}`, `${copy}${suffix}`);
    return await use(copy);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Script and lockfile together. */
const bytesOf = async (script: string): Promise<string> =>
  `${await readFile(script, "base64")} ${await readFile(scriptLock(script), "base64")}`;

const stale = (name: string): Refusal => ({
  code: "command/uncovered",
  why: `${name}.lock does not say what the metadata of ${name} asks for.`,
  fix: `countersign uv lock --script ${name}`,
});

const changed = (script: string): Refusal => ({
  code: "lockfile/changed-during-install",
  why: `${basename(script)} or its lockfile changed while it was verified or run.`,
  fix: "Find out what writes there, restore it, and run the command again.",
});
