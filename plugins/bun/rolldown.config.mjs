import { brotliCompressSync } from "node:zlib";
import { defineConfig, rolldown } from "rolldown";

const common = {
  platform: "node",
  external: [/^node:/],
  resolve: { conditionNames: ["@countersign/source", "node", "import", "require", "default"] },
};
const minify = { compress: true, mangle: false, codegen: { removeWhitespace: true } };

/** Yarn's zip writer: no lockfile of Bun's has an archive of Yarn's. */
const withoutZips = {
  name: "without-zips",
  resolveId: (id) => (id === "@yarnpkg/libzip" ? "\0without-zips" : null),
  load: (id) => (id === "\0without-zips" ? "export default {};" : null),
};

/** What verifies is a string until something is to be verified: in mode `disabled` it is neither parsed nor run. */
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
        const builtin = (name) => process.getBuiltinModule("node:" + name);
        const { createRequire } = builtin("module");
        const { compileFunction } = builtin("vm");
        const { brotliDecompressSync } = builtin("zlib");
        const packed = Buffer.from("${brotliCompressSync(code).toString("base64")}", "base64");
        const source = brotliDecompressSync(packed).toString("utf8");
        const exported = {};
        const { filename } = import.meta;
        const parameters = ["exports", "require", "__filename"];
        compileFunction(source, parameters, { filename })(exported, createRequire(import.meta.url), filename);
        ${exports.map((name) => `export const ${name} = exported.${name};`).join("\n")}
      `;
    },
  },
};

/** One file; nothing is left to be installed beside it. */
export default defineConfig({
  ...common,
  input: { scanner: "src/hook.ts" },
  plugins: [onDemand],
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    codeSplitting: false,
    minify: { ...minify, codegen: { removeWhitespace: false } },
  },
});
