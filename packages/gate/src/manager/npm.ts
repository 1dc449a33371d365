import type { Finding } from "@countersign/core";
import type { ManagerConfiguration, ManagerContext, ManagerName } from "./manager.ts";
import { readNpmrc, type Npmrc } from "./npmrc.ts";
import { inEnvironment, weakens } from "./setting.ts";

/** npm: .npmrc of project, user and installation, and `npm_config_*`. */
export async function readNpm(context: ManagerContext): Promise<ManagerConfiguration> {
  const npmrc = await readNpmrc(context);
  return fromNpmrc("npm", npmrc, npmrcWeaknesses(npmrc, context, ["package-lock"]));
}

/** The configuration of a manager that takes its registries from .npmrc. */
export function fromNpmrc(
  manager: ManagerName,
  npmrc: Npmrc,
  findings: readonly Finding[],
): ManagerConfiguration {
  return {
    manager,
    registryOf: npmRegistryOf(npmrc.scopes, npmrc.registry),
    registries: unique([npmrc.registry, ...npmrc.scopes.values()]),
    credentials: npmrc.credentials,
    proxy: npmrc.proxy,
    authorities: npmrc.authorities,
    findings: [...npmrc.findings, ...findings],
  };
}

/** A scope's own registry, even where that is one nothing may be asked at (null), else the default one. */
export const npmRegistryOf =
  (scopes: ReadonlyMap<string, string | null>, registry: string | null): ManagerConfiguration["registryOf"] =>
  (ecosystem, name) => {
    if (ecosystem !== "npm") return null;
    const scope = name.startsWith("@") ? (name.split("/")[0] as string) : "";
    const own = scopes.get(scope);
    return own === undefined ? registry : own;
  };

export const unique = (registries: readonly (string | null)[]): string[] => [
  ...new Set(registries.filter((each) => each !== null)),
];

const effects: Readonly<Record<string, { effect: string; fix: string }>> = {
  "strict-ssl": {
    effect: "anybody on the way can answer for the registry.",
    fix: "give the proxy's certificate with cafile instead.",
  },
  "package-lock": {
    effect: "the lockfile that was verified is not read.",
    fix: "the lockfile decides what is installed.",
  },
};

/**
 * Settings of .npmrc, when false, that turn off what protects the packages on their way.
 * @param further keys that mean so to this manager, besides `strict-ssl`
 */
export function npmrcWeaknesses(
  npmrc: Npmrc,
  context: ManagerContext,
  further: readonly string[] = [],
): Finding[] {
  const findings: Finding[] = [];
  for (const key of ["strict-ssl", ...further]) {
    const found = npmrc.setting(key);
    const known = effects[key];
    if (found === undefined || known === undefined || String(found.value) !== "false") continue;
    findings.push(weakens(found.at, `${key}=false`, known.effect, `Remove ${key}=false; ${known.fix}`));
  }
  if (context.environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    findings.push(
      weakens(
        inEnvironment,
        "NODE_TLS_REJECT_UNAUTHORIZED=0",
        "anybody on the way can answer for the registry.",
        "Unset NODE_TLS_REJECT_UNAUTHORIZED; name the certificate with NODE_EXTRA_CA_CERTS.",
      ),
    );
  }
  return findings;
}
