import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const policy = join(".countersign", "policy.yaml");
const managed: Partial<Record<NodeJS.Platform, string>> = {
  win32: "C:\\ProgramData\\countersign\\policy.yaml",
  darwin: "/Library/Application Support/countersign/policy.yaml",
};

/**
 * What is left to do where Node.js is too old to verify, and to read a policy as it should be read: blocks unless
 * every policy plainly says that nothing may block.
 */
export function refuseOldNode(): number {
  const modes = new Set([managed[process.platform] ?? "/etc/countersign/policy.yaml", policy].map(modeIn));
  const strict = modes.has("strict") || process.env["COUNTERSIGN_MODE"] === "strict";
  if (!strict && modes.has("disabled") && !modes.has("warn")) return 0;
  const verb = strict ? "blocked" : "not verified";
  process.stderr.write(
    `countersign: ${verb}: Node.js ${process.versions.node} is too old for verification; use 22.22.2, 24.15, 26 or later (settings/node-unsupported)\n`,
  );
  return strict ? 2 : 0;
}

/** The mode that a policy plainly states; strict for a file that is there and does not. */
function modeIn(path: string): "disabled" | "warn" | "strict" | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? null : "strict";
  }
  const stated = /^mode:[ \t]*(disabled|warn)[ \t]*(?:#.*)?\r?$/m.exec(text)?.[1];
  return stated === "disabled" || stated === "warn" ? stated : "strict";
}
