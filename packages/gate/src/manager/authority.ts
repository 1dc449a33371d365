import type { Finding } from "@countersign/core";
import { readText } from "./configuration-file.ts";
import { unreadable } from "./setting.ts";

/** A file of certificate authorities; one that is named and is not there is a finding. */
export async function readAuthority(path: string, shown: string, findings: Finding[]): Promise<string[]> {
  const before = findings.length;
  const text = await readText(path, shown, null, findings);
  if (text !== null && text.includes("BEGIN CERTIFICATE")) return [text];
  if (findings.length === before) findings.push(unreadable(shown, "no certificate is there"));
  return [];
}
