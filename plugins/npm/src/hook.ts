import process from "node:process";
import { refuseOldNode } from "./old-node.ts";

declare const COUNTERSIGN_VERSION: string;

/** Every Node.js that knows modules parses what stands here, and loads the guard only where it can run it. */
const [major = 0, minor = 0, patch = 0] = process.versions.node.split(".").map(Number);
const supported =
  major >= 26 ||
  (major === 24 && minor >= 15) ||
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
if (supported) {
  const { guard } = await import("./guard.ts");
  process.exitCode = await guard(COUNTERSIGN_VERSION);
} else {
  process.exitCode = refuseOldNode();
}
