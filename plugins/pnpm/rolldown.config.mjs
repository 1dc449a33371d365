import { readFileSync } from "node:fs";
import { defineConfig } from "rolldown";
import { ascii, common, licences, onDemand, readable } from "../one-file.mjs";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/**
 * One file, whose form every pnpm from 10 on loads; nothing is left to be installed beside it. No lockfile of pnpm's
 * has an archive of Yarn's.
 */
export default defineConfig({
  ...common,
  input: { pnpmfile: "src/hook.ts" },
  transform: { define: { COUNTERSIGN_VERSION: JSON.stringify(version) } },
  plugins: [onDemand({ without: ["@yarnpkg/libzip"] }), ascii, licences],
  output: {
    dir: "dist",
    format: "cjs",
    entryFileNames: "[name].cjs",
    codeSplitting: false,
    minify: readable,
  },
});
