import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "rolldown";
import { ascii, common, licences, onDemand, readable, verifying } from "../one-file.mjs";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** The guard is packed too, apart from what verifies: an old Node.js could not even parse or link it. */
const guard = onDemand({
  module: join(import.meta.dirname, "src/guard.ts"),
  instead: {
    [verifying]: "export const verifyForHook = async (...all) => (await verifying()).verifyForHook(...all);",
  },
  given: { verifying: `() => import(${JSON.stringify(verifying)})` },
});

/** One file; nothing is left to be installed beside it. No lockfile of npm's has an archive of Yarn's. */
export default defineConfig({
  ...common,
  input: { hook: "src/hook.ts" },
  transform: { define: { COUNTERSIGN_VERSION: JSON.stringify(version) } },
  plugins: [guard, onDemand({ without: ["@yarnpkg/libzip"] }), ascii, licences],
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    codeSplitting: false,
    minify: readable,
  },
});
