import { createHash } from "node:crypto";
import type { FilePlan } from "./file-change.ts";
import { linesOf, spliceLines } from "./text.ts";

const lockPath = "pnpm-lock.yaml";

/**
 * Writes the checksum of the pnpmfiles into pnpm-lock.yaml, as pnpm 10 to 12 do at the next install that may change it:
 * a frozen one compares it and stops. It is the SHA-256 of the one file, or of the list of the files' checksums.
 * @param pnpmfiles POSIX paths from the project, in the order in which pnpm loads them
 * @returns whether the lockfile is right now; false where one of the files is not there
 */
export async function writeChecksum(plan: FilePlan, pnpmfiles: readonly string[]): Promise<boolean> {
  const text = await plan.readText(lockPath);
  if (text === null) return true;
  const sums: string[] = [];
  for (const path of pnpmfiles) {
    const content = await plan.readText(path);
    if (content === null) return false;
    // One without hooks is none for pnpm.
    if (content.includes("hooks")) sums.push(sha256(content.replaceAll("\r\n", "\n")));
  }
  const [first] = sums;
  const sum = sums.length > 1 ? sha256(sums.join(",")) : first;
  await plan.write(lockPath, withChecksum(text, sum ?? null));
  return true;
}

const sha256 = (text: string): string => `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** pnpm puts it before `importers`, in the file's last document. */
function withChecksum(text: string, sum: string | null): string {
  const { lines } = linesOf(text);
  const importers = lines.lastIndexOf("importers:");
  if (importers === -1) return text;
  const document = lines.lastIndexOf("---", importers) + 1;
  const at = lines.findIndex((line, index) => index >= document && line.startsWith("pnpmfileChecksum:"));
  const line = `pnpmfileChecksum: ${sum ?? ""}`;
  if (at !== -1 && sum !== null) return lines[at] === line ? text : spliceLines(text, at, 1, [line]);
  if (at !== -1) return spliceLines(text, at, lines[at + 1] === "" ? 2 : 1, []);
  return sum === null ? text : spliceLines(text, importers, 0, [line, ""]);
}
