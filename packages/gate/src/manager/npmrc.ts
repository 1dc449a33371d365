import { devNull } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import Config from "@npmcli/config";
import definitions from "@npmcli/config/lib/definitions/index.js";
import type { Finding, Position } from "@countersign/core";
import { editableRoot, isInside } from "../project/bounded-file.ts";
import { normaliseRegistry } from "../registry/address.ts";
import type { Credential } from "../registry/client.ts";
import { readAuthority } from "./authority.ts";
import { readText, variableIn } from "./configuration-file.ts";
import { basic, Guard, proxyOf, splitList } from "./guard.ts";
import type { ManagerContext } from "./manager.ts";
import { inEnvironment, positionOf, unreadable, unusableRegistry } from "./setting.ts";

/** The files that hold npm-style configuration, as npm's own reader sees them. */
export type Npmrc = {
  /** The value that wins, after `${VAR}` has been replaced, and where it stands; undefined where only the default holds. */
  setting(key: string): { value: unknown; at: Position } | undefined;
  /** The library's default where nothing is set; null where what is set cannot be used. */
  registry: string | null;
  /** By scope (`@name`); null where what is set cannot be used. */
  scopes: ReadonlyMap<string, string | null>;
  /** Registries that the user's own files and variables name. */
  own: readonly string[];
  credentials: readonly Credential[];
  proxy: { https: string | null; http: string | null; noProxy: readonly string[] };
  authorities: readonly string[];
  findings: readonly Finding[];
};

export type NpmrcOptions = {
  /** Further files of the user: they outrank ~/.npmrc, or come after it. */
  before?: readonly string[];
  after?: readonly string[];
  /** Whether the manager replaces variables in the credentials of a project's file where no policy says otherwise. */
  projectVariables?: boolean;
};

type Layer = {
  project: boolean;
  shown: string;
  text: string;
  data: Readonly<Record<string, unknown>>;
  raw: Readonly<Record<string, unknown>>;
};
const credentialKey = /^\/\/(.+?)\/?:(_authToken|_auth|_password|username)$/;

/** The registry that npm's own library takes where nothing is set. */
export const defaultRegistry: string | null = normaliseRegistry(
  String((definitions.definitions as { registry: { default: unknown } }).registry.default),
);

/**
 * Reads .npmrc files and `npm_config_*` with npm's own reader, highest first: environment, project, user, global.
 * The project's file is read apart from the others, because npm lets it say where the user's file lies.
 */
export async function readNpmrc(context: ManagerContext, options: NpmrcOptions = {}): Promise<Npmrc> {
  const findings: Finding[] = [];
  const layers = await readLayers(context, options, findings);
  const find = (key: string): { layer: Layer; value: unknown } | undefined => {
    const layer = layers.find(({ data }) => Object.hasOwn(data, key));
    return layer === undefined ? undefined : { layer, value: layer.data[key] };
  };
  const own = layers
    .filter(({ project }) => !project)
    .flatMap(({ data }) => Object.entries(data))
    .filter(([key]) => isRegistryKey(key))
    .flatMap(([, value]) => normaliseRegistry(String(value)) ?? []);
  const trusting =
    options.projectVariables === false && context.registries === null
      ? { ...context, registries: [] }
      : context;
  const guard = new Guard(trusting, "npm", own, findings);

  const registryAt = (key: string): string | null => {
    const found = find(key);
    if (found === undefined) return defaultRegistry;
    const { layer, value } = found;
    const at = positionOf(layer.shown, layer.text, key);
    // npm leaves a variable that is not set as it stands.
    const address = variableIn(String(value)) === null ? normaliseRegistry(String(value)) : null;
    const variable = variableIn(written(layer, key));
    if (address === null) findings.push(unusableRegistry(at, key, String(value)));
    else if (layer.project && variable !== null && !guard.admitAddress(address, variable, at)) return null;
    return address;
  };
  const scoped = new Set(
    layers.flatMap(({ data }) => Object.keys(data)).filter((key) => key !== "registry" && isRegistryKey(key)),
  );
  for (const layer of layers) offerCredentials(layer, guard);
  const network = (key: string): unknown => {
    const found = find(key);
    if (found === undefined || found.value === null || found.value === false || found.value === "")
      return undefined;
    const { layer, value } = found;
    return guard.admitNetwork(key, layer.project ? positionOf(layer.shown, layer.text, key) : null)
      ? value
      : undefined;
  };
  return {
    setting: (key) => {
      const found = find(key);
      return found === undefined
        ? undefined
        : { value: found.value, at: positionOf(found.layer.shown, found.layer.text, key) };
    },
    registry: registryAt("registry"),
    scopes: new Map([...scoped].map((key) => [key.slice(0, -":registry".length), registryAt(key)])),
    own,
    credentials: guard.credentials,
    proxy: readProxy(network, context.environment, findings),
    authorities: await readAuthorities(network, context, findings),
    findings,
  };
}

