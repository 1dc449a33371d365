import { startOf } from "../position.ts";
import { day } from "./duration.ts";
import type { DriftKind, Policy, Sources, TrustBounds } from "./policy.ts";
import type { Effect } from "../finding.ts";

/** What holds for a field that no file states. */
export const defaultSources: Sources = { git: "deny", url: "deny", path: "workspace", bundled: "inspect" };
export const defaultTrust: TrustBounds = { maxAge: 90 * day, sct: 1, log: 1, time: 1 };
/** Of a `drift` that states some kinds; a policy without `drift` looks for none. */
export const defaultDrift: Readonly<Record<DriftKind, Effect>> = {
  newPackage: "note",
  alias: "warn",
  level: "block",
  repository: "block",
  owner: "block",
  workflow: "warn",
  ref: "warn",
};

/** What findings of the built-in policy name instead of a file. */
export const builtInPath = "built-in policy";

/**
 * The policy of a project without a policy file: it warns, asks for `signed` where keys of the registry are known and
 * for `locked` everywhere, and looks for drift; nothing blocks.
 * @param registriesWithKeys normalised addresses of the npm registries whose keys the trust material has
 */
export function builtInPolicy(registriesWithKeys: readonly string[]): Policy {
  const at = startOf(builtInPath);
  const rule = { names: ["**"], identities: [], layer: "managed", label: builtInPath, at } as const;
  return {
    mode: "warn",
    layers: [],
    registries: [],
    require: [
      { ...rule, ecosystem: null, registries: null, level: "locked" },
      { ...rule, ecosystem: "npm", registries: registriesWithKeys, level: "signed" },
    ],
    identities: new Map(),
    sources: defaultSources,
    drift: defaultDrift,
    age: null,
    seal: { approval: null, summary: null },
    trust: { ...defaultTrust, roots: [] },
    exceptions: [],
    delegate: null,
    origins: new Map(),
    problems: [],
    builtIn: true,
  };
}
