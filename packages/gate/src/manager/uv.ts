import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse } from "smol-toml";
import type { Finding, Position } from "@countersign/core";
import { editableRoot, isInside } from "../project/bounded-file.ts";
import { isTable, listOf, readTable, tableOf, textOrNull, type Table } from "./configuration-file.ts";
import { basic, Guard } from "./guard.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { readAuthority } from "./authority.ts";
import { environmentProxy, firstIndex, prefixesOf, readIndex, readNetrc } from "./python-configuration.ts";
import { inEnvironment, positionOf, unusableRegistry, weakens } from "./setting.ts";

type File = { shown: string; text: string; settings: Table; project: boolean };
/** An index as one source states it. */
type Stated = { written: string; name: string | null; default: boolean; at: Position; project: boolean };

/** uv: `UV_*`, then uv.toml or `[tool.uv]` of the project, then the user's and the system's uv.toml. */
export async function readUv(context: ManagerContext): Promise<ManagerConfiguration> {
  const findings: Finding[] = [];
  const files = await readFiles(context, findings);
  const stated = [...environmentIndexes(context), ...files.flatMap(indexesOf)];
  const own = stated
    .filter(({ project }) => !project)
    .flatMap(({ written }) => readIndex(written)?.url ?? []);
  const guard = new Guard(context, "pypi", own, findings);
  const indexes: { url: string | null; default: boolean }[] = [];
  for (const index of stated) {
    const read = readIndex(index.written);
    indexes.push({ url: read?.url ?? null, default: index.default });
    if (read === null) {
      // A path is an index too: what lies there comes from no registry.
      if (/^https?:/i.test(index.written)) findings.push(unusableRegistry(index.at, "index", index.written));
      continue;
    }
    const named = namedCredential(index.name, context);
    const authorization = named?.authorization ?? read.authorization;
    if (authorization === null) continue;
    // The index's name is the project's to give, so a project file decides where the variable's value would go.
    guard.offer({
      prefixes: prefixesOf(read.url),
      authorization,
      project: index.project ? index.at : null,
      variable: named?.variable ?? null,
    });
  }
  const usable = [...new Set(indexes.flatMap(({ url }) => url ?? []))];
  for (const { machine, authorization } of await readNetrc(context, findings)) {
    const prefixes = usable.filter((url) => new URL(url).hostname === machine).flatMap(prefixesOf);
    guard.offer({ prefixes, authorization, project: null, variable: null });
  }
  for (const file of files) findings.push(...weaknesses(file));
  findings.push(...environmentWeaknesses(context));
  const { SSL_CERT_FILE: certificates } = context.environment;
  return {
    manager: "uv",
    registryOf: firstIndex(indexes.filter((index) => index.default)),
    registries: usable,
    credentials: guard.credentials,
    proxy: environmentProxy(context, findings),
    authorities: certificates === undefined ? [] : await readAuthority(certificates, certificates, findings),
    findings,
  };
}

/** Their order is uv's: the first default index wins. */
function environmentIndexes({ environment }: ManagerContext): Stated[] {
  const stated: Stated[] = [];
  const add = (text: string, isDefault: boolean): void => {
    const named = /^([A-Za-z0-9._-]+)=(.*)$/s.exec(text);
    const written = named?.[2] ?? text;
    if (written !== "")
      stated.push({
        written,
        name: named?.[1] ?? null,
        default: isDefault,
        at: inEnvironment,
        project: false,
      });
  };
  for (const variable of ["UV_DEFAULT_INDEX", "UV_INDEX_URL"]) add(environment[variable] ?? "", true);
  for (const variable of ["UV_INDEX", "UV_EXTRA_INDEX_URL"])
    for (const each of (environment[variable] ?? "").split(/\s+/)) add(each, false);
  return stated;
}

function indexesOf({ shown, text, settings, project }: File): Stated[] {
  const state = (written: string | null, name: string | null, isDefault: boolean): Stated[] =>
    written === null
      ? []
      : [{ written, name, default: isDefault, at: positionOf(shown, text, written), project }];
  return [
    ...listOf(settings["index"])
      .map(tableOf)
      .flatMap((index) =>
        state(textOrNull(index["url"]), textOrNull(index["name"]), index["default"] === true),
      ),
    ...state(textOrNull(settings["index-url"]), null, true),
    ...listOf(settings["extra-index-url"]).flatMap((each) => state(textOrNull(each), null, false)),
  ];
}

