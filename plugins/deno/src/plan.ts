/** What a command line of Deno comes to. */
export type Plan =
  /** Fetches and runs nothing of a dependency. */
  | { flow: "pass" }
  /** Runs, checks or reads code with what is locked; `rest` are the arguments after the command. */
  | { flow: "program"; command: string; rest: readonly string[]; remote: string | null }
  /** A package's command that may have no lock: `specifier` is `npm:NAME@RANGE`. */
  | { flow: "package"; command: "run" | "x"; specifier: string; name: string; rest: readonly string[] }
  | { flow: "install"; flags: readonly string[]; mayChange: boolean }
  | { flow: "change"; command: string; args: readonly string[]; install: boolean; flags: readonly string[] }
  | { flow: "unknown"; shown: string };

const passing = new Set(["audit", "clean", "completions", "coverage", "fmt", "help", "list", "types", "why"]);
const programs = new Set([
  "bench",
  "bundle",
  "cache",
  "check",
  "compile",
  "doc",
  "eval",
  "info",
  "repl",
  "run",
  "serve",
  "task",
  "test",
  "transpile",
  "watch",
]);
/** Commands of Deno that fetch or run what no lockfile names, or read none. */
const uncovered = new Set([
  "approve-scripts",
  "bump-version",
  "create",
  "deploy",
  "desktop",
  "init",
  "jupyter",
  "link",
  "lint",
  "lsp",
  "pack",
  "publish",
  "sandbox",
  "unlink",
  "upgrade",
  "vendor",
]);
const aliases: Readonly<Record<string, string>> = { i: "install", rm: "remove" };

/** Flags that exchange the lockfile or the place that was verified, or read nothing of it. */
const weakening =
  /^(?:--no-lock|--lock|--frozen(?:-lockfile)?=(?!true$).*|--lock=.*|--config(?:=.*)?|-c.*|--no-config|--import-map(?:=.*)?|--reload(?:=.*)?|-r|--vendor(?:=.*)?|--os(?:=.*)?|--arch(?:=.*)?|--unsafely-ignore-certificate-errors(?:=.*)?)$/;
/** Refused wherever they stand before `--`: whether a value or a program's name comes before them is not always told. */
const unlocking = /^(?:--no-lock|--lock(?:=.*)?|--frozen(?:-lockfile)?=(?!true$).*)$/;
const frozen = /^--frozen(?:-lockfile)?(?:=true)?$/;
/** Flags of a program that have a value after a space. */
const valued = new Set([
  "--app-name",
  "--cert",
  "--conditions",
  "--cwd",
  "--exclude",
  "--ext",
  "--filter",
  "--format",
  "--host",
  "--icon",
  "--include",
  "--inspect-publish-uid",
  "--jobs",
  "--junit-path",
  "--location",
  "--log-level",
  "--min-dep-age",
  "--node-modules-linker",
  "--outdir",
  "--output",
  "--platform",
  "--port",
  "--preload",
  "--reporter",
  "--require",
  "--seed",
  "--target",
  "-L",
  "-f",
  "-j",
  "-o",
]);
/** Commands whose first name is followed by the arguments of what is run. */
const passesOn = new Set(["compile", "eval", "run", "serve", "task", "watch", "x"]);
const installing =
  /^(?:--(?:allow-scripts|min-dep-age|node-modules-dir|node-modules-linker)=.*|--(?:allow-scripts|dev|jsr|lockfile-only|no-save|node-modules-dir|npm|package-json|prod|quiet|save-exact|save-optional|skip-types|unscoped)|-[DOq]|--(?:frozen|frozen-lockfile)(?:=true)?)$/;
const updating = /^(?:--(?:compatible|latest|recursive|update|lockfile-only)|--filter=.*|-[ru])$/;
/** What the install that follows a change is given too. */
const kept =
  /^(?:--(?:allow-scripts|node-modules-dir|node-modules-linker)=.*|--(?:allow-scripts|node-modules-dir|prod|quiet|skip-types)|-q)$/;

