import { join, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import type { Finding, Position } from "@countersign/core";
import { editableRoot } from "../project/bounded-file.ts";
import { normaliseRegistry } from "../registry/address.ts";
import {
  expand,
  listOf,
  readTable,
  readText,
  tableOf,
  textOrNull,
  variableIn,
  type ReadTable,
} from "./configuration-file.ts";
import { basic, Guard } from "./guard.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { fromNpmrc, npmRegistryOf, npmrcWeaknesses, unique } from "./npm.ts";
import { readAuthority } from "./authority.ts";
import { readNpmrc } from "./npmrc.ts";
import { inEnvironment, positionOf, unusableRegistry, weakens } from "./setting.ts";

const name = "bunfig.toml";
type File = ReadTable & { shown: string; project: boolean };
type Entry = { written: string; url: string | null; authorization: string | null; variable: string | null };

const variables: Readonly<Record<string, string>> = {
  BUN_CONFIG_NO_VERIFY: "what is downloaded is not compared with the lockfile's digests.",
  BUN_CONFIG_SKIP_LOAD_LOCKFILE: "the lockfile that was verified is not read.",
};

/** Bun reads these before it does anything, and obeys what they set; which of them depends on `NODE_ENV`. */
const environmentFiles: readonly string[] = ["", ".development", ".production", ".test"].flatMap((suffix) => [
  `.env${suffix}`,
  `.env${suffix}.local`,
]);

/** Bun: `BUN_CONFIG_REGISTRY`, then bunfig.toml of the project over that of the home, then .npmrc. */
export async function readBun(context: ManagerContext): Promise<ManagerConfiguration> {
  const { environment, home } = context;
  const npmrc = await readNpmrc(context);
  const findings: Finding[] = npmrcWeaknesses(npmrc, context);
  const user = environment["XDG_CONFIG_HOME"] || home;
  const read = async (directory: string, file: string, project: boolean): Promise<File[]> => {
    const shown = project ? file : join(directory, file);
    const within = project ? editableRoot(context.directory, home) : null;
    const table = await readTable(join(directory, file), shown, within, parse, findings);
    return table === null ? [] : [{ ...table, shown, project }];
  };
  const files = [...(await read(context.directory, name, true)), ...(await read(user, `.${name}`, false))];
  const own = files
    .filter(({ project }) => !project)
    .flatMap((file) => entriesOf(file, context).flatMap(({ entry }) => entry.url ?? []));
  const guard = new Guard(context, "npm", [...own, ...npmrc.own], findings);
  const scopes = new Map<string, string | null>();
  let registry: string | null | undefined;
  const variable = textOrNull(environment["BUN_CONFIG_REGISTRY"]);
  if (variable !== null) {
    registry = normaliseRegistry(variable);
    if (registry === null) findings.push(unusableRegistry(inEnvironment, "BUN_CONFIG_REGISTRY", variable));
  }
  for (const file of files) {
    for (const { scope, entry } of entriesOf(file, context)) {
      const at = positionOf(file.shown, file.text, scope?.slice(1) ?? "registry");
      const url = admitted(entry, file.project ? at : null, guard);
      if (entry.url === null) findings.push(unusableRegistry(at, scope ?? "registry", entry.written));
      if (scope === null) registry = registry === undefined ? url : registry;
      else if (!scopes.has(scope)) scopes.set(scope, url);
      if (url === null || (entry.authorization === null && entry.variable === null)) continue;
      guard.offer({
        prefixes: [url],
        authorization: entry.authorization,
        project: file.project ? at : null,
        variable: entry.variable,
      });
    }
  }
  const authorities: string[] = [];
  for (const file of files) authorities.push(...(await authoritiesOf(file, guard, context, findings)));
  for (const [key, effect] of Object.entries(variables)) {
    if (!["", "0", "false"].includes(environment[key] ?? ""))
      findings.push(weakens(inEnvironment, key, effect, `Unset ${key}.`));
  }
  findings.push(...(await environmentWeaknesses(context, findings)));
  const all = new Map([...npmrc.scopes, ...scopes]);
  const main = registry === undefined ? npmrc.registry : registry;
  const base = fromNpmrc("bun", npmrc, findings);
  return {
    ...base,
    registryOf: npmRegistryOf(all, main),
    registries: unique([main, ...all.values()]),
    credentials: [...guard.credentials, ...base.credentials],
    authorities: [...base.authorities, ...authorities],
  };
}

/** A name alone is enough: nobody else has a use for it, and how Bun reads such a file is not for us to know better. */
async function environmentWeaknesses(
  { directory, home }: ManagerContext,
  findings: Finding[],
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const file of environmentFiles) {
    const text = await readText(join(directory, file), file, editableRoot(directory, home), findings);
    if (text === null) continue;
    for (const [key, effect] of Object.entries(variables)) {
      if (!text.includes(key)) continue;
      const at = positionOf(file, text, key);
      found.push(weakens(at, key, `Bun reads it from here, and ${effect}`, `Remove ${key} from ${file}.`));
    }
  }
  return found;
}

