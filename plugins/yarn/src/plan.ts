/** What is done with one command line of Yarn. */
export type Plan =
  /** Runs as it is: it fetches nothing that is not locked. */
  | { flow: "pass" }
  /** Installs what is locked; `args` is the frozen form. */
  | { flow: "frozen"; args: readonly string[] }
  /** Changes the lockfile: `resolve` writes it without linking, `install` is the frozen form that follows. */
  | { flow: "change"; resolve: readonly string[]; install: readonly string[] }
  | { flow: "throwaway"; request: Request }
  | { flow: "unknown"; shown: string };

/** `yarn dlx`: packages, and the command of theirs that is run. */
export type Request = { specifiers: readonly string[]; command: string | null; args: readonly string[] };

const frozen: readonly string[] = ["install", "--immutable"];
const onlyLock = "--mode=update-lockfile";

/** Commands that fetch code from outside the lockfile, or change what Yarn itself is. */
const uncovered: ReadonlySet<string> = new Set([
  "init",
  "import",
  "link",
  "unlink",
  "plugin",
  "set",
  "upgrade-interactive",
]);
const changing: ReadonlySet<string> = new Set(["add", "remove", "up", "upgrade", "dedupe"]);

/** @param args after `yarn`, as typed; of Yarn 2 to 4 */
export function plan(args: readonly string[]): Plan {
  const [first, second, third, ...rest] = args;
  if (first === undefined) return { flow: "frozen", args: frozen };
  if (args.some((arg) => arg === "--help" || arg === "-h")) return { flow: "pass" };
  switch (first) {
    case "-v":
    case "--version":
    case "--clipanion=definitions":
      return { flow: "pass" };
    case "install":
    case "i":
      return install(args.slice(1));
    case "rebuild":
    case "unplug":
      return { flow: "frozen", args };
    case "workspaces":
      return second === "focus" ? { flow: "frozen", args } : { flow: "pass" };
    case "workspace":
      return third !== undefined && second !== undefined
        ? within(["workspace", second], plan([third, ...rest]), `${first} … ${third}`)
        : { flow: "pass" };
    case "dlx":
      return throwaway(args.slice(1), args);
    case "create":
      return { flow: "unknown", shown: "yarn create" };
  }
  if (first === "dedupe" && args.some((arg) => arg === "--check" || arg === "-c")) return { flow: "pass" };
  if (changing.has(first)) return change(args);
  if (uncovered.has(first)) return { flow: "unknown", shown: `yarn ${first}` };
  // `yarn --cwd elsewhere …` and `yarn ./elsewhere …` are about another project than the one that is judged.
  if (first.startsWith("-")) return first.startsWith("--cwd") ? elsewhere(first) : install(args);
  if (/[/\\]/.test(first)) return elsewhere(first);
  return { flow: "pass" };
}

const elsewhere = (shown: string): Plan => ({ flow: "unknown", shown: `yarn ${shown}` });

const change = (args: readonly string[]): Plan =>
  args.some((arg) => arg === "-i" || arg === "--interactive")
    ? { flow: "unknown", shown: `yarn ${args[0]} --interactive` }
    : { flow: "change", resolve: [...withoutMode(args), onlyLock], install: frozen };

function install(options: readonly string[]): Plan {
  if (options.some((arg) => arg === onlyLock || arg === "--refresh-lockfile"))
    return { flow: "change", resolve: ["install", ...withoutMode(options), onlyLock], install: frozen };
  const kept = options.filter((arg) => arg !== "--immutable" && !/^--(?:no-immutable|immutable=)/.test(arg));
  return { flow: "frozen", args: [...frozen, ...kept] };
}

/** A command inside a workspace; what is frozen or locked is the whole project all the same. */
function within(prefix: readonly string[], inner: Plan, shown: string): Plan {
  switch (inner.flow) {
    case "pass":
      return inner;
    case "change":
      return { ...inner, resolve: [...prefix, ...inner.resolve] };
    case "frozen":
      return inner.args[0] === "install" ? inner : { flow: "unknown", shown: `yarn ${shown}` };
    case "throwaway":
    case "unknown":
      return { flow: "unknown", shown: `yarn ${shown}` };
  }
}

function throwaway(options: readonly string[], args: readonly string[]): Plan {
  const specifiers: string[] = [];
  let at = 0;
  for (; at < options.length; at += 1) {
    const arg = options[at] as string;
    if (arg === "-p" || arg === "--package") specifiers.push(options[(at += 1)] ?? "");
    else if (arg.startsWith("--package=")) specifiers.push(arg.slice("--package=".length));
    else if (arg !== "-q" && arg !== "--quiet") break;
  }
  const named = options[at];
  const rest = options.slice(at + 1);
  const all = specifiers.length > 0 ? specifiers : named === undefined ? [] : [named];
  // Repositories, addresses and folders are built when they are fetched.
  if (named === undefined || named.startsWith("-") || !all.every(isRegistrySpecifier))
    return { flow: "unknown", shown: `yarn ${args.join(" ")}` };
  const command = specifiers.length > 0 ? named : null;
  return { flow: "throwaway", request: { specifiers: all, command, args: rest } };
}

/** `name`, `@scope/name`, with `@range` or `@tag`. */
export const isRegistrySpecifier = (text: string): boolean =>
  /^(?:@[\w.~-]+\/)?[\w~][\w.~-]*(?:@(?:npm:)?[\w.^~<>=*| +-]+)?$/.test(text);

const withoutMode = (args: readonly string[]): string[] =>
  args.filter((arg, at) => !/^--mode(?:=|$)/.test(arg) && args[at - 1] !== "--mode");

const weakeningClassic: ReadonlySet<string> = new Set([
  "--no-lockfile",
  "--pure-lockfile",
  "--update-checksums",
  "--skip-integrity-check",
  "--force",
]);

/** `yarn install --frozen-lockfile` is all of Yarn 1 that is covered: its lockfile has the tarballs' own digests. */
export function planClassic(args: readonly string[]): Plan {
  const [first = "install", ...rest] = args;
  if (["-v", "--version", "--help", "-h", "help"].includes(first)) return { flow: "pass" };
  const options = first === "install" ? rest : first.startsWith("-") ? args : null;
  if (options === null)
    return ["run", "exec", "node", "why", "list", "config", "bin"].includes(first)
      ? { flow: "pass" }
      : { flow: "unknown", shown: `yarn ${first}` };
  const weak = options.find((arg) => weakeningClassic.has(arg));
  if (weak !== undefined) return { flow: "unknown", shown: `yarn install ${weak}` };
  const kept = options.filter((arg) => arg !== "--frozen-lockfile" && arg !== "--check-files");
  return { flow: "frozen", args: ["install", "--frozen-lockfile", "--check-files", ...kept] };
}

/**
 * Variables that switch one of Yarn's checks or our plugin off, or that exchange Yarn or its configuration. Our plugin
 * named by `YARN_PLUGINS` is how it is enforced; whatever else stands there is for the settings check to say.
 */
export function weakeningVariable(variables: Readonly<Record<string, string | undefined>>): string | null {
  return (
    ["YARN_CHECKSUM_BEHAVIOR", "YARN_RC_FILENAME", "YARN_YARN_PATH", "YARN_IGNORE_PATH"].find(
      (name) => (variables[name] ?? "") !== "",
    ) ?? null
  );
}
