import { readFile } from "node:fs/promises";
import { join, posix, relative, resolve, sep } from "node:path";
import { readPolicy, startOf, type Finding, type LayerKind, type PolicyLayer } from "@countersign/core";
import { fileAt } from "../project/git.ts";

/** Where a project keeps its policy. */
export const policyPath = ".countersign/policy.yaml";

/** One policy file with what its `keys` entries need: files as its own layer has them. */
export type PolicySource = { layer: PolicyLayer; readRelative(path: string): Promise<string | null> };
export type PolicySources = { sources: readonly PolicySource[]; findings: readonly Finding[] };

export type PolicySearch = {
  /** Absolute path of the project. */
  directory: string;
  /** `--managed-policy`, else the system's place is looked at. */
  managed: string | null;
  /** `--base`: the trusted commit. */
  base: string | null;
  platform: NodeJS.Platform;
  variables: Readonly<Record<string, string | undefined>>;
};

type Read = (path: string) => Promise<{ state: "found"; text: string } | { state: "missing" } | { state: "failed"; detail: string }>;

/**
 * Reads the layers that exist, highest first: the managed policy, the trusted base's, the project's own. A file
 * that is there and cannot be read or understood is a finding, never an absent layer.
 */
export async function readPolicySources(search: PolicySearch): Promise<PolicySources> {
  const sources: PolicySource[] = [];
  const findings: Finding[] = [];
  const add = async (kind: LayerKind, path: string, read: Read, mustExist: boolean): Promise<void> => {
    const found = await read(path);
    if (found.state === "missing" && !mustExist) return;
    if (found.state !== "found") {
      const detail = found.state === "missing" ? "there is no such file" : found.detail;
      findings.push(unreadable(path, detail));
      return;
    }
    const layer = readPolicy(path, found.text, kind);
    if (!layer.ok) {
      findings.push(...layer.findings);
      return;
    }
    const readRelative = async (name: string): Promise<string | null> => {
      const target = posix.normalize(posix.join(posix.dirname(path.replaceAll("\\", "/")), name));
      const inside = kind === "managed" || !target.startsWith("../");
      const text = inside ? await read(target) : null;
      return text?.state === "found" ? text.text : null;
    };
    sources.push({ layer: layer.value, readRelative });
  };
  const managed = search.managed === null ? systemPolicy(search) : resolve(search.managed);
  await add("managed", managed, readAbsolute, search.managed !== null);
  if (search.base !== null) await add("base", policyPath, readBase(search.directory, search.base), false);
  await add("head", policyPath, readBelow(search.directory), false);
  return { sources, findings };
}

/** The place that only an administrator can write. */
function systemPolicy({ platform, variables }: PolicySearch): string {
  if (platform === "win32") return join(variables["ProgramData"] ?? "C:\\ProgramData", "countersign", "policy.yaml");
  if (platform === "darwin") return "/Library/Application Support/countersign/policy.yaml";
  return "/etc/countersign/policy.yaml";
}

const readAbsolute: Read = async (path) => {
  try {
    return { state: "found", text: await readFile(path, "utf8") };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
    return missing ? { state: "missing" } : { state: "failed", detail: error instanceof Error ? error.message : "unknown" };
  }
};

/** Files of the project; a path that leaves it is not there. */
const readBelow =
  (directory: string): Read =>
  async (path) => {
    const absolute = resolve(directory, path);
    const outside = relative(directory, absolute).split(sep)[0] === "..";
    return outside ? { state: "missing" } : readAbsolute(absolute);
  };

const readBase =
  (directory: string, revision: string): Read =>
  async (path) => {
    const found = await fileAt(directory, revision, path);
    if (!found.ok) return { state: "failed", detail: found.detail };
    return found.bytes === null ? { state: "missing" } : { state: "found", text: new TextDecoder().decode(found.bytes) };
  };

const unreadable = (path: string, detail: string): Finding => ({
  code: "policy/unreadable",
  effect: "block",
  at: startOf(path),
  why: `The policy cannot be read: ${detail}.`,
  fix: "Make the file readable, correct its path, or fetch the base commit (actions/checkout: fetch-depth: 0).",
});
