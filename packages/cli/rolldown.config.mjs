import { defineConfig } from "rolldown";

/** One start file and a chunk for whatever a command loads when it runs; nothing is left to be installed beside it. */
export default defineConfig({
  input: { main: "src/main.ts" },
  platform: "node",
  external: [/^node:/],
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
