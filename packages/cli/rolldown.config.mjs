import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { defineConfig } from "rolldown";

/** The licence of every bundled package, which most of them ask to be passed on with the code. */
const licences = {
  name: "licences",
  generateBundle(_, bundle) {
    const folders = new Set();
    for (const chunk of Object.values(bundle)) {
      for (const id of chunk.moduleIds ?? []) {
        const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replaceAll("\\", "/"))?.[0];
        if (folder !== undefined) folders.add(folder);
      }
    }
    const texts = [...folders].flatMap((folder) => {
      const manifest = join(folder, "package.json");
      if (!existsSync(manifest)) return [];
      const { name, version, license } = JSON.parse(readFileSync(manifest, "utf8"));
      const file = readdirSync(dirname(manifest)).find((each) => /^licen[cs]e/i.test(each));
      const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
      return [`${name} ${version} (${license})\n\n${text}\n`];
    });
    const source = [...new Set(texts)].toSorted().join(`\n${"-".repeat(80)}\n\n`);
    this.emitFile({ type: "asset", fileName: "THIRD-PARTY-LICENCES.txt", source });
  },
};

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
  input: { main: "src/main.ts" },
  platform: "node",
  external: [/^node:/],
  plugins: [licences, hooks],
  resolve: { conditionNames: ["@countersign/source", "node", "import", "require", "default"] },
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
});
