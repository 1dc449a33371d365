import { argumentOf, optionOf, parseOptions, type Option, type Parsed } from "./options.ts";
import { specifierKind } from "./specifier.ts";

/** How a command that installs is followed by another: `install-test`. */
export type Finish = "install" | "test" | "nothing";

/** What is done with a command line of npm. */
export type Plan =
  /** Fetches nothing that is run. */
  | { kind: "pass" }
  /** Could fetch what no flow covers. */
  | { kind: "unknown"; shown: string }
  /** An option that turns off what protects an install. */
  | { kind: "weakens"; option: string; why: string; fix: string }
  | ({ kind: "frozen"; finish: Finish } & Place)
  /** Frozen where lockfile and package.json agree. */
  | ({ kind: "install"; finish: Finish } & Place)
  | ({ kind: "change"; command: string; args: readonly string[]; finish: Finish } & Place)
  | ({ kind: "run"; packages: readonly string[]; call: string | null; args: readonly string[] } & Place)
  | ({ kind: "global"; packages: readonly string[] } & Place);

export type Place = {
  /** `--prefix`, as typed. */
  prefix: string | null;
  /** Of the user, but for those that the flow decides itself. */
  options: readonly Option[];
  /** Whether what other platforms have is installed too. */
  everyPlatform: boolean;
};

const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries({
    install: "i add in ins inst insta instal isnt isnta isntal isntall",
    ci: "clean-install ic install-clean isntall-clean",
    "install-test": "it",
    "install-ci-test": "cit sit clean-install-test",
    uninstall: "unlink remove rm r un",
    update: "up u upgrade udpate",
    dedupe: "ddp",
    exec: "x",
    run: "run-script rum urn",
    test: "tst t",
    ls: "list",
    ll: "la",
    config: "c",
    view: "v info show",
    search: "s se find",
    docs: "home",
    bugs: "issues",
    owner: "author",
    explain: "why",
    init: "create innit",
    link: "ln",
    rebuild: "rb",
    version: "verison",
    help: "hlep",
    "dist-tag": "dist-tags",
    org: "ogr",
    adduser: "add-user",
  }).flatMap(([command, others]) => [command, ...others.split(" ")].map((each) => [each, command] as const)),
);

/** Commands that fetch nothing that is then run: the project's own scripts run what an install brought before. */
const passing: ReadonlySet<string> = new Set(
  `access adduser bugs completion config deprecate diff dist-tag docs doctor explain explore find-dupes fund get help
   help-search hook login logout ll ls org outdated owner ping pkg prefix profile publish query repo restart root run
   sbom search set shrinkwrap stage star stars start stop team test token trust undeprecate unpublish unstar version
   view whoami`.split(/\s+/),
);

const weakening: readonly { name: string; value?: boolean; why: string; fix: string }[] = [
  {
    name: "strict-ssl",
    value: false,
    why: "anybody on the way can answer for the registry",
    fix: "name the proxy's certificate with cafile",
  },
  {
    name: "package-lock",
    value: false,
    why: "the lockfile that is verified would not be read",
    fix: "what is installed is what the lockfile names",
  },
  {
    name: "shrinkwrap",
    value: false,
    why: "the lockfile that is verified would not be read",
    fix: "what is installed is what the lockfile names",
  },
  {
    name: "userconfig",
    why: "these settings would not be verified",
    fix: "set npm_config_userconfig to that file",
  },
  {
    name: "globalconfig",
    why: "these settings would not be verified",
    fix: "set npm_config_globalconfig to that file",
  },
];

/** Options that say how a lockfile is changed, or where: a frozen install has no use for them. */
const decided = new Set([
  "prefix",
  "global",
  "location",
  "save",
  "save-dev",
  "save-exact",
  "save-optional",
  "save-peer",
  "save-prod",
  "save-bundle",
  "save-prefix",
  "tag",
  "before",
  "prefer-dedupe",
  "package-lock-only",
]);

/** Options of a frozen install among the user's. */
export const frozenOptions = (options: readonly Option[]): Option[] =>
  options.filter(({ name }) => !decided.has(name));

