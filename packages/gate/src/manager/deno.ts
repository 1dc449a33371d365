import { resolve } from "node:path";
import type { Finding } from "@countersign/core";
import { normaliseRegistry } from "../registry/address.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { fromNpmrc, npmrcWeaknesses, unique } from "./npm.ts";
import { readAuthority } from "./authority.ts";
import { readNpmrc } from "./npmrc.ts";
import { inEnvironment, unusableRegistry } from "./setting.ts";

/** Deno: .npmrc, `NPM_CONFIG_REGISTRY` and `JSR_URL`; it knows JSR's address itself, and we do not guess it. */
export async function readDeno(context: ManagerContext): Promise<ManagerConfiguration> {
  const npmrc = await readNpmrc(context);
  const findings: Finding[] = npmrcWeaknesses(npmrc, context);
  const { JSR_URL: url, DENO_CERT: certificate } = context.environment;
  const jsr = url === undefined ? null : normaliseRegistry(url);
  if (url !== undefined && jsr === null) findings.push(unusableRegistry(inEnvironment, "JSR_URL", url));
  const authorities =
    certificate === undefined
      ? []
      : await readAuthority(resolve(context.directory, certificate), certificate, findings);
  const base = fromNpmrc("deno", npmrc, findings);
  return {
    ...base,
    registryOf: (ecosystem, name) => (ecosystem === "jsr" ? jsr : base.registryOf(ecosystem, name)),
    registries: unique([...base.registries, jsr]),
    authorities: [...base.authorities, ...authorities],
  };
}
