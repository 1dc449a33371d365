import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "rolldown";
import { common, licences, readable } from "../../plugins/one-file.mjs";

/** What `init` copies into a project: each hook as its own package ships it. */
const hookFiles = {
  "npm.mjs": "npm/dist/hook.mjs",
  "pnpm.cjs": "pnpm/dist/pnpmfile.cjs",
  "yarn-plugin-countersign.cjs": "yarn/dist/yarn-plugin-countersign.cjs",
  "bun.mjs": "bun/dist/scanner.mjs",
};
const hooks = {
  name: "hooks",
  generateBundle() {
    for (const [name, built] of Object.entries(hookFiles)) {
      const path = join(import.meta.dirname, "../../plugins", built);
      if (!existsSync(path)) this.error(`plugins/${built} is not built, and init copies it`);
      this.emitFile({ type: "asset", fileName: `hooks/${name}`, source: readFileSync(path) });
    }
  },
};

/** One start file and a chunk for whatever a command loads when it runs; nothing is left to be installed beside it. */
export default defineConfig({
  ...common,
  input: { main: "src/main.ts" },
  plugins: [licences, hooks],
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    minify: readable,
  },
});
