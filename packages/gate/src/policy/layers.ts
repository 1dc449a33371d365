import { existsSync } from "node:fs";
import { posix, relative, resolve, sep } from "node:path";
import {
  policyPath,
  readPolicy,
  startOf,
  type Finding,
  type Instant,
  type LayerKind,
  type PolicyLayer,
} from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";
import { committedAt, fileAt } from "../project/git.ts";

export { policyPath } from "@countersign/core";

const maximumBytes = 4 * 1024 * 1024;

/** One policy file with what its `keys` entries need: files as its own layer has them. */
export type PolicySource = { layer: PolicyLayer; readRelative(path: string): Promise<RelativeFile | null> };
/** A file that a policy names, with when it was last written: at the trusted base when it was last committed. */
export type RelativeFile = { text: string; asOf: Instant };
export type PolicySources = { sources: readonly PolicySource[]; findings: readonly Finding[] };

export type PolicySearch = {
  /** Absolute path of the project. */
  directory: string;
  /** `--managed-policy`, else the system's place is looked at. */
  managed: string | null;
  /** `--base`: the trusted commit. */
  base: string | null;
  platform: NodeJS.Platform;
};

type Read = (
  path: string,
) => Promise<
  ({ state: "found" } & RelativeFile) | { state: "missing" } | { state: "failed"; detail: string }
>;

/**
 * Reads the layers that exist, highest first: the managed policy, the trusted base's, the project's own. A file
 * that is there and cannot be read or understood is a finding, never an absent layer.
 */
export async function readPolicySources(search: PolicySearch): Promise<PolicySources> {
  const sources: PolicySource[] = [];
  const findings: Finding[] = [];
  const whose = (kind: LayerKind): string => (kind === "base" ? ` of the base ${search.base}` : "");
  const add = async (kind: LayerKind, path: string, read: Read, mustExist: boolean): Promise<void> => {
    const found = await read(path);
    if (found.state === "missing" && !mustExist) return;
    if (found.state !== "found") {
      const detail = found.state === "missing" ? "there is no such file" : found.detail;
      findings.push(unreadable(path, whose(kind), detail));
      return;
    }
    const layer = readPolicy(path, found.text, kind);
    if (!layer.ok) {
      findings.push(...layer.findings);
      return;
    }
    const readRelative = async (name: string): Promise<RelativeFile | null> => {
      const target = posix.normalize(posix.join(posix.dirname(path.replaceAll("\\", "/")), name));
      const inside = kind === "managed" || !target.startsWith("../");
      const text = inside ? await read(target) : null;
      return text?.state === "found" ? { text: text.text, asOf: text.asOf } : null;
    };
    sources.push({ layer: layer.value, readRelative });
  };
  const managed = search.managed === null ? systemPolicy(search) : resolve(search.managed);
  await add("managed", managed, (path) => readFileText(path, null), search.managed !== null);
  if (search.base !== null) await add("base", policyPath, readBase(search.directory, search.base), false);
  await add("head", policyPath, readBelow(search.directory), false);
  return { sources, findings };
}

/** Absolute path of the managed policy in force, read or not; null where there is none. */
export function managedPolicyPath(search: Pick<PolicySearch, "managed" | "platform">): string | null {
  if (search.managed !== null) return resolve(search.managed);
  const system = systemPolicy(search);
  return existsSync(system) ? system : null;
}

/** The place that only an administrator can write; no variable moves it: whoever sets one could hide the policy. */
function systemPolicy({ platform }: Pick<PolicySearch, "platform">): string {
  if (platform === "win32") return "C:\\ProgramData\\countersign\\policy.yaml";
  if (platform === "darwin") return "/Library/Application Support/countersign/policy.yaml";
  return "/etc/countersign/policy.yaml";
}

/** @param within what links may not leave; null for the administrator's own files */
async function readFileText(path: string, within: string | null): ReturnType<Read> {
  const read = await readBounded(path, maximumBytes, within);
  if (read.state !== "found") return read;
  return { state: "found", text: decode(read.bytes), asOf: read.modified };
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Files of the project; a path that leaves it is not there. */
const readBelow =
  (directory: string): Read =>
  async (path) => {
    const absolute = resolve(directory, path);
    const outside = relative(directory, absolute).split(sep)[0] === "..";
    return outside ? { state: "missing" } : readFileText(absolute, directory);
  };

const readBase =
  (directory: string, revision: string): Read =>
  async (path) => {
    const found = await fileAt(directory, revision, path);
    if (!found.ok) return { state: "failed", detail: found.detail };
    if (found.bytes === null) return { state: "missing" };
    return { state: "found", text: decode(found.bytes), asOf: await committedAt(directory, revision, path) };
  };

const unreadable = (path: string, whose: string, detail: string): Finding => ({
  code: "policy/unreadable",
  effect: "block",
  at: startOf(path),
  why: `The policy${whose} cannot be read: ${detail}.`,
  fix: "Make the file readable, correct its path, or fetch the base commit (actions/checkout: fetch-depth: 0).",
});
