import { readCommandLine, type CommandLine } from "./command-line.ts";

/** What a wrapper does with a command line. */
export type Plan =
  /** Nothing is fetched; `args` are the user's, or those that keep pnpm from installing by itself. */
  | { flow: "pass"; args: readonly string[] }
  /** Installs, fetches or builds what the lockfile names. `change`: how to make the lockfile where there is none. */
  | { flow: "frozen"; args: readonly string[]; change: readonly string[] | null }
  /** Writes the lockfile: `resolve` on a copy, then `install`. */
  | { flow: "change"; resolve: readonly string[]; install: readonly string[]; needs: readonly string[] }
  | { flow: "throwaway"; request: Request }
  /** The name of a script of package.json, or of nothing that is known. */
  | { flow: "script"; name: string; args: readonly string[] }
  | { flow: "unknown"; shown: string };

/** Packages that are asked for without a lockfile. */
export type Request = {
  /** As typed: `cowsay@1`. */
  specifiers: readonly string[];
  /** Packages whose build scripts were allowed on the command line. */
  builds: readonly string[];
  run:
    /** `command` null: the only one of the package, or the one of its name. */
    | { kind: "command"; command: string | null; args: readonly string[] }
    | { kind: "shell"; line: string }
    | { kind: "global" };
};

/** Integrity checks on, and no other pnpm or Node.js than this one: accepted by pnpm 10, 11 and 12. */
const integrity: readonly string[] = [
  "--config.trust-lockfile=false",
  "--config.verify-store-integrity=true",
  "--config.strict-store-pkg-content-check=true",
  "--config.lockfile=true",
];
export const ownVersion: readonly string[] = [
  "--config.manage-package-manager-versions=false",
  "--config.pm-on-fail=ignore",
];
export const overrides: readonly string[] = [...integrity, ...ownVersion];

/** As a setting: `remove` and `dedupe` of pnpm 10 and 11 have no such option. */
export const noScripts = "--config.ignore-scripts=true";

/** Scripts run without the install that pnpm 11 and 12 put before them where something looks out of date. */
const noInstallFirst: readonly string[] = ["--config.verify-deps-before-run=error", ...ownVersion];

/** Of the user's own options, those that a frozen install may not have, besides any form of what is overridden. */
const refused: ReadonlySet<string> = new Set([
  "frozen-lockfile",
  "prefer-frozen-lockfile",
  "lockfile",
  "lockfile-only",
  "fix-lockfile",
  "force",
  "merge-git-branch-lockfiles",
  ...overrides.map((option) => option.slice("--config.".length).split("=", 1)[0] as string),
]);

/** Options that ask for another lockfile than the one that is there. */
const relocking: readonly string[] = ["--no-frozen-lockfile", "--fix-lockfile", "--lockfile-only", "--force"];

const reading: ReadonlySet<string> = new Set(
  (
    "list why outdated licenses bin root config get set help pack publish view info show search whoami login " +
    "logout adduser ping doctor init cat-file cat-index find-hash sbom completion ignored-builds owner token " +
    "deprecate undeprecate unpublish dist-tag access star unstar stars bugs repo docs pkg prefix"
  ).split(" "),
);
const scripts: ReadonlySet<string> = new Set(["run", "exec", "test", "start", "stop", "restart"]);
/** Commands of pnpm that could fetch, run or link what no flow covers. */
const uncovered: ReadonlySet<string> = new Set(
  (
    "link unlink deploy self-update setup env runtime server patch-commit patch-remove approve-builds " +
    "install-test audit node prune clean cache store with pm"
  ).split(" "),
);

/** @param args after `pnpm` */
export function plan(args: readonly string[]): Plan {
  const line = readCommandLine(args);
  const { command, typed, before, after, operands, options } = line;
  if (command === null || options.has("--help") || options.has("-h")) return { flow: "pass", args };
  if (line.doubtful) return { flow: "unknown", shown: [...before, typed].join(" ") };
  if (options.has("--lockfile-dir")) return { flow: "unknown", shown: `${typed} --lockfile-dir` };
  if (command === "dlx") return throwaway(runOf(line));
  if (command === "create") return create(line);
  if (line.global) return global(line, args);
  const own = after.filter((arg) => !isRefused(arg));
  const frozen = [...before, "install", "--frozen-lockfile", ...own, ...overrides];
  switch (command) {
    case "install":
      if (operands.length > 0) return change("add", line);
      if (relocking.some((option) => options.has(option))) return change("install", line);
      return { flow: "frozen", args: frozen, change: [...before, "install", ...own] };
    case "ci":
      return { flow: "frozen", args: [...before, "ci", ...own, ...overrides], change: null };
    case "fetch":
    case "rebuild":
    case "patch":
      return { flow: "frozen", args: [...before, command, ...own, ...overrides], change: null };
    case "add":
      // A config dependency runs inside pnpm, so it may not be the thing that is resolved first and judged later.
      return options.has("--config") ? { flow: "unknown", shown: `${typed} --config` } : change("add", line);
    case "remove":
    case "update":
      return options.has("--interactive") || options.has("-i")
        ? { flow: "unknown", shown: `${typed} --interactive` }
        : change(command, line);
    case "dedupe":
      return options.has("--check") ? { flow: "pass", args } : change(command, line);
    case "import":
      return {
        flow: "change",
        resolve: [...before, command, ...after, ...ownVersion],
        install: [...before, "install", "--frozen-lockfile", "--lockfile-only", ...overrides],
        needs: ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock"],
      };
    default:
      return other(command, args, line);
  }
}

