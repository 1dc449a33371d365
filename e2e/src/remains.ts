import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { gunzipSync } from "node:zlib";
import { evilText } from "@countersign/testkit";
import type { Scene } from "./scene.ts";

const largest = 16 * 1024 * 1024;
/** Directories of a scene that no manager installs to: programs, other people's machines, the administrator's files. */
const foreign: ReadonlySet<string> = new Set(["bin", "office", "attacker", "managed"]);

/** Files of a scene that hold something of the attacker's, besides what the attack itself put there. */
export function remainsOf(scene: Scene): string[] {
  const found: string[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      const shown = relative(scene.root, path).replaceAll(sep, "/");
      if (
        foreign.has(shown) ||
        scene.planted.some((planted) => shown === planted || shown.startsWith(`${planted}/`))
      )
        continue;
      if (entry.isSymbolicLink() && leadsTo(path, scene)) found.push(shown);
      else if (entry.isDirectory()) visit(path);
      else if (entry.isFile() && lstatSync(path).size <= largest && isEvil(readFileSync(path)))
        found.push(shown);
    }
  };
  visit(scene.root);
  return found;
}

/** Whether a link leads to what the attack put there: the project's own files are nobody's dependency. */
function leadsTo(path: string, { root, planted }: Scene): boolean {
  const target = existsSync(path) ? relative(root, realpathSync(path)).replaceAll(sep, "/") : "";
  return planted.some((each) => target === each || target.startsWith(`${each}/`));
}

/** Caches keep tarballs as they come; wheels and Yarn's archives are stored uncompressed. */
function isEvil(bytes: Buffer): boolean {
  if (bytes.includes(evilText)) return true;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return false;
  try {
    return gunzipSync(bytes, { maxOutputLength: largest }).includes(evilText);
  } catch {
    return false;
  }
}
