import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { load } from "js-yaml";
import type { Finding, Position } from "@countersign/core";
import { editableRoot, isInside, readHead } from "../project/bounded-file.ts";
import { normaliseRegistry } from "../registry/address.ts";
import {
  expand,
  isTable,
  listOf,
  readTable,
  readText,
  tableOf,
  textOrNull,
  variableIn,
  type ReadTable,
  type Table,
} from "./configuration-file.ts";
import { Guard, proxyOf, splitList } from "./guard.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { fromNpmrc, npmRegistryOf, npmrcWeaknesses, unique } from "./npm.ts";
import { readAuthority } from "./authority.ts";
import { defaultRegistry, readNpmrc } from "./npmrc.ts";
import { inEnvironment, notRead, positionOf, unusableRegistry, weakens } from "./setting.ts";
import { isClassicYarnLock } from "./yarn-lock.ts";

/** One source of settings, a file or the environment. */
type Source = ReadTable & { shown: string; project: boolean };
type Setting = { value: unknown; source: Source; at: Position };

const checksums: ReadonlyMap<string, string> = new Map([
  ["ignore", "packages whose checksum differs from the lockfile's are installed."],
  ["update", "a checksum that differs is written into the lockfile instead of being refused."],
  ["reset", "every checksum is taken anew from whatever is served."],
]);
/** Yarn 1 takes .npmrc; later ones .yarnrc.yml of the project, the directories above and the home, and `YARN_*`. */
export async function readYarn(context: ManagerContext): Promise<ManagerConfiguration> {
  const head = await readHead(join(context.directory, "yarn.lock"), 4096);
  return head !== null && isClassicYarnLock(head) ? readClassic(context) : readBerry(context);
}

async function readClassic(context: ManagerContext): Promise<ManagerConfiguration> {
  const npmrc = await readNpmrc(context);
  const findings = npmrcWeaknesses(npmrc, context);
  const places: [string, string | null][] = [
    [".yarnrc", editableRoot(context.directory, context.home)],
    [join(context.home, ".yarnrc"), null],
  ];
  for (const [shown, within] of places) {
    const text = await readText(resolve(context.directory, shown), shown, within, findings);
    if (text === null) continue;
    findings.push(notRead(shown, ".yarnrc of Yarn 1"));
    if (/^\s*"?strict-ssl"?\s+"?false"?\s*$/m.test(text))
      findings.push(insecure(positionOf(shown, text, "strict-ssl"), "strict-ssl false", "cafile"));
  }
  return fromNpmrc("yarn", npmrc, findings);
}

async function readBerry(context: ManagerContext): Promise<ManagerConfiguration> {
  const findings: Finding[] = [];
  const sources = await readSources(context, findings);
  const guard = new Guard(context, "npm", ownRegistries(sources, context), findings);
  const registries = new Registries(sources, guard, context, findings);
  for (const source of sources)
    findings.push(...weaknesses(source, editableRoot(context.directory, context.home)));
  for (const { host, fields, source } of registries.hosts()) offer(host, fields, source, guard, context);
  const network = (key: string): string | null => {
    const set = settingOf(sources, key);
    const text = textOrNull(set?.value);
    if (set === null || text === null) return null;
    return guard.admitNetwork(key, set.source.project ? set.at : null)
      ? expand(text, context.environment)
      : null;
  };
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NO_PROXY, no_proxy, NODE_EXTRA_CA_CERTS } =
    context.environment;
  const https = network("httpsProxy") ?? textOrNull(HTTPS_PROXY) ?? textOrNull(https_proxy);
  const http = network("httpProxy") ?? textOrNull(HTTP_PROXY) ?? textOrNull(http_proxy);
  const authority = network("httpsCaFilePath");
  if (context.environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    findings.push(insecure(inEnvironment, "NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_EXTRA_CA_CERTS"));
  return {
    manager: "yarn",
    registryOf: npmRegistryOf(registries.scopes, registries.main),
    registries: unique([registries.main, ...registries.scopes.values()]),
    credentials: guard.credentials,
    proxy: {
      https: proxyOf(https, "httpsProxy", findings),
      http: proxyOf(http, "httpProxy", findings),
      noProxy: splitList(NO_PROXY ?? no_proxy ?? ""),
    },
    authorities: [
      ...(authority === null
        ? []
        : await readAuthority(resolve(context.directory, authority), authority, findings)),
      ...(NODE_EXTRA_CA_CERTS === undefined
        ? []
        : await readAuthority(NODE_EXTRA_CA_CERTS, NODE_EXTRA_CA_CERTS, findings)),
    ],
    findings,
  };
}

