import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, rolldown } from "rolldown";
import { ascii, builtins, common, licences, readable } from "../../plugins/one-file.mjs";

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

const bundled = {
  ...common,
  cwd: import.meta.dirname,
  input: { "compile-cache": "src/compile-cache.ts", main: "src/main.ts" },
};

const here = (...parts) => join(import.meta.dirname, ...parts);
const managers = ["npm", "pnpm", "yarn", "bun", "deno", "uv"];
/** Modules that a run asks for one after another. */
const compiling = [here("src/compile-cache.ts")];
const starting = [here("src/main.ts")];
const deciding = [here("src/commands/verify.ts")];
const verifying = ["verify-lockfiles.ts", "seal/check-seals.ts", "seal/follow-pinned.ts"].map((path) =>
  here("../gate/src", path),
);
const gating = [
  here("src/wrap.ts"),
  ...managers.map((name) => here("../../plugins", name, "src/wrapper.ts")),
];

/**
 * One chunk for whatever a run loads together: to resolve and link fifty small ones takes longer than to read them
 * all. What verifies stays apart, because mode `disabled` loads none of it. Which modules a start needs is only known
 * of a finished bundle: an index re-exports more than anybody uses.
 */
async function groupsOf() {
  const bundle = await rolldown(bundled);
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  const chunks = output.filter(({ type }) => type === "chunk");
  const loadedWith = (starts) => {
    const modules = new Set();
    const seen = new Set();
    const load = (chunk) => {
      if (chunk === undefined || seen.has(chunk)) return;
      seen.add(chunk);
      chunk.moduleIds.forEach((id) => modules.add(id));
      for (const imported of chunk.imports) load(chunks.find(({ fileName }) => fileName === imported));
    };
    for (const start of starts) {
      const chunk = chunks.find(({ moduleIds }) => moduleIds.includes(start));
      if (chunk === undefined) throw new Error(`${start} is in no chunk`);
      load(chunk);
    }
    return modules;
  };
  const [verify, gate] = [loadedWith(verifying), loadedWith(gating)];
  const groups = [
    ["place", loadedWith(compiling)],
    ["start", loadedWith(starting)],
    ["policy", loadedWith(deciding)],
    ["files", verify.intersection(gate)],
    ["verify", verify],
  ];
  return groups.map(([name, modules], index) => ({
    name,
    priority: groups.length - index,
    test: (id) => modules.has(id),
  }));
}

/** Two start files, the first so that all of the second is kept compiled, and a chunk for whatever a command loads when it runs; nothing is left to be installed beside it. */
export default defineConfig({
  ...bundled,
  plugins: [ascii, builtins, licences, hooks],
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    codeSplitting: { groups: await groupsOf() },
    comments: { jsdoc: false },
    minify: readable,
  },
});
