import { readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import { defineConfig, rolldown } from "rolldown";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

const common = {
  platform: "node",
  external: [/^node:/],
  resolve: { conditionNames: ["@countersign/source", "node", "import", "require", "default"] },
};
const minify = { compress: true, mangle: false, codegen: { removeWhitespace: true } };

/** Yarn's zip writer: no lockfile of pnpm's has an archive of Yarn's. */
const withoutZips = {
  name: "without-zips",
  resolveId: (id) => (id === "@yarnpkg/libzip" ? "\0without-zips" : null),
  load: (id) => (id === "\0without-zips" ? "export default {};" : null),
};

/**
 * What verifies is a string until something is to be verified: pnpm loads the file on every command, in two processes
 * each, and in mode `disabled` neither parses it nor loads the modules of Node.js that it needs.
 */
const onDemand = {
  name: "on-demand",
  load: {
    filter: { id: /[/\\]gate[/\\]src[/\\]hook[/\\]verify-for-hook\.ts$/ },
    async handler(id) {
      const bundle = await rolldown({ ...common, input: id, plugins: [withoutZips] });
      const { output } = await bundle.generate({ format: "cjs", codeSplitting: false, minify });
      await bundle.close();
      const [{ code, exports }] = output;
      return `
        const { compileFunction, constants } = process.getBuiltinModule("node:vm");
        const { brotliDecompressSync } = process.getBuiltinModule("node:zlib");
        const packed = Buffer.from("${brotliCompressSync(code).toString("base64")}", "base64");
        const source = brotliDecompressSync(packed).toString("utf8");
        const exported = {};
        const parameters = ["exports", "require", "__filename"];
        const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
        const options = { filename: __filename, importModuleDynamically };
        compileFunction(source, parameters, options)(exported, require, __filename);
        ${exports.map((name) => `export const ${name} = exported.${name};`).join("\n")}
      `;
    },
  },
};

/** A file of ASCII alone is read and compiled faster. Only texts hold anything else, and there an escape is the same. */
const ascii = {
  name: "ascii",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      chunk.code = chunk.code.replaceAll(
        /[^\0-\x7F]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    }
  },
};

/** One file, whose form every pnpm from 10 on loads; nothing is left to be installed beside it. */
export default defineConfig({
  ...common,
  input: { pnpmfile: "src/hook.ts" },
  transform: { define: { COUNTERSIGN_VERSION: JSON.stringify(version) } },
  plugins: [onDemand, ascii],
  output: {
    dir: "dist",
    format: "cjs",
    entryFileNames: "[name].cjs",
    codeSplitting: false,
    minify: { ...minify, codegen: { removeWhitespace: false } },
  },
});
