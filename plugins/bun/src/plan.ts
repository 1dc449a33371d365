/** What a command line of Bun comes to. Arguments are complete: what the flow adds is added where it is used. */
export type Plan =
  /** Fetches and runs nothing of a dependency that was not there before. */
  | { flow: "pass" }
  /** Runs the project's own code, with what is installed. */
  | { flow: "program" }
  /** Installs the lockfile as it stands; `change` where it may be brought in step with the manifest first. */
  | { flow: "install"; flags: readonly string[]; mayChange: boolean }
  | { flow: "change"; command: string; args: readonly string[]; install: boolean; flags: readonly string[] }
  | { flow: "throwaway"; request: Request }
  | { flow: "unknown"; shown: string };

/** A command of a package that no lockfile of the project names. */
export type Request = {
  /** As it is written in a manifest. */
  name: string;
  range: string;
  /** null: the package's own. */
  command: string | null;
  args: readonly string[];
  /** `--bun`: with Bun whatever its first line says. */
  withBun: boolean;
};

const aliases: Readonly<Record<string, string>> = {
  i: "install",
  a: "add",
  rm: "remove",
  up: "update",
  c: "create",
};

const passing = new Set(["audit", "completions", "fmt", "help", "info", "outdated", "prune", "why"]);
const passingOfPm = new Set([
  "bin",
  "cache",
  "default-trusted",
  "hash",
  "hash-print",
  "hash-string",
  "licenses",
  "ls",
  "pack",
  "pkg",
  "untrusted",
  "version",
  "view",
  "whoami",
  "why",
]);
const programs = new Set(["build", "check", "exec", "repl", "run", "test"]);
const changing = new Set(["add", "dedupe", "remove", "update"]);
const uncovered = new Set([
  "create",
  "init",
  "link",
  "patch",
  "patch-commit",
  "publish",
  "unlink",
  "upgrade",
]);
const gated = new Set(["install", "ci", "x", "pm", ...changing, ...uncovered, ...Object.keys(aliases)]);

/** Flags of an installing command that neither lower a check nor move what is installed from where it was verified. */
const switches = new Set([
  "--dev",
  "--exact",
  "--force",
  "--frozen-lockfile",
  "--ignore-scripts",
  "--latest",
  "--lockfile-only",
  "--no-cache",
  "--no-env-file",
  "--no-optional",
  "--no-progress",
  "--no-summary",
  "--offline",
  "--only-missing",
  "--optional",
  "--peer",
  "--prefer-offline",
  "--prod",
  "--production",
  "--quiet",
  "--recursive",
  "--save",
  "--save-prod",
  "--save-text-lockfile",
  "--silent",
  "--verbose",
  "-D",
  "-E",
  "-L",
  "-d",
  "-f",
  "-p",
  "-r",
]);
const valued = new Set([
  "--catalog",
  "--concurrent-scripts",
  "--depth",
  "--filter",
  "--linker",
  "--minimum-release-age",
  "--minimum-release-age-excludes",
  "--network-concurrency",
  "--omit",
  "-F",
]);
/** Of those, what the install that follows a change is given too: which of the locked packages, and how it is told. */
const kept =
  /^(?:--(?:concurrent-scripts|filter|linker|network-concurrency|omit)=|-F|--(?:filter|ignore-scripts|no-optional|no-progress|no-summary|offline|omit|prod|production|quiet|silent|verbose)$|-p$)/;

/** Sorts a command line of `bun`. */
export function plan(args: readonly string[]): Plan {
  const [first] = args;
  if (first === undefined || ["--help", "-h", "--revision", "--version", "-v"].includes(first))
    return { flow: "pass" };
  if (first.startsWith("-")) {
    const command = args.find((arg) => gated.has(arg));
    return command === undefined ? { flow: "program" } : unknown(`bun ${first} ${command}`);
  }
  const command = Object.hasOwn(aliases, first) ? (aliases[first] as string) : first;
  const rest = args.slice(1);
  if (rest.some((arg) => arg === "--help" || arg === "-h") && gated.has(command) && command !== "x")
    return { flow: "pass" };
  if (command === "x") return planExecution(rest);
  if (command === "create") return planCreation(rest);
  if (command === "pm")
    return passingOfPm.has(rest[0] ?? "ls") ? { flow: "pass" } : unknown(`bun pm ${rest[0]}`);
  if (command === "install" || command === "ci" || changing.has(command)) return planInstall(command, rest);
  if (uncovered.has(command)) return unknown(`bun ${command}`);
  if (passing.has(command))
    return rest.includes("--fix") ? unknown(`bun ${command} --fix`) : { flow: "pass" };
  // `bun dev` and `bun ./server.ts` are `bun run` in short.
  return programs.has(command) || !gated.has(command) ? { flow: "program" } : unknown(`bun ${command}`);
}

