import { createHash } from "node:crypto";
import { isAbsolute, join, posix, resolve, win32 } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/** What a step of ours does: resolutions may take indexes from the environment, since the lock is judged afterwards. */
export type Step = "resolve" | "install";

/** Settings of uv's that say how to reach servers, what to show, or where tools go: never what is installed. */
const passed: ReadonlySet<string> = new Set([
  "UV_NO_PROGRESS",
  "UV_NO_WRAP",
  "UV_LOG_CONTEXT",
  "UV_STACK_SIZE",
  "UV_HTTP_TIMEOUT",
  "UV_HTTP_CONNECT_TIMEOUT",
  "UV_HTTP_RETRIES",
  "UV_REQUEST_TIMEOUT",
  "UV_CONCURRENT_DOWNLOADS",
  "UV_CONCURRENT_INSTALLS",
  "UV_CONCURRENT_CACHE_READS",
  "UV_LOCK_TIMEOUT",
  "UV_OFFLINE",
  "UV_SYSTEM_CERTS",
  "UV_NATIVE_TLS",
  "UV_KEYRING_PROVIDER",
  "UV_CREDENTIALS_DIR",
  "UV_COMPILE_BYTECODE",
  "UV_DEV",
  "UV_NO_DEV",
  "UV_NO_GROUP",
  "UV_NO_DEFAULT_GROUPS",
  "UV_NO_EDITABLE",
  "UV_TOOL_DIR",
  "UV_TOOL_BIN_DIR",
]);
const passedToResolution: ReadonlySet<string> = new Set([
  "UV_DEFAULT_INDEX",
  "UV_INDEX",
  "UV_INDEX_URL",
  "UV_EXTRA_INDEX_URL",
  "UV_EXCLUDE_NEWER",
  "UV_PRERELEASE",
  "UV_RESOLUTION",
  "UV_FORK_STRATEGY",
]);
const credential = /^UV_INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)$/;
/** Read by the wrapper itself, which says in arguments what of them holds. */
const understood: ReadonlySet<string> = new Set([
  "UV_FROZEN",
  "UV_LOCKED",
  "UV_NO_SYNC",
  "UV_PYTHON",
  "UV_PROJECT_ENVIRONMENT",
  "UV_CACHE_DIR",
  "UV_LINK_MODE",
  "UV_PYTHON_DOWNLOADS",
  "UV_NO_BUILD",
  "UV_NO_CONFIG",
  "UV_REQUIRE_HASHES",
  // uv's own, for a uv that it runs.
  "UV",
  "UV_RUN_RECURSION_DEPTH",
]);

/** An environment of the user's that leads to other files or interpreters than those that were judged. */
const active = ["VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONHOME", "PYTHONPATH"];

export type Surroundings = {
  variables: Variables;
  platform: NodeJS.Platform;
  /** Absolute; ours. */
  cacheDirectory: string;
  /** Absolute path of the project. */
  project: string;
};

/** A path at which nothing is: uv looks for an environment there and finds none to run. */
export const absentEnvironment = (cacheDirectory: string): string => join(cacheDirectory, "uv", "absent");

/**
 * What a step of a strict run changes in the user's environment. Of `UV_*` only what is named here passes; caches,
 * link mode and interpreters' downloads are fixed; programs of the project are not found on `PATH`.
 * @param environment absolute path of the environment to install to; null: none, for steps that only read
 */
export function strictVariables(
  { variables, platform, cacheDirectory, project }: Surroundings,
  step: Step,
  environment: string | null,
): Record<string, string | undefined> {
  const changed: Record<string, string | undefined> = Object.create(null) as Record<string, undefined>;
  for (const name of Object.keys(variables)) if (isDropped(name, step)) changed[name] = undefined;
  for (const name of active) if (variables[name] !== undefined) changed[name] = undefined;
  return {
    ...changed,
    ...searchPath(variables, platform, project),
    UV_CACHE_DIR: join(cacheDirectory, "uv", "cache"),
    UV_LINK_MODE: platform === "darwin" ? "clone" : "copy",
    UV_PYTHON_DOWNLOADS: "never",
    UV_PROJECT_ENVIRONMENT: environment ?? absentEnvironment(cacheDirectory),
  };
}

function isDropped(name: string, step: Step): boolean {
  const upper = name.toUpperCase();
  if (!upper.startsWith("UV_")) return false;
  if (passed.has(upper) || credential.test(upper)) return false;
  return !(step === "resolve" && passedToResolution.has(upper));
}

/** Variables that strict mode leaves out and that would have changed what the user's command does. */
export const leftOut = (variables: Variables): string[] =>
  Object.keys(variables)
    .filter((name) => (variables[name] ?? "") !== "" && isDropped(name, "resolve"))
    .filter((name) => !understood.has(name.toUpperCase()))
    .toSorted();

function searchPath(
  variables: Variables,
  platform: NodeJS.Platform,
  project: string,
): Record<string, string> {
  const name = Object.keys(variables).find((each) => each.toUpperCase() === "PATH");
  if (name === undefined) return {};
  const [path, separator] = platform === "win32" ? [win32, ";"] : [posix, ":"];
  const entries = (variables[name] ?? "").split(separator).filter((entry) => {
    if (!path.isAbsolute(entry)) return false;
    const way = path.relative(project, entry);
    return way !== "" && (way.startsWith("..") || path.isAbsolute(way));
  });
  return { [name]: entries.join(separator) };
}

/** As uv reads a switch from the environment. */
export const isOn = (value: string | undefined): boolean =>
  !["", "0", "false", "f", "no", "n", "off"].includes(value?.toLowerCase() ?? "");

/** Where the project's environment lies: `UV_PROJECT_ENVIRONMENT`, relative to the project, or `.venv`. */
export function environmentOf(variables: Variables, project: string): string {
  const named = variables["UV_PROJECT_ENVIRONMENT"] ?? "";
  return named === "" ? join(project, ".venv") : isAbsolute(named) ? resolve(named) : resolve(project, named);
}

/**
 * A version of Python as `.python-version`, `UV_PYTHON` and `--python` may give it. A path or a program's name is
 * none: uv would run it to learn what it is.
 */
export const isPythonVersion = (text: string): boolean =>
  text.length <= 100 &&
  (/^(?:(?:cpython|pypy|graalpy|pyodide|python|cp|pp)[-@]?)?\d+(?:\.\d+){0,2}[a-z0-9]*(?:[+-][A-Za-z0-9_.+-]*)?$/i.test(
    text,
  ) ||
    /^(?:[<>=!~]=?=?\s*\d+(?:\.(?:\d+|\*))*\s*,?\s*)+$/.test(text));

export const keyOf = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
