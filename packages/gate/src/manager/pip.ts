import { devNull } from "node:os";
import { join } from "node:path";
import type { Finding, Position } from "@countersign/core";
import { editableRoot, isInside } from "../project/bounded-file.ts";
import { readText } from "./configuration-file.ts";
import { Guard, proxyOf } from "./guard.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { readAuthority } from "./authority.ts";
import { environmentProxy, firstIndex, prefixesOf, readIndex, readNetrc } from "./python-configuration.ts";
import { inEnvironment, positionOf, unreadable, unusableRegistry, weakens } from "./setting.ts";

type Setting = { value: string; at: Position; project: boolean };
type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** pip: `PIP_*`, then pip.conf of the environment, the user and the system. A project has no configuration of its own. */
export async function readPip(context: ManagerContext): Promise<ManagerConfiguration> {
  const findings: Finding[] = [];
  const settings = await readSettings(context, findings);
  const host = settings.get("trusted-host");
  if (host !== undefined && host.value !== "") {
    findings.push(
      weakens(
        host.at,
        "trusted-host",
        "anybody on the way can answer for that host.",
        `Remove trusted-host (PIP_TRUSTED_HOST) from ${host.at.path}.`,
      ),
    );
  }
  const main = settings.get("index-url");
  const extra = settings.get("extra-index-url");
  const stated = [
    main,
    ...(extra?.value.split(/\s+/) ?? []).map((value) => ({ ...(extra as Setting), value })),
  ].filter((each): each is Setting => each !== undefined && each.value !== "");
  const own = stated.filter(({ project }) => !project).flatMap(({ value }) => readIndex(value)?.url ?? []);
  const guard = new Guard(context, "pypi", own, findings);
  const indexes: string[] = [];
  for (const { value, at, project } of stated) {
    const index = readIndex(value);
    if (index === null) {
      if (/^https?:/i.test(value)) findings.push(unusableRegistry(at, "index-url", value));
      continue;
    }
    indexes.push(index.url);
    if (index.authorization !== null)
      guard.offer({
        prefixes: prefixesOf(index.url),
        authorization: index.authorization,
        project: project ? at : null,
        variable: null,
      });
  }
  for (const { machine, authorization } of await readNetrc(context, findings)) {
    const prefixes = indexes.filter((url) => new URL(url).hostname === machine).flatMap(prefixesOf);
    guard.offer({ prefixes, authorization, project: null, variable: null });
  }
  const first = main === undefined ? null : (readIndex(main.value)?.url ?? null);
  const network = (key: string): string | null => {
    const set = settings.get(key);
    return set !== undefined && set.value !== "" && guard.admitNetwork(key, set.project ? set.at : null)
      ? set.value
      : null;
  };
  const proxy = proxyOf(network("proxy"), "proxy", findings);
  const around = environmentProxy(context, findings);
  const certificates = network("cert") ?? context.environment["REQUESTS_CA_BUNDLE"] ?? null;
  return {
    manager: "pip",
    registryOf: firstIndex([{ url: first }]),
    registries: [...new Set(indexes)],
    credentials: guard.credentials,
    proxy: { https: proxy ?? around.https, http: proxy ?? around.http, noProxy: around.noProxy },
    authorities: certificates === null ? [] : await readAuthority(certificates, certificates, findings),
    findings,
  };
}

async function readSettings(
  context: ManagerContext,
  findings: Finding[],
): Promise<ReadonlyMap<string, Setting>> {
  const root = editableRoot(context.directory, context.home);
  const files: { path: string; text: string; sections: Sections }[] = [];
  for (const path of pathsOf(context)) {
    const text = await readText(path, path, null, findings);
    if (text !== null) files.push({ path, text, sections: readIni(text, path, findings) });
  }
  const settings = new Map<string, Setting>();
  // A command's own section outranks `[global]`, whichever files they stand in.
  for (const section of ["global", "install"]) {
    for (const { path, text, sections } of files) {
      for (const [key, value] of sections.get(section) ?? [])
        settings.set(key, { value, at: positionOf(path, text, key), project: isInside(path, root) });
    }
  }
  for (const key of ["index-url", "extra-index-url", "trusted-host", "proxy", "cert"]) {
    const value = context.environment[`PIP_${key.toUpperCase().replaceAll("-", "_")}`];
    if (value !== undefined && value !== "") settings.set(key, { value, at: inEnvironment, project: false });
  }
  return settings;
}

/** Later ones outrank earlier ones. `PIP_CONFIG_FILE` replaces the user's, and as the null device all of them. */
function pathsOf({ environment, home, platform }: ManagerContext): string[] {
  const given = environment["PIP_CONFIG_FILE"] || null;
  if (given === devNull) return [];
  const windows = platform === "win32";
  const name = windows ? "pip.ini" : "pip.conf";
  const system: string[] = [];
  const user: string[] = [];
  if (windows) {
    system.push(join(environment["PROGRAMDATA"] ?? "C:\\ProgramData", "pip", name));
    user.push(join(home, "pip", name), join(environment["APPDATA"] ?? home, "pip", name));
  } else {
    if (platform === "darwin") system.push(join("/Library/Application Support/pip", name));
    else
      system.push(
        ...(environment["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":").map((place) => join(place, "pip", name)),
        join("/etc", name),
      );
    user.push(
      join(home, ".pip", name),
      join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "pip", name),
    );
    if (platform === "darwin") user.push(join(home, "Library", "Application Support", "pip", name));
  }
  const site = environment["VIRTUAL_ENV"] ? [join(environment["VIRTUAL_ENV"], name)] : [];
  return [...system, ...(given === null ? user : []), ...site, ...(given === null ? [] : [given])];
}

/** Python's configparser form: sections, `key = value` or `key: value`, continuation lines indented. */
function readIni(text: string, path: string, findings: Finding[]): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | null = null;
  let last: string | null = null;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
    if (/^\s/.test(line) && section !== null && last !== null) {
      section.set(last, `${section.get(last) ?? ""} ${trimmed}`.trim());
      continue;
    }
    const header = /^\[([^\]]+)\]/.exec(trimmed)?.[1];
    const delimiter = trimmed.search(/[=:]/);
    if (header !== undefined) {
      section = sections.get(header) ?? new Map<string, string>();
      sections.set(header, section);
      last = null;
    } else if (section !== null && delimiter > 0) {
      last = trimmed.slice(0, delimiter).trim().toLowerCase().replaceAll("_", "-").replace(/^--/, "");
      section.set(last, trimmed.slice(delimiter + 1).trim());
    } else {
      findings.push({
        ...unreadable(path, `line ${index + 1} is no setting`),
        at: { path, line: index + 1, column: 1 },
      });
      return sections;
    }
  }
  return sections;
}