/** What is to be done with what stands after `npm`. */
export function plan(args: readonly string[]): Plan {
  const parsed = parseOptions(args);
  const [typed, ...rest] = parsed.positional;
  if (typed === undefined || isOn(parsed, "usage") || isOn(parsed, "version") || isOn(parsed, "versions"))
    return { kind: "pass" };
  const command = aliases.get(typed) ?? typed;
  const shown = `npm ${typed}`;
  if (parsed.unclear.some((name) => !passing.has(command) || couldTakeCommand(name)))
    return unclear(parsed, shown);
  if (command === "run" || !changesWorkspaces(command, parsed)) {
    if (passing.has(command)) return { kind: "pass" };
  }
  const unknown: Plan = { kind: "unknown", shown };
  const installing = planned(command, rest, parsed, unknown);
  if (installing.kind === "pass" || installing.kind === "unknown") return installing;
  return weakened(parsed) ?? installing;
}

/** `npx` puts everything from the first name on behind `--`: options after it are the command's. */
export function planNpx(args: readonly string[]): Plan {
  const front: string[] = [];
  let at = 0;
  for (; at < args.length; at += 1) {
    const arg = args[at] as string;
    if (arg === "--" || !arg.startsWith("-")) break;
    const written = arg.replace(/^-p(?==|$)/, "--package").replace(/^--shell(?==|$)/, "--script-shell");
    front.push(written === "--no-install" ? "--yes=false" : written);
    const next = args[at + 1];
    // An option of npx takes the next word where npm's parser leaves nothing else for it.
    if (next !== undefined && !written.includes("=") && takesNext(written, next)) {
      front.push(next);
      at += 1;
    }
  }
  const rest = args[at] === "--" ? args.slice(at + 1) : args.slice(at);
  const version = ["-v", "--version", "-h", "--help"].includes(front.at(-1) ?? "") && rest.length === 0;
  if (version) return { kind: "pass" };
  const made = plan(["exec", ...front, "--", ...rest]);
  return made.kind === "unknown" ? { ...made, shown: "npx" } : made;
}

const takesNext = (option: string, next: string): boolean =>
  parseOptions([option, next]).positional.length === 0 && !next.startsWith("-");

const isOn = (parsed: Parsed, name: string): boolean => optionOf(parsed, name) === true;
const isOff = (parsed: Parsed, name: string): boolean => optionOf(parsed, name) === false;

/** An unknown flag takes nothing with it; one that only newer versions know might be followed by the command. */
const couldTakeCommand = (name: string): boolean => !parseOptions([`--${name}=x`]).unclear.includes(name);

const unclear = ({ unclear: names }: Parsed, shown: string): Plan => ({
  kind: "unknown",
  shown: `${shown} with --${names[0] ?? ""}`,
});

/** `npm version -w` and `npm init -w` install what the workspaces then need. */
const changesWorkspaces = (command: string, parsed: Parsed): boolean =>
  command === "version" &&
  !isOff(parsed, "workspaces-update") &&
  (optionOf(parsed, "workspace") !== undefined || isOn(parsed, "workspaces"));

const isGlobal = (parsed: Parsed): boolean =>
  isOn(parsed, "global") || optionOf(parsed, "location") === "global";

const everyPlatform = (parsed: Parsed): boolean =>
  isOn(parsed, "force") || ["os", "cpu", "libc"].some((name) => optionOf(parsed, name) !== undefined);

function placeOf(parsed: Parsed): Place {
  const prefix = optionOf(parsed, "prefix");
  return {
    prefix: typeof prefix === "string" ? prefix : null,
    options: parsed.options,
    everyPlatform: everyPlatform(parsed),
  };
}