/** Highest first: variables, then the files from the project upwards, then the home's. */
async function readSources(context: ManagerContext, findings: Finding[]): Promise<Source[]> {
  const { directory, home, environment } = context;
  const name = environment["YARN_RC_FILENAME"] ?? ".yarnrc.yml";
  const root = editableRoot(directory, home);
  const sources: Source[] = [
    { shown: inEnvironment.path, text: "", project: false, table: settingsOf(environment) },
  ];
  const read = async (place: string, shown: string, project: boolean): Promise<void> => {
    const file = await readTable(
      join(place, name),
      shown,
      project ? root : null,
      (text) => load(text),
      findings,
    );
    if (file !== null) sources.push({ ...file, shown, project });
  };
  // What lies above the repository is the project's word too: who can write there is not known.
  for (let at = directory; at !== home; at = dirname(at)) {
    await read(at, isInside(at, directory) ? name : join(at, name), true);
    if (dirname(at) === at) break;
  }
  await read(home, join(home, name), false);
  return sources;
}

/** `YARN_NPM_AUTH_TOKEN` is `npmAuthToken`. */
function settingsOf(environment: ManagerContext["environment"]): Table {
  const entries = Object.entries(environment).flatMap(([key, value]) => {
    if (!key.startsWith("YARN_") || value === undefined || value === "") return [];
    const words = key.slice("YARN_".length).toLowerCase().split("_");
    return [
      [
        words.map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join(""),
        value,
      ] as const,
    ];
  });
  return Object.fromEntries(entries);
}

function settingOf(sources: readonly Source[], key: string): Setting | null {
  const source = sources.find(
    ({ table }) => Object.hasOwn(table, key) && table[key] !== null && table[key] !== undefined,
  );
  return source === undefined
    ? null
    : { value: source.table[key], source, at: positionOf(source.shown, source.text, key) };
}

function ownRegistries(sources: readonly Source[], { environment }: ManagerContext): string[] {
  return sources
    .filter(({ project }) => !project)
    .flatMap(({ table }) => [
      table["npmRegistryServer"],
      ...Object.values(tableOf(table["npmScopes"])).map((scope) => tableOf(scope)["npmRegistryServer"]),
      ...Object.keys(tableOf(table["npmRegistries"])).map(hostAddress),
    ])
    .flatMap((value) => normaliseRegistry(expand(textOrNull(value) ?? "", environment) ?? "") ?? []);
}

/** `npmRegistries` names its hosts with or without a scheme. */
const hostAddress = (host: string): string => (host.startsWith("//") ? `https:${host}` : host);

type Held = { host: string; fields: Setting; source: Source };

/** Which registry serves what, and whose word that is: Yarn merges the scopes of all its files, field by field. */
class Registries {
  readonly main: string | null;
  readonly scopes: ReadonlyMap<string, string | null>;
  readonly #sources: readonly Source[];
  readonly #places: ReadonlyMap<string, Setting | null>;

