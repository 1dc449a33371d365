import { parseJson } from "@countersign/core";
import { CommandError } from "../command-error.ts";
import { removeMember, setMember } from "./json-text.ts";
import type { HookInit, Planning } from "./planning.ts";

const hook = ".countersign/hooks/npm.mjs";
const script = `node ${hook}`;
const manifestPath = "package.json";

/** npm 12 runs a root `preinstall` before it fetches; older ones run it last, which `devEngines` says or stops. */
export const npmInit: HookInit = { install, remove };

async function install(planning: Planning): Promise<void> {
  const { plan, strict, notes } = planning;
  let text = await plan.readText(manifestPath);
  if (text === null)
    throw new CommandError("there is no package.json here", "run it in the directory of package.json");
  const manifest = read(text);
  await planning.vendor(hook, await planning.hook("npm.mjs"));
  const existing = memberOf(manifest["scripts"], "preinstall");
  if (typeof existing !== "string") text = setMember(text, ["scripts", "preinstall"], script);
  else if (!isOurs(existing)) text = setMember(text, ["scripts", "preinstall"], `${script} && ${existing}`);
  const engines = memberOf(manifest["devEngines"], "packageManager");
  const wanted = engineOf(strict ? "error" : "warn");
  if (engines === undefined || isOurEngine(engines))
    text = same(engines, wanted) ? text : setMember(text, ["devEngines", "packageManager"], wanted);
  else
    notes.push(
      `devEngines.packageManager is left as it is; npm below 12 runs the hook last, so it should be ${JSON.stringify(wanted)}`,
    );
  await plan.write(manifestPath, text);
}

async function remove(planning: Planning): Promise<void> {
  const { plan } = planning;
  await planning.vendor(hook, null);
  let text = await plan.readText(manifestPath);
  if (text === null) return;
  const manifest = read(text);
  const existing = memberOf(manifest["scripts"], "preinstall");
  if (existing === script) text = removeMember(text, ["scripts", "preinstall"]);
  else if (typeof existing === "string" && isOurs(existing))
    text = setMember(text, ["scripts", "preinstall"], existing.slice(`${script} && `.length));
  const engines = memberOf(manifest["devEngines"], "packageManager");
  if (isOurEngine(engines)) text = removeMember(text, ["devEngines", "packageManager"]);
  await plan.write(manifestPath, text);
}

const isOurs = (existing: string): boolean => existing === script || existing.startsWith(`${script} && `);

const engineOf = (onFail: "warn" | "error"): Record<string, string> => ({
  name: "npm",
  version: ">=12.0.0",
  onFail,
});
const isOurEngine = (value: unknown): boolean =>
  same(value, engineOf("warn")) || same(value, engineOf("error"));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function read(text: string): Record<string, unknown> {
  const parsed = parseJson(text, 128);
  if (
    !parsed.ok ||
    typeof parsed.value !== "object" ||
    parsed.value === null ||
    Array.isArray(parsed.value)
  ) {
    const detail = parsed.ok ? "it is no object" : parsed.problem.detail;
    throw new CommandError(`package.json cannot be read: ${detail}`, "correct package.json");
  }
  const manifest = parsed.value as Record<string, unknown>;
  for (const key of ["scripts", "devEngines"]) {
    const value = manifest[key];
    if (value !== undefined && (typeof value !== "object" || value === null || Array.isArray(value)))
      throw new CommandError(`\`${key}\` of package.json is no object`, "correct package.json");
  }
  return manifest;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
