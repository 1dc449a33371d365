import process from "node:process";
import { runHook } from "@countersign/gate";
import { agreementOf } from "./manifest.ts";
import { lockfileOf } from "./project.ts";

/** npm that started us, as its user agent says; null where something else did. */
type Npm = { major: number; command: string };

/**
 * The root's `preinstall`. npm 12 runs it before it fetches anything, and a code other than 0 stops the install; npm
 * 10 and 11 run it after everything else, which it can only say.
 * @param version the guard's own, for the report
 * @returns exit code
 */
export async function guard(version: string): Promise<number> {
  const directory = process.cwd();
  const npm = runningNpm(process.env);
  const lockfile = lockfileOf(directory);
  const { mode, exitCode, text } = await runHook({
    directory,
    lockfiles: lockfile === null ? [] : [lockfile],
    signal: AbortSignal.timeout(600_000),
    version,
  });
  if (mode === "disabled") return 0;
  const say = (line: string): void => void process.stderr.write(`countersign: ${line}\n`);
  process.stderr.write(text);
  if (npm === null || npm.major < 12) {
    if (mode === "strict" && process.env["COUNTERSIGN_WRAPPER"] === "1") return exitCode;
    say(
      `${npm === null ? "this package manager" : `npm ${npm.major}`} runs this guard after it has installed everything, scripts of dependencies included: only \`countersign npm\` or CI protects here`,
    );
    if (mode === "strict") say("fix: countersign npm ci, or npm 12");
    return mode === "strict" ? exitCode || 1 : 0;
  }
  if (exitCode !== 0) {
    if (npm.command === "ci")
      say("npm ci had emptied node_modules before this guard could speak; nothing was fetched");
    return exitCode;
  }
  // npm resolves what package.json asks for beyond the lockfile after this, and installs it unseen.
  if (npm.command === "ci" || lockfile === null) return 0;
  if ((await agreementOf(directory, lockfile)) !== "differs") return 0;
  say(`package.json asks for what ${lockfile} does not hold, and npm installs that without another look`);
  if (mode === "strict") say("fix: countersign npm install");
  return mode === "strict" ? 1 : 0;
}

function runningNpm(variables: NodeJS.ProcessEnv): Npm | null {
  const major = /^npm\/(\d+)\./.exec(variables["npm_config_user_agent"] ?? "")?.[1];
  return major === undefined
    ? null
    : { major: Number(major), command: variables["npm_command"] ?? "install" };
}
