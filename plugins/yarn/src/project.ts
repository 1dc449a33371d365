import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const lockfile = "yarn.lock";
const settings = ".yarnrc.yml";

/** The nearest directory at or above with a yarn.lock: where Yarn works. */
export function projectOf(start: string): string {
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, lockfile))) return directory;
    if (dirname(directory) === directory) return start;
  }
}

/** Settings that say where packages come from and how old they must be; the rest is the project's own. */
const carried: ReadonlySet<string> = new Set([
  "httpProxy",
  "httpsCaFilePath",
  "httpsProxy",
  "networkSettings",
  "npmAlwaysAuth",
  "npmAuthIdent",
  "npmAuthToken",
  "npmMinimalAgeGate",
  "npmPreapprovedPackages",
  "npmRegistries",
  "npmRegistryServer",
  "npmScopes",
  "unsafeHttpWhitelist",
]);

/** Top-level entries of a settings file, as they stand. What is cut out is read by Yarn and decides nothing here. */
export function carriedSettings(text: string): string {
  let taken = "";
  let taking = false;
  for (const line of text.split(/\r?\n/)) {
    const key = /^["']?([A-Za-z]+)["']?\s*:/.exec(line)?.[1];
    if (key !== undefined) taking = carried.has(key);
    else if (/^(?!$|[\s#]|- )/.test(line)) taking = false;
    if (taking) taken += `${line}\n`;
  }
  return taken;
}

/** Files of a project of its own for packages that are asked for here. */
export function throwawayFiles(directory: string): Record<string, string> {
  const text = textOf(join(directory, settings)) ?? "";
  return {
    "package.json": `${JSON.stringify({ name: "countersign-throwaway", version: "0.0.0", private: true })}\n`,
    // Says that the project begins here.
    [lockfile]: "",
    [settings]: `${carriedSettings(text)}nodeLinker: node-modules\nenableTelemetry: false\n`,
  };
}

export function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
