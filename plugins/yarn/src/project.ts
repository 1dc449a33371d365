import { existsSync } from "node:fs";
import { join } from "node:path";
import { blocksOf, textOf, upwards } from "@countersign/gate";

export const lockfile = "yarn.lock";
const settings = ".yarnrc.yml";

/** The nearest directory at or above with a yarn.lock: where Yarn works. */
export const projectOf = (start: string): string =>
  upwards(start).find((directory) => existsSync(join(directory, lockfile))) ?? start;

/** Settings that say where packages come from and how old they must be; the rest is the project's own. */
const carried: readonly string[] = [
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
];

/** Files of a project of its own for packages that are asked for here. */
export function throwawayFiles(directory: string): Record<string, string> {
  const text = textOf(join(directory, settings)) ?? "";
  return {
    "package.json": `${JSON.stringify({ name: "countersign-throwaway", version: "0.0.0", private: true })}\n`,
    // Says that the project begins here.
    [lockfile]: "",
    [settings]: `${blocksOf(text, carried)}nodeLinker: node-modules\nenableTelemetry: false\n`,
  };
}