/** Sorts a command line of `deno`. */
export function plan(args: readonly string[]): Plan {
  const [first] = args;
  if (first === undefined) return { flow: "program", command: "repl", rest: [], remote: null };
  if (["--help", "-h", "--version", "-V"].includes(first) || first.startsWith("--help="))
    return { flow: "pass" };
  // Flags before the command are of `run`, or belong to every command and are moved behind it by whoever wants them.
  if (first.startsWith("-")) return unknown(`deno ${first}`);
  const command = Object.hasOwn(aliases, first) ? (aliases[first] as string) : first;
  const rest = args.slice(1);
  if (["ci", "install", "add", "remove", "uninstall", "update", "outdated"].includes(command))
    return rest.some((arg) => arg === "--help" || arg === "-h")
      ? { flow: "pass" }
      : planInstall(command, rest);
  if (passing.has(command)) return { flow: "pass" };
  if (uncovered.has(command)) return unknown(`deno ${command}`);
  if (command === "x") return planProgram("x", rest);
  return programs.has(command) ? planProgram(command, rest) : planProgram("run", args);
}

function planInstall(command: string, rest: readonly string[]): Plan {
  const bad = rest.find((arg) => arg.startsWith("-") && !installing.test(arg) && !updating.test(arg));
  if (bad !== undefined) {
    if (command === "outdated") return { flow: "pass" };
    return unknown(`deno ${command} ${bad.split("=", 1)[0]}`);
  }
  const names = rest.filter((arg) => !arg.startsWith("-"));
  const flags = rest.filter((arg) => kept.test(arg));
  const locks = rest.includes("--lockfile-only");
  const args = rest.filter(
    (arg) => arg !== "--lockfile-only" && !frozen.test(arg) && !arg.startsWith("--allow-scripts"),
  );
  const change = (name: string): Plan => ({ flow: "change", command: name, args, install: !locks, flags });
  switch (command) {
    case "ci":
      return { flow: "install", flags, mayChange: false };
    case "install":
      if (names.length > 0) return change("add");
      if (locks) return change("install");
      return { flow: "install", flags, mayChange: !rest.some((arg) => frozen.test(arg)) };
    case "outdated":
      return rest.some((arg) => arg === "--update" || arg === "-u") ? change("outdated") : { flow: "pass" };
    case "uninstall":
      return change("remove");
    default:
      return change(command);
  }
}

function planProgram(command: string, rest: readonly string[]): Plan {
  const end = rest.indexOf("--");
  const unlocked = rest.slice(0, end === -1 ? rest.length : end).find((arg) => unlocking.test(arg));
  if (unlocked !== undefined) return unknown(`deno ${command} ${unlocked}`);
  let remote: string | null = null;
  for (let at = 0; at < rest.length; at += 1) {
    const arg = rest[at] as string;
    if (arg === "--") break;
    if (arg === "--help" || arg === "-h") return { flow: "pass" };
    if (command === "x" && (arg === "-p" || arg === "--package" || arg.startsWith("--package="))) {
      const given = arg.includes("=") ? arg.slice(arg.indexOf("=") + 1) : (rest[at + 1] ?? "");
      return planPackage("x", given, rest);
    }
    if (command === "x" && arg.startsWith("--install-alias")) return unknown("deno x --install-alias");
    if (weakening.test(arg)) return unknown(`deno ${command} ${arg.split("=", 1)[0]}`);
    if (valued.has(arg)) at += 1;
    else if (!arg.startsWith("-")) {
      if (command === "x") return planPackage("x", arg, rest);
      if (command === "run" && arg.startsWith("npm:")) return planPackage("run", arg, rest);
      if (command !== "task" && command !== "eval" && isRemote(arg)) remote ??= arg;
      if (passesOn.has(command)) break;
    }
  }
  return command === "x" ? { flow: "pass" } : { flow: "program", command, rest, remote };
}

function planPackage(command: "run" | "x", written: string, rest: readonly string[]): Plan {
  const match = /^(?:npm:\/?)?((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)(@[^/]+)?(?:\/.*)?$/.exec(written);
  if (match === null) return unknown(`deno ${command} ${written}`);
  const [, name = "", range = ""] = match;
  return { flow: "package", command, specifier: `npm:${name}${range}`, name, rest };
}

const isRemote = (arg: string): boolean => /^(?:https?|jsr|data|blob):/i.test(arg);

const unknown = (shown: string): Plan => ({ flow: "unknown", shown });