/** `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`. */
function namedCredential(
  name: string | null,
  { environment }: ManagerContext,
): { authorization: string; variable: string } | null {
  if (name === null) return null;
  const prefix = `UV_INDEX_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
  const user = environment[`${prefix}_USERNAME`];
  const password = environment[`${prefix}_PASSWORD`];
  return user === undefined && password === undefined
    ? null
    : { authorization: basic(user ?? "", password ?? ""), variable: `${prefix}_PASSWORD` };
}

async function readFiles(context: ManagerContext, findings: Finding[]): Promise<File[]> {
  const { directory, home, environment, platform } = context;
  const root = editableRoot(directory, home);
  const files: File[] = [];
  const take = async (
    path: string,
    shown: string,
    project: boolean,
    pick: (table: Table) => unknown,
  ): Promise<boolean> => {
    const read = await readTable(path, shown, project ? root : null, parse, findings);
    const settings = read === null ? null : pick(read.table);
    if (read === null || !isTable(settings)) return false;
    files.push({ shown, text: read.text, settings, project });
    return true;
  };
  const whole = (table: Table): unknown => table;
  const only = environment["UV_CONFIG_FILE"];
  if (only !== undefined && only !== "") {
    const path = isAbsolute(only) ? resolve(only) : resolve(directory, only);
    await take(path, only, isInside(path, root), whole);
    return files;
  }
  if (isTrue(environment["UV_NO_CONFIG"])) return files;
  for (let at = directory; ; at = dirname(at)) {
    const shown = (name: string): string => (at === directory ? name : join(at, name));
    if (await take(join(at, "uv.toml"), shown("uv.toml"), true, whole)) break;
    if (
      await take(
        join(at, "pyproject.toml"),
        shown("pyproject.toml"),
        true,
        (table) => tableOf(table["tool"])["uv"],
      )
    )
      break;
    if (dirname(at) === at) break;
  }
  const windows = platform === "win32";
  const user = join(
    windows ? (environment["APPDATA"] ?? home) : environment["XDG_CONFIG_HOME"] || join(home, ".config"),
    "uv",
    "uv.toml",
  );
  await take(user, user, false, whole);
  const system = windows
    ? [join(environment["PROGRAMDATA"] ?? "C:\\ProgramData", "uv", "uv.toml")]
    : [
        ...(environment["XDG_CONFIG_DIRS"] || "/etc/xdg")
          .split(":")
          .map((place) => join(place, "uv", "uv.toml")),
        "/etc/uv/uv.toml",
      ];
  for (const path of system) if (await take(path, path, false, whole)) break;
  return files;
}

function weaknesses({ shown, text, settings, project }: File): Finding[] {
  const findings: Finding[] = [];
  const note = (key: string, effect: string): void => {
    findings.push(weakens(positionOf(shown, text, key), key, effect, `Remove ${key} from ${shown}.`));
  };
  if (tableOf(settings["pip"])["verify-hashes"] === false)
    note("verify-hashes", "hashes are not compared with what is downloaded.");
  if (listOf(settings["allow-insecure-host"]).length > 0)
    note("allow-insecure-host", "anybody on the way can answer for that host.");
  if (project && settings["cache-dir"] !== undefined) {
    note(
      "cache-dir",
      "uv installs from a cache that the project names: files committed there are installed without a hash check.",
    );
  }
  return findings;
}

/** As uv reads a switch from the environment. */
const isTrue = (value: string | undefined): boolean =>
  !["", "0", "false", "f", "no", "n", "off"].includes(value?.toLowerCase() ?? "");

const weakening: readonly (readonly [string, string])[] = [
  ["UV_NO_VERIFY_HASHES", "hashes are not compared with what is downloaded."],
  ["UV_SKIP_WHEEL_FILENAME_CHECK", "a wheel of another project is installed under the locked name."],
  ["UV_INSECURE_HOST", "anybody on the way can answer for that host."],
  ["UV_INSECURE_NO_ZIP_VALIDATION", "archives that read differently by different tools are unpacked."],
];

const environmentWeaknesses = ({ environment }: ManagerContext): Finding[] =>
  weakening
    .filter(([name]) => isTrue(environment[name]))
    .map(([name, effect]) => weakens(inEnvironment, name, effect, `Unset ${name}.`));