function other(command: string, args: readonly string[], line: CommandLine): Plan {
  const { typed, before, after, operands, options } = line;
  if (reading.has(command)) return { flow: "pass", args };
  if (
    command === "audit" &&
    ![...options].some((option) => option.startsWith("--fix")) &&
    operands.length === 0
  )
    return { flow: "pass", args };
  if (command === "store" && ["path", "status", "prune"].includes(operands[0] ?? ""))
    return { flow: "pass", args };
  if (scripts.has(command)) return { flow: "pass", args: [...before, ...noInstallFirst, command, ...after] };
  if (uncovered.has(command)) return { flow: "unknown", shown: typed };
  return { flow: "script", name: command, args: [...before, ...noInstallFirst, "run", command, ...after] };
}

/** `--config.trustLockfile`, `--config.trust-lockfile=true` and `--no-lockfile` are one option each. */
function isRefused(arg: string): boolean {
  if (!arg.startsWith("--")) return arg === "-f";
  const name = arg.slice(2).split("=", 1)[0] as string;
  const plain = name.replace(/^config\./, "").replace(/^no-/, "");
  return refused.has(plain.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

function change(command: string, { before, after, options }: CommandLine): Plan {
  const separator = after.indexOf("--");
  const [own, rest] = separator === -1 ? [after, []] : [after.slice(0, separator), after.slice(separator)];
  const kept = own.filter((arg) => !isRefused(arg) || arg === "--fix-lockfile" || arg === "--force");
  const only = options.has("--lockfile-only") ? ["--lockfile-only"] : [];
  const relock = command === "install" ? ["--no-frozen-lockfile"] : [];
  return {
    flow: "change",
    resolve: [...before, command, ...kept, ...relock, "--lockfile-only", noScripts, ...overrides, ...rest],
    install: [...before, "install", "--frozen-lockfile", ...only, ...installing(own), ...overrides],
    needs: [],
  };
}

/** Of the options of `add` and `update`, those that the install after it must have too. */
const installing = (own: readonly string[]): string[] =>
  own.filter(
    (arg) =>
      /^--(?:ignore-scripts|offline|prefer-offline|ignore-workspace|recursive)$/.test(arg) || arg === "-r",
  );

const throwaway = (request: Request | null): Plan =>
  request === null ? { flow: "unknown", shown: "pnpm dlx" } : { flow: "throwaway", request };

/** `dlx [--package P]… [-c] COMMAND ARGS…`; without `--package` the command names the package. */
function runOf({ before, after }: CommandLine): Request | null {
  const specifiers: string[] = [];
  const builds: string[] = [];
  let shell = false;
  const args = [...before, ...after];
  let index = 0;
  for (; index < args.length; index += 1) {
    const arg = args[index] as string;
    if (!arg.startsWith("-")) break;
    const [option, inline] = split(arg);
    if (option === "--package" || option === "--allow-build") {
      if (inline === undefined) index += 1;
      const value = inline ?? args[index];
      if (value === undefined) return null;
      (option === "--package" ? specifiers : builds).push(value);
    } else if (option === "-c" || option === "--shell-mode") shell = true;
    else if (arg === "--") {
      index += 1;
      break;
    } else if (!["-s", "--silent", "--aggregate-output"].includes(option) && option !== "--reporter")
      return null;
  }
  const [command, ...rest] = args.slice(index);
  if (command === undefined) return null;
  const named = specifiers.length > 0;
  if (shell) {
    const line = [command, ...rest].join(" ");
    return named ? { specifiers, builds, run: { kind: "shell", line } } : null;
  }
  return named
    ? { specifiers, builds, run: { kind: "command", command, args: rest } }
    : { specifiers: [command], builds, run: { kind: "command", command: null, args: rest } };
}

function split(arg: string): [string, string | undefined] {
  const equals = arg.indexOf("=");
  return equals === -1 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

/** `create X` is `dlx create-X` (`@scope` → `@scope/create`, `@scope/x` → `@scope/create-x`). */
function create(line: CommandLine): Plan {
  const [name, ...rest] = line.operands;
  const at = name === undefined ? -1 : line.after.indexOf(name);
  if (name === undefined || at === -1 || line.before.length > 0)
    return { flow: "unknown", shown: line.typed };
  const options = line.after.slice(0, at).filter((arg) => arg !== "--");
  const request = runOf({ ...line, before: [], after: [...options, createName(name), ...rest] });
  return request === null ? { flow: "unknown", shown: line.typed } : { flow: "throwaway", request };
}

function createName(name: string): string {
  const [, scope, rest = ""] = /^(@[^/@]+)(?:\/(.*)|(@.*)?)$/.exec(name) ?? [];
  if (scope === undefined) return name.startsWith("create-") ? name : `create-${name}`;
  const version = /^@[^/@]+(@.*)$/.exec(name)?.[1] ?? "";
  if (rest === "") return `${scope}/create${version}`;
  return rest.startsWith("create-") ? name : `${scope}/create-${rest}`;
}

/** `add -g`; other global commands change what is installed outside of any project. */
function global({ command, typed, after, operands, before }: CommandLine, args: readonly string[]): Plan {
  const options = after.filter((arg) => arg.startsWith("-"));
  const plain = options.every((arg) => ["-g", "--global"].includes(arg) || arg.startsWith("--allow-build="));
  if ((command !== "add" && command !== "install") || operands.length === 0 || !plain || before.length > 0) {
    const harmless = ["list", "bin", "root", "remove", "outdated", "why"].includes(command ?? "");
    return harmless ? { flow: "pass", args } : { flow: "unknown", shown: `${typed} --global` };
  }
  const builds = options.flatMap((arg) => (arg.startsWith("--allow-build=") ? [arg.slice(14)] : []));
  return { flow: "throwaway", request: { specifiers: operands, builds, run: { kind: "global" } } };
}
