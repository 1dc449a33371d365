import { join } from "node:path";
import { load } from "js-yaml";
import type { Finding, Position } from "@countersign/core";
import { editableRoot } from "../project/bounded-file.ts";
import { normaliseRegistry } from "../registry/address.ts";
import { listOf, readTable, tableOf, textOrNull, variableIn, type ReadTable } from "./configuration-file.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { fromNpmrc, npmRegistryOf, npmrcWeaknesses, unique } from "./npm.ts";
import { readNpmrc } from "./npmrc.ts";
import { inEnvironment, notRead, positionOf, unusableRegistry, weakens } from "./setting.ts";

type Weakness = { key: string; bad: boolean; effect: string };

const weaknesses: readonly Weakness[] = [
  {
    key: "trustLockfile",
    bad: true,
    effect: "pnpm 12 installs whatever tarball the lockfile names, without its own check.",
  },
  { key: "verifyStoreIntegrity", bad: false, effect: "files edited in the store are linked unchecked." },
  {
    key: "strictStorePkgContentCheck",
    bad: false,
    effect: "a package of another name or version is linked as the locked one.",
  },
  { key: "ignorePnpmfile", bad: true, effect: "hooks, ours among them, do not run." },
  { key: "lockfile", bad: false, effect: "the lockfile that was verified is not read." },
  {
    key: "gitBranchLockfile",
    bad: true,
    effect: "pnpm installs from another lockfile, named by the git branch.",
  },
  { key: "strictSsl", bad: false, effect: "anybody on the way can answer for the registry." },
];

type File = ReadTable & { shown: string };

/**
 * pnpm: `PNPM_CONFIG_*` and `npm_config_*`, pnpm-workspace.yaml, the user's config.yaml, .npmrc of project and user,
 * auth.ini and rc of pnpm's configuration directory.
 */
export async function readPnpm(context: ManagerContext): Promise<ManagerConfiguration> {
  const own = configurationDirectory(context);
  // Since 10.34.2 pnpm itself replaces no variable in a project's credentials.
  const npmrc = await readNpmrc(context, {
    before: [join(own, "auth.ini")],
    after: [join(own, "rc")],
    projectVariables: false,
  });
  const findings: Finding[] = npmrcWeaknesses(npmrc, context);
  const read = async (path: string, shown: string, within: string | null): Promise<File[]> => {
    const file = await readTable(path, shown, within, (text) => load(text), findings);
    return file === null ? [] : [{ ...file, shown }];
  };
  const name = "pnpm-workspace.yaml";
  const files = [
    ...(await read(join(context.directory, name), name, editableRoot(context.directory, context.home))),
    ...(await read(join(own, "config.yaml"), join(own, "config.yaml"), null)),
  ];
  for (const weakness of weaknesses)
    findings.push(...found(weakness, files, npmrc.setting(kebab(weakness.key)), context));
  if (files.some(({ table }) => table["_auth"] !== undefined))
    findings.push(notRead(join(own, "config.yaml"), "`_auth` of pnpm's config.yaml"));

  const scopes = new Map(npmrc.scopes);
  let { registry } = npmrc;
  const use = (scope: string, value: unknown, at: Position): void => {
    const text = textOrNull(value);
    if (text === null) return;
    const address = variableIn(text) === null ? normaliseRegistry(text) : null;
    if (address === null) findings.push(unusableRegistry(at, `registries.${scope}`, text));
    if (scope === "default") registry = address;
    else scopes.set(scope, address);
  };
  for (const { shown, text, table } of files.toReversed()) {
    for (const [scope, value] of [
      ["default", table["registry"]] as const,
      ...Object.entries(tableOf(table["registries"])),
    ]) {
      use(scope, value, positionOf(shown, text, scope));
    }
  }
  use("default", variableOf("registry", context)?.value, inEnvironment);
  const base = fromNpmrc("pnpm", npmrc, findings);
  return {
    ...base,
    registryOf: npmRegistryOf(scopes, registry),
    registries: unique([registry, ...scopes.values()]),
  };
}

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** pnpm's directory of the user's configuration. */
function configurationDirectory({ environment, home, platform }: ManagerContext): string {
  const base = environment["XDG_CONFIG_HOME"];
  if (base !== undefined && base !== "") return join(base, "pnpm");
  if (platform === "win32")
    return join(environment["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "pnpm", "config");
  return platform === "darwin" ? join(home, "Library", "Preferences", "pnpm") : join(home, ".config", "pnpm");
}

function variableOf(key: string, { environment }: ManagerContext): { name: string; value: string } | null {
  const wanted = `pnpm_config_${kebab(key).replaceAll("-", "_")}`;
  const [name, value] = Object.entries(environment).find(([each]) => each.toLowerCase() === wanted) ?? [];
  return name === undefined || value === undefined || value === "" ? null : { name, value };
}

function found(
  { key, bad, effect }: Weakness,
  files: readonly File[],
  npmrc: { value: unknown; at: Position } | undefined,
  context: ManagerContext,
): Finding[] {
  const isBad = (value: unknown): boolean => listOf(value).length === 0 && String(value) === String(bad);
  const findings: Finding[] = [];
  for (const { shown, text, table } of files) {
    if (isBad(table[key]))
      findings.push(
        weakens(positionOf(shown, text, key), `${key}: ${bad}`, effect, `Remove ${key} from ${shown}.`),
      );
  }
  if (key !== "strictSsl" && npmrc !== undefined && isBad(npmrc.value)) {
    findings.push(
      weakens(npmrc.at, `${kebab(key)}=${bad}`, effect, `Remove ${kebab(key)} from ${npmrc.at.path}.`),
    );
  }
  const variable = variableOf(key, context);
  if (variable !== null && isBad(variable.value))
    findings.push(weakens(inEnvironment, `${variable.name}=${bad}`, effect, `Unset ${variable.name}.`));
  return findings;
}