const isRegistryKey = (key: string): boolean =>
  key === "registry" || (key.startsWith("@") && key.endsWith(":registry"));

async function readLayers(
  context: ManagerContext,
  options: NpmrcOptions,
  findings: Finding[],
): Promise<Layer[]> {
  const root = editableRoot(context.directory, context.home);
  const user = await load(context, ["--location=global"], context.environment, findings);
  if (user === null) return [];
  const files = {
    user: absolute(String(user.get("userconfig")), context),
    global: absolute(String(user.get("globalconfig")), context),
  };
  const own = async (path: string, where: "user" | "global", config: Config): Promise<Layer[]> => {
    // A variable may name a file that lies in the project: that is the project's word, not the user's.
    const project = path !== join(context.home, ".npmrc") && isInside(path, root);
    const text = await readText(path, path, project ? root : null, findings);
    return text === null ? [] : [layerOf(config, where, project, path, text)];
  };
  const further = async (paths: readonly string[] = []): Promise<Layer[]> => {
    const found: Layer[] = [];
    for (const path of paths) {
      const config = await load(
        context,
        [`--userconfig=${path}`, `--globalconfig=${nothing("global")}`, "--location=global"],
        withoutSettings(context.environment),
        findings,
      );
      if (config !== null) found.push(...(await own(path, "user", config)));
    }
    return found;
  };
  const project =
    join(context.directory, ".npmrc") === files.user ? null : await readProject(context, root, findings);
  const environment = layerOf(user, "env", false, inEnvironment.path, "");
  return [
    project === null ? environment : withoutEcho(environment, project, context),
    ...(project === null ? [] : [project]),
    ...(await further(options.before)),
    ...(await own(files.user, "user", user)),
    ...(await own(files.global, "global", user)),
    ...(await further(options.after)),
  ];
}

async function readProject(
  context: ManagerContext,
  root: string,
  findings: Finding[],
): Promise<Layer | null> {
  const text = await readText(join(context.directory, ".npmrc"), ".npmrc", root, findings);
  if (text === null) return null;
  const args = [
    `--prefix=${context.directory}`,
    `--userconfig=${nothing("user")}`,
    `--globalconfig=${nothing("global")}`,
  ];
  const config = await load(context, args, withoutSettings(context.environment), findings);
  return config === null ? null : layerOf(config, "project", true, ".npmrc", text);
}

/** npm and pnpm hand the project's own settings to its scripts as variables: there they are no word of the user's. */
function withoutEcho(environment: Layer, project: Layer, { environment: variables }: ManagerContext): Layer {
  if (variables["npm_lifecycle_event"] === undefined) return environment;
  const echoed = (key: string, value: unknown): boolean =>
    Object.hasOwn(project.data, key) && String(project.data[key]) === String(value);
  const data = Object.fromEntries(
    Object.entries(environment.data).filter(([key, value]) => !echoed(key, value)),
  );
  return { ...environment, data };
}

async function load(
  context: ManagerContext,
  args: readonly string[],
  environment: ManagerContext["environment"],
  findings: Finding[],
): Promise<Config | null> {
  const { definitions: known, flatten, shorthands, nerfDarts } = definitions;
  const config = new Config({
    definitions: known,
    flatten,
    shorthands,
    nerfDarts,
    npmPath: nothing("npm"),
    env: { ...environment, HOME: context.home },
    argv: [process.execPath, "npm", ...args],
    platform: context.platform,
    execPath: process.execPath,
    cwd: context.directory,
    warn: false,
  });
  try {
    await config.load();
    return config;
  } catch (error) {
    findings.push(unreadable(".npmrc", error instanceof Error ? error.message : "unknown"));
    return null;
  }
}