function planInstall(command: string, rest: readonly string[]): Plan {
  const names: string[] = [];
  const flags: string[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    const arg = rest[at] as string;
    const [key] = arg.split("=", 1) as [string];
    if (!arg.startsWith("-")) names.push(arg);
    else if (switches.has(arg)) flags.push(arg);
    else if (valued.has(key) && arg.includes("=")) flags.push(arg);
    else if (valued.has(arg) && rest[at + 1] !== undefined) flags.push(`${arg}=${rest[(at += 1)]}`);
    else return unknown(`bun ${command} ${key}`);
  }
  const through = flags.filter((flag) => kept.test(flag));
  const has = (flag: string): boolean => flags.includes(flag);
  const adds = command === "install" && names.length > 0;
  if (!adds && (command === "install" || command === "ci")) {
    if (has("--lockfile-only")) return change("install", flags, false, through);
    const frozen = command === "ci" || has("--frozen-lockfile");
    return { flow: "install", flags: through, mayChange: !frozen };
  }
  if (command === "dedupe" && has("--frozen-lockfile")) return unknown("bun dedupe --frozen-lockfile");
  const args = [...names, ...flags.filter((flag) => flag !== "--frozen-lockfile")];
  return change(adds ? "add" : command, args, !has("--lockfile-only"), through);
}

const change = (
  command: string,
  args: readonly string[],
  install: boolean,
  flags: readonly string[],
): Plan => ({
  flow: "change",
  command,
  args: args.filter(
    (arg) => arg !== "--lockfile-only" && arg !== "--ignore-scripts" && arg !== "--no-env-file",
  ),
  install,
  flags,
});

/** `bunx` and `bun x`. */
export function planExecution(args: readonly string[]): Plan {
  let specifier: string | null = null;
  let withBun = false;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] as string;
    if (arg === "--help" || arg === "-h") return { flow: "pass" };
    if (arg === "--bun" || arg === "-b") withBun = true;
    else if (arg === "--package" || arg === "-p") specifier = args[(at += 1)] ?? null;
    else if (arg.startsWith("--package=")) specifier = arg.slice("--package=".length);
    // Nothing is fetched: what is installed is run, or nothing.
    else if (arg === "--no-install") return { flow: "pass" };
    else if (arg === "--ignore-scripts" || arg === "--silent" || arg === "--verbose") continue;
    else if (arg.startsWith("-")) return unknown(`bunx ${arg.split("=", 1)[0]}`);
    else {
      const named = specifier === null ? null : arg;
      return requestOf(specifier ?? arg, named, args.slice(at + 1), withBun);
    }
  }
  return specifier === null ? { flow: "pass" } : unknown("bunx --package without a command");
}

/** A template of the registry is the package `create-NAME`; those of GitHub are fetched by Bun itself. */
function planCreation(args: readonly string[]): Plan {
  const [template] = args;
  if (template === undefined) return { flow: "pass" };
  const match = /^(@[\w.-]+\/)?([\w.-]+)(@[^/]+)?$/.exec(template);
  if (match === null || template.startsWith(".") || /\.[jt]sx$/.test(template))
    return unknown(`bun create ${template}`);
  const [, scope = "", name = "", version = ""] = match;
  return requestOf(`${scope}create-${name}${version}`, null, args.slice(1), false);
}

function requestOf(
  specifier: string,
  command: string | null,
  args: readonly string[],
  withBun: boolean,
): Plan {
  const match = /^(@[\w.~-]+\/[\w.~-]+|[\w~-][\w.~-]*)(?:@(.+))?$/.exec(specifier);
  // Addresses, repositories and folders are no packages of a registry.
  if (match === null || /[:/\\]/.test(match[2] ?? "")) return unknown(`bunx ${specifier}`);
  const request = { name: match[1] as string, range: match[2] ?? "latest", command, args, withBun };
  return { flow: "throwaway", request };
}

const unknown = (shown: string): Plan => ({ flow: "unknown", shown });
