import { defineConfig } from "rolldown";
import { ascii, common, licences, onDemand, readable } from "../one-file.mjs";

/** What Yarn gives to a plugin: its own copies, so that nothing is bundled twice. */
const external = [/^@yarnpkg\/(?:fslib|libzip)$/];

/** The form that Yarn loads: a factory, given Yarn's own `require`. */
const factory = {
  name: "factory",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== "chunk") continue;
      chunk.code = `module.exports = { name: "yarn-plugin-countersign", factory(require) {
"use strict";
const exports = {};
${chunk.code}
return exports;
} };
`;
    }
  },
};

export default defineConfig({
  ...common,
  external: [...common.external, ...external],
  input: { "yarn-plugin-countersign": "src/hook.ts" },
  plugins: [onDemand({ external }), ascii, factory, licences],
  output: {
    dir: "dist",
    format: "cjs",
    entryFileNames: "[name].cjs",
    codeSplitting: false,
    dynamicImportInCjs: false,
    minify: readable,
  },
});