/**
 * A bunfig.toml with another security scanner. One that cannot be parsed is left to Bun, which refuses it too.
 * @param scanner as `install.security.scanner` is written
 */
export function withBunScanner(text: string, scanner: string): string {
  let table: ReadTable["table"];
  try {
    table = parse(text);
  } catch {
    return text;
  }
  const install = tableOf(table["install"]);
  const security = { ...tableOf(install["security"]), scanner };
  return stringify({ ...table, install: { ...install, security } });
}

/** An address made of a variable sends its value to whoever is asked. */
function admitted({ url, written }: Entry, project: Position | null, guard: Guard): string | null {
  const variable = variableIn(braced(written));
  if (url === null || project === null || variable === null) return url;
  return guard.admitAddress(url, variable, project) ? url : null;
}

/** `install.registry` (scope null) and `install.scopes`; each an address, or a table with one and a credential. */
function entriesOf({ table }: File, context: ManagerContext): { scope: string | null; entry: Entry }[] {
  const install = tableOf(table["install"]);
  const values: [string | null, unknown][] = [[null, install["registry"]]];
  for (const [scope, value] of Object.entries(tableOf(install["scopes"])))
    values.push([scope.startsWith("@") ? scope : `@${scope}`, value]);
  return values.flatMap(([scope, value]) => {
    const entry = entryOf(value, context);
    return entry === null ? [] : [{ scope, entry }];
  });
}

function entryOf(value: unknown, { environment }: ManagerContext): Entry | null {
  const fields = tableOf(value);
  const written = textOrNull(value) ?? textOrNull(fields["url"]);
  if (written === null) return null;
  const values = ["token", "username", "password"].map((key) => textOrNull(fields[key]));
  const [token, username, password] = values.map((text) =>
    text === null ? null : expand(braced(text), environment),
  );
  const address = expand(braced(written), environment);
  const parsed = address !== null && URL.canParse(address) ? new URL(address) : null;
  let authorization: string | null = null;
  if (typeof token === "string") authorization = `Bearer ${token}`;
  else if (typeof username === "string" && typeof password === "string")
    authorization = basic(username, password);
  else if (parsed !== null && parsed.username !== "")
    authorization = basic(decoded(parsed.username), decoded(parsed.password));
  if (parsed !== null) [parsed.username, parsed.password] = ["", ""];
  const variable =
    values.map((text) => (text === null ? null : variableIn(braced(text)))).find((each) => each !== null) ??
    null;
  return { written, url: parsed === null ? null : normaliseRegistry(parsed.href), authorization, variable };
}

/** Bun writes variables without braces too. */
const braced = (text: string): string => text.replaceAll(/\$([A-Za-z_]\w*)/g, "${$1}");

/** Percent-decoded; as it stands where that is not possible. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function authoritiesOf(
  file: File,
  guard: Guard,
  context: ManagerContext,
  findings: Finding[],
): Promise<string[]> {
  const install = tableOf(file.table["install"]);
  const allowed = (key: string): boolean =>
    install[key] !== undefined &&
    guard.admitNetwork(key, file.project ? positionOf(file.shown, file.text, key) : null);
  const path = allowed("cafile") ? textOrNull(install["cafile"]) : null;
  const given = allowed("ca") ? [install["ca"], ...listOf(install["ca"])] : [];
  const inline = given.filter(
    (each): each is string => typeof each === "string" && each.includes("BEGIN CERTIFICATE"),
  );
  return path === null
    ? inline
    : [...inline, ...(await readAuthority(resolve(context.directory, path), path, findings))];
}