function planned(command: string, args: readonly string[], parsed: Parsed, unknown: Plan): Plan {
  const place = placeOf(parsed);
  switch (command) {
    case "ci":
    case "install-ci-test":
      return isOn(parsed, "dry-run") || isGlobal(parsed)
        ? { kind: "pass" }
        : { kind: "frozen", finish: command === "ci" ? "install" : "test", ...place };
    case "prune":
      return args.length > 0 || isGlobal(parsed) ? unknown : { kind: "frozen", finish: "install", ...place };
    case "install":
    case "install-test":
      return planInstall(command, args, parsed, unknown);
    case "update":
    case "dedupe":
    case "uninstall":
      return planChange(command, args, parsed, unknown);
    case "exec":
      return planRun(args, parsed, unknown);
    case "init":
      return planInit(args, parsed, unknown);
    case "audit":
      return args.includes("fix") ? unknown : { kind: "pass" };
    case "cache":
      return args[0] === "add" ? unknown : { kind: "pass" };
    case "pack":
      return args.every((each) => ["registry", "path"].includes(specifierKind(each)))
        ? { kind: "pass" }
        : unknown;
    default:
      return unknown;
  }
}

function planInstall(command: string, args: readonly string[], parsed: Parsed, unknown: Plan): Plan {
  const place = placeOf(parsed);
  if (isGlobal(parsed)) {
    return args.length === 0 ||
      isOn(parsed, "dry-run") ||
      args.some((each) => specifierKind(each) !== "registry")
      ? unknown
      : { kind: "global", packages: args, ...place };
  }
  if (args.length > 0) return planChange(command, args, parsed, unknown);
  if (isOn(parsed, "dry-run")) return { kind: "pass" };
  if (isOn(parsed, "package-lock-only"))
    return { kind: "change", command: "install", args, finish: "nothing", ...place };
  return { kind: "install", finish: command === "install" ? "install" : "test", ...place };
}

function planChange(command: string, args: readonly string[], parsed: Parsed, unknown: Plan): Plan {
  if (isGlobal(parsed)) return command === "uninstall" ? { kind: "pass" } : unknown;
  if (isOn(parsed, "dry-run")) return { kind: "pass" };
  // What is installed without being locked cannot be held to a lockfile.
  if (isOff(parsed, "save") && command !== "update" && command !== "dedupe") return unknown;
  if (args.some((each) => specifierKind(each) === "path")) return unknown;
  const finish = isOn(parsed, "package-lock-only")
    ? "nothing"
    : command === "install-test"
      ? "test"
      : "install";
  const plain = command === "install-test" ? "install" : command;
  return { kind: "change", command: plain, args, finish, ...placeOf(parsed) };
}

function planRun(args: readonly string[], parsed: Parsed, unknown: Plan): Plan {
  const packages = parsed.options.flatMap(({ name, value }) =>
    name === "package" && typeof value === "string" && value !== "" ? [value] : [],
  );
  const given = optionOf(parsed, "call");
  const call = typeof given === "string" && given !== "" ? given : null;
  const inWorkspaces = optionOf(parsed, "workspace") !== undefined || isOn(parsed, "workspaces");
  if (packages.length === 0 && (call !== null || args.length === 0)) return { kind: "pass" };
  if (inWorkspaces || isOff(parsed, "yes") || (call === null && args.length === 0)) return unknown;
  if (packages.some((each) => specifierKind(each) !== "registry")) return unknown;
  if (packages.length === 0 && specifierKind(args[0] as string) !== "registry") return unknown;
  return { kind: "run", packages, call, args, ...placeOf(parsed) };
}

/** `npm init NAME` runs the package `create-NAME`. */
function planInit(args: readonly string[], parsed: Parsed, unknown: Plan): Plan {
  const [initializer, ...rest] = args;
  const inWorkspaces = optionOf(parsed, "workspace") !== undefined || isOn(parsed, "workspaces");
  if (initializer === undefined) return inWorkspaces ? unknown : { kind: "pass" };
  const made = initializer
    .replace(/^(@[^/@]+)(?=@|$)/, "$1/create")
    .replace(/^(@[^/@]+\/)(?!create(?:@|$))/, "$1create-")
    .replace(/^(?!@)/, "create-");
  return specifierKind(made) === "registry" ? planRun([made, ...rest], parsed, unknown) : unknown;
}

function weakened(parsed: Parsed): Plan | null {
  for (const { name, value, why, fix } of weakening) {
    const found = parsed.options.find((option) => option.name === name);
    if (found === undefined || (value !== undefined && String(found.value) !== String(value))) continue;
    return { kind: "weakens", option: argumentOf(found), why, fix };
  }
  return null;
}