  constructor(sources: readonly Source[], guard: Guard, context: ManagerContext, findings: Finding[]) {
    this.#sources = sources;
    const address = (set: Setting | null): string | null => {
      const text = textOrNull(set?.value);
      if (set === null || text === null) return null;
      const normal = normaliseRegistry(expand(text, context.environment) ?? "");
      const variable = variableIn(text);
      if (normal === null) findings.push(unusableRegistry(set.at, "npmRegistryServer", text));
      else if (set.source.project && variable !== null && !guard.admitAddress(normal, variable, set.at))
        return null;
      return normal;
    };
    const main = settingOf(sources, "npmRegistryServer");
    const names = new Set(sources.flatMap(({ table }) => Object.keys(tableOf(table["npmScopes"]))));
    const places = new Map([...names].map((name) => [name, this.#field(name, "npmRegistryServer")] as const));
    this.main = main === null ? defaultRegistry : address(main);
    this.scopes = new Map(
      [...places].map(([name, set]) => [`@${name}`, set === null ? this.main : address(set)]),
    );
    this.#places = new Map([["", main], ...[...places].map(([name, set]) => [name, set ?? main] as const)]);
  }

  /** Every holder of a credential with the address it goes to and the least trusted file that had a say. */
  *hosts(): Generator<Held> {
    for (const source of this.#sources) {
      for (const [host, value] of Object.entries(tableOf(source.table["npmRegistries"]))) {
        const address = normaliseRegistry(hostAddress(host));
        if (address !== null) yield this.#held(address, value, host, source, null);
      }
      for (const [name, place] of this.#places) {
        const address = name === "" ? this.main : (this.scopes.get(`@${name}`) ?? null);
        const value = name === "" ? source.table : tableOf(source.table["npmScopes"])[name];
        if (address !== null) yield this.#held(address, value, name === "" ? "npmAuth" : name, source, place);
      }
    }
  }

  #held(host: string, value: unknown, key: string, source: Source, place: Setting | null): Held {
    const chosen = place?.source.project === true ? place : null;
    const at = chosen === null ? positionOf(source.shown, source.text, key) : chosen.at;
    return { host, fields: { value, source, at }, source: chosen === null ? source : chosen.source };
  }

  #field(scope: string, key: string): Setting | null {
    for (const source of this.#sources) {
      const value = tableOf(tableOf(source.table["npmScopes"])[scope])[key];
      if (textOrNull(value) !== null)
        return { value, source, at: positionOf(source.shown, source.text, String(value)) };
    }
    return null;
  }
}

function offer(
  host: string,
  { value: holder, source: holding, at }: Setting,
  deciding: Source,
  guard: Guard,
  { environment }: ManagerContext,
): void {
  const value = isTable(holder) ? holder : {};
  const token = textOrNull(value["npmAuthToken"]);
  const ident = textOrNull(value["npmAuthIdent"]);
  const written = token ?? ident;
  if (written === null) return;
  const expanded = expand(written, environment) || null;
  let authorization = expanded === null ? null : `Bearer ${expanded}`;
  if (token === null && expanded !== null)
    authorization = `Basic ${expanded.includes(":") ? Buffer.from(expanded).toString("base64") : expanded}`;
  const variable = variableIn(written) ?? (holding.project ? null : "npmAuthToken");
  guard.offer({
    prefixes: [host],
    authorization,
    project: holding.project || deciding.project ? at : null,
    variable,
  });
}

const insecure = (at: Position, setting: string, instead: string): Finding =>
  weakens(
    at,
    setting,
    "anybody on the way can answer for the registry.",
    `Remove ${setting}; give the proxy's certificate with ${instead}.`,
  );

/** Our own plugin from outside the project, where a change under test cannot have put it, is how it is enforced. */
const isOurPlugin = (plugins: string, editable: string): boolean =>
  plugins
    .split(";")
    .every(
      (path) =>
        isAbsolute(path) &&
        !isInside(resolve(path), editable) &&
        basename(path) === "yarn-plugin-countersign.cjs",
    );

function weaknesses({ shown, text, table, project }: Source, editable: string): Finding[] {
  const findings: Finding[] = [];
  const at = (key: string): Position => positionOf(shown, text, key);
  const behaviour = textOrNull(table["checksumBehavior"]) ?? "";
  const effect = checksums.get(behaviour);
  if (effect !== undefined)
    findings.push(
      weakens(
        at("checksumBehavior"),
        `checksumBehavior: ${behaviour}`,
        effect,
        `Remove checksumBehavior from ${shown}.`,
      ),
    );
  const strict = [table, ...Object.values(tableOf(table["networkSettings"])).map(tableOf)].some(
    (each) => String(each["enableStrictSsl"]) === "false",
  );
  if (strict) findings.push(insecure(at("enableStrictSsl"), "enableStrictSsl: false", "httpsCaFilePath"));
  const remote = listOf(table["unsafeHttpWhitelist"]).filter(
    (host) => !["localhost", "127.0.0.1", "[::1]"].includes(String(host)),
  );
  if (remote.length > 0) {
    findings.push(
      weakens(
        at("unsafeHttpWhitelist"),
        `unsafeHttpWhitelist: [${remote.join(", ")}]`,
        "tarballs may come over plain http.",
        `Remove unsafeHttpWhitelist from ${shown}.`,
      ),
    );
  }
  if (listOf(table["logFilters"]).some((filter) => tableOf(filter)["level"] === "discard")) {
    findings.push(
      weakens(
        at("logFilters"),
        "logFilters with level discard",
        "an error that is filtered out lets a refused install end with exit code 0.",
        `Remove the filters with level discard from ${shown}.`,
      ),
    );
  }
  const plugins = table["plugins"];
  if (
    !project &&
    shown === inEnvironment.path &&
    typeof plugins === "string" &&
    !isOurPlugin(plugins, editable)
  ) {
    findings.push(
      weakens(
        inEnvironment,
        "YARN_PLUGINS",
        "a plugin named there is loaded first and can replace the project's, ours among them.",
        "Unset YARN_PLUGINS, or name only the gate there.",
      ),
    );
  }
  return findings;
}
