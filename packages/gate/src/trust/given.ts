import { readFile, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { startOf, type Finding, type Policy } from "@countersign/core";
import type { PolicySource } from "../policy/layers.ts";
import type { VerifyRequest } from "../run.ts";
import type { RootFile } from "../sigstore/root.ts";
import type { KeysFile } from "./trust.ts";

/** Trust material named by hand or by the policy, as text. */
export type Given = { roots: readonly RootFile[]; keys: readonly KeysFile[] };

/**
 * Reads what flags and the policy's `trust.roots` name. A flag's file is the invoker's word, which a managed policy
 * outranks.
 * @param findings receives what could not be read
 */
export async function readGiven(
  request: VerifyRequest,
  policy: Policy | null,
  highest: PolicySource | undefined,
  findings: Finding[],
): Promise<Given> {
  const managed = policy?.layers.some(({ kind }) => kind === "managed") ?? false;
  const flags = [...request.trustedRoots, ...request.npmKeys];
  if (managed && flags.length > 0) {
    findings.push({
      code: "policy/loosens",
      effect: "block",
      at: startOf(flags[0] as string),
      why: "A managed policy holds, and a flag names trust material of its own.",
      fix: "Leave --trusted-root and --npm-keys out; name the files under trust.roots and registries in the managed policy.",
    });
    return { roots: [], keys: [] };
  }
  const roots: RootFile[] = [];
  const keys: KeysFile[] = [];
  for (const path of request.trustedRoots) {
    const file = await readTrustFile(resolve(request.directory, path), path, findings);
    if (file !== null) roots.push(file);
  }
  for (const path of request.npmKeys) {
    const file = await readTrustFile(resolve(request.directory, path), path, findings);
    if (file !== null) keys.push(file);
  }
  for (const path of policy?.trust.roots ?? []) {
    const file = (await highest?.readRelative(path)) ?? null;
    if (file === null) findings.push(unreadableTrust(path, "the policy names it, and it is not there"));
    else roots.push({ path, ...file });
  }
  return { roots, keys };
}

const trustFileBytes = 16 * 1024 * 1024;

async function readTrustFile(absolute: string, shown: string, findings: Finding[]): Promise<RootFile | null> {
  try {
    const { size, mtimeMs } = await stat(absolute);
    if (size > trustFileBytes) throw new Error(`it is larger than ${trustFileBytes} bytes`);
    return { path: shown, text: await readFile(absolute, "utf8"), asOf: Math.floor(mtimeMs) };
  } catch (error) {
    findings.push(unreadableTrust(shown, error instanceof Error ? error.message : "unknown"));
    return null;
  }
}

const unreadableTrust = (path: string, detail: string): Finding => ({
  code: "root/malformed",
  effect: "block",
  at: startOf(path),
  why: `The trust material cannot be read: ${detail}.`,
  fix: `Correct ${basename(path)}, or name another file.`,
});
