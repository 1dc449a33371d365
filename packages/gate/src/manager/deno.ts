import { join, normalize, resolve } from "node:path";
import { toPlainJson, type Finding } from "@countersign/core";
import { editableRoot } from "../project/bounded-file.ts";
import { normaliseRegistry } from "../registry/address.ts";
import { readTable, tableOf } from "./configuration-file.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";
import { fromNpmrc, npmrcWeaknesses, unique } from "./npm.ts";
import { readAuthority } from "./authority.ts";
import { readNpmrc } from "./npmrc.ts";
import { inEnvironment, positionOf, unusableRegistry, weakens } from "./setting.ts";

/** Deno: .npmrc, `NPM_CONFIG_REGISTRY` and `JSR_URL`; it knows JSR's address itself, and we do not guess it. */
export async function readDeno(context: ManagerContext): Promise<ManagerConfiguration> {
  const npmrc = await readNpmrc(context);
  const findings: Finding[] = npmrcWeaknesses(npmrc, context);
  findings.push(...(await lockWeaknesses(context, findings)));
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

/** `lock` of deno.json names another lockfile, or none at all: then `deno install --frozen` compares with nothing. */
async function lockWeaknesses({ directory, home }: ManagerContext, findings: Finding[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const file of ["deno.json", "deno.jsonc"]) {
    const within = editableRoot(directory, home);
    const read = await readTable(join(directory, file), file, within, parseCommented, findings);
    if (read === null || !Object.hasOwn(read.table, "lock")) continue;
    const { lock } = read.table;
    const path = typeof lock === "object" ? tableOf(lock)["path"] : lock;
    if (path === undefined || path === true) continue;
    if (typeof path === "string" && normalize(path) === "deno.lock") continue;
    const at = positionOf(file, read.text, `"lock"`);
    const fix = `Remove "lock" from ${file}.`;
    found.push(weakens(at, "lock", "Deno does not read the deno.lock that was verified.", fix));
  }
  return found;
}

function parseCommented(text: string): unknown {
  const plain = toPlainJson(text);
  if (!plain.ok) throw new Error(plain.problem.detail);
  return JSON.parse(plain.text);
}