/** A path at which there can be no file. */
const nothing = (name: string): string => join(devNull, name);

const absolute = (path: string, { directory }: ManagerContext): string =>
  isAbsolute(path) ? resolve(path) : resolve(directory, path);

const withoutSettings = (environment: ManagerContext["environment"]): ManagerContext["environment"] =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^npm_config_/i.test(name)));

function layerOf(config: Config, where: string, project: boolean, shown: string, text: string): Layer {
  const { data, raw } = config.data.get(where) as {
    data: Record<string, unknown>;
    raw?: Record<string, unknown>;
  };
  // Own properties alone: npm chains its layers as prototypes of one another.
  return { project, shown, text, data: { ...data }, raw: { ...raw } };
}

/** One place at a time, so that a user name of one file never meets a password of another. */
/** A setting before its variables were filled in; npm's parser gives text for what a registry may be. */
function written({ raw }: Layer, key: string): string {
  const value = raw[key];
  return typeof value === "string" ? value : "";
}

function offerCredentials({ project, shown, text, data, raw }: Layer, guard: Guard): void {
  const groups = new Map<string, Map<string, string>>();
  for (const [key, value] of Object.entries(data)) {
    const match = credentialKey.exec(key);
    if (match === null) continue;
    const [, place, field] = match as unknown as [string, string, string];
    groups.set(place, (groups.get(place) ?? new Map<string, string>()).set(field, String(value)));
  }
  for (const [place, group] of groups) {
    const prefixes = [`https://${place}/`, `http://${place}/`].flatMap(
      (address) => normaliseRegistry(address) ?? [],
    );
    const written = Object.entries(raw).filter(([key]) => key.startsWith(`//${place}`) || key.includes("${"));
    const variable =
      written.map(([key, value]) => variableIn(`${key}=${String(value)}`)).find((name) => name !== null) ??
      null;
    guard.offer({
      prefixes,
      authorization: authorizationOf(group),
      project: project ? positionOf(shown, text, `//${place}`) : null,
      variable,
    });
  }
}

function authorizationOf(group: ReadonlyMap<string, string>): string | null {
  const given = (field: string): string | null => {
    const value = group.get(field) ?? "";
    return value === "" || variableIn(value) !== null ? null : value;
  };
  const [token, name, password, both] = ["_authToken", "username", "_password", "_auth"].map(given);
  if (typeof token === "string") return `Bearer ${token}`;
  if (typeof name === "string" && typeof password === "string")
    return basic(name, Buffer.from(password, "base64").toString("utf8"));
  return typeof both === "string" ? `Basic ${both}` : null;
}

function readProxy(
  network: (key: string) => unknown,
  environment: ManagerContext["environment"],
  findings: Finding[],
): Npmrc["proxy"] {
  const first = (...candidates: unknown[]): string | null => {
    const found = candidates.find((each) => typeof each === "string" && each !== "" && each !== "null");
    return typeof found === "string" ? found : null;
  };
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, PROXY, proxy, NO_PROXY, no_proxy } = environment;
  const general = network("proxy");
  const https = first(
    network("https-proxy"),
    HTTPS_PROXY,
    https_proxy,
    general,
    HTTP_PROXY,
    http_proxy,
    PROXY,
    proxy,
  );
  const http = first(general, HTTP_PROXY, http_proxy, PROXY, proxy);
  const none = network("noproxy");
  return {
    https: proxyOf(https, "https-proxy", findings),
    http: proxyOf(http, "proxy", findings),
    noProxy: splitList(Array.isArray(none) ? none.join(",") : (first(none, NO_PROXY, no_proxy) ?? "")),
  };
}

async function readAuthorities(
  network: (key: string) => unknown,
  context: ManagerContext,
  findings: Finding[],
): Promise<string[]> {
  const given = network("ca");
  const authorities = (Array.isArray(given) ? given : [given])
    .filter((each): each is string => typeof each === "string" && each.includes("BEGIN CERTIFICATE"))
    .map((each) => each.replaceAll("\\n", "\n"));
  const file = network("cafile");
  if (typeof file === "string")
    authorities.push(...(await readAuthority(absolute(file, context), file, findings)));
  return authorities;
}
