import { brotliCompressSync } from "node:zlib";
import { defineConfig, rolldown } from "rolldown";

/** What Yarn gives to a plugin: its own copies, so that nothing is bundled twice. */
const common = {
  platform: "node",
  external: [/^node:/, /^@yarnpkg\/(?:fslib|libzip)$/],
  resolve: { conditionNames: ["@countersign/source", "node", "import", "require", "default"] },
};
const output = { format: "cjs", codeSplitting: false, dynamicImportInCjs: false };

/**
 * What verifies is a string until something is to be verified: Yarn loads and makes a plugin on every command, most of
 * which install nothing.
 */
const onDemand = {
  name: "on-demand",
  load: {
    filter: { id: /[/\\]gate[/\\]src[/\\]hook[/\\]verify-for-hook\.ts$/ },
    async handler(id) {
      const bundle = await rolldown({ ...common, input: id });
      const { output: chunks } = await bundle.generate({ ...output, minify: true });
      await bundle.close();
      const [{ code, exports }] = chunks;
      return `
        import { compileFunction } from "node:vm";
        import { brotliDecompressSync } from "node:zlib";
        const packed = Buffer.from("${brotliCompressSync(code).toString("base64")}", "base64");
        const source = brotliDecompressSync(packed).toString("utf8");
        const exported = {};
        const parameters = ["exports", "require", "__filename"];
        const script = "'use strict';" + source;
        compileFunction(script, parameters, { filename: __filename })(exported, require, __filename);
        ${exports.map((name) => `export const ${name} = exported.${name};`).join("\n")}
      `;
    },
  },
};

/** The form that Yarn loads: a factory, given Yarn's own `require`. */
const factory = {
  name: "factory",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      // A file of ASCII alone is read faster; only texts hold anything else, and there an escape is the same.
      const code = chunk.code.replaceAll(
        /[^\0-\x7F]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
      chunk.code = `module.exports = { name: "yarn-plugin-countersign", factory(require) {
"use strict";
const exports = {};
${code}
return exports;
} };
`;
    }
  },
};

export default defineConfig({
  ...common,
  input: { "yarn-plugin-countersign": "src/hook.ts" },
  plugins: [onDemand, factory],
  output: {
    ...output,
    dir: "dist",
    entryFileNames: "[name].cjs",
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
});
