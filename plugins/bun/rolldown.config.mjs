import { defineConfig } from "rolldown";
import { ascii, common, licences, onDemand, readable } from "../one-file.mjs";

/** One file; nothing is left to be installed beside it. No lockfile of Bun's has an archive of Yarn's. */
export default defineConfig({
  ...common,
  input: { scanner: "src/hook.ts" },
  plugins: [onDemand({ without: ["@yarnpkg/libzip"] }), ascii, licences],
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    codeSplitting: false,
    minify: readable,
  },
});
