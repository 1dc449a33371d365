import { readFileSync } from "node:fs";
import { defineConfig } from "rolldown";
import { oneFile } from "./one-file.mjs";

const start = `const [major, minor, patch] = process.versions.node.split(".").map(Number);
const supported =
  major >= 26 ||
  (major === 24 && minor >= 15) ||
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
if (supported) {
  process.exitCode = await load("guard.js").guard();
} else {
  process.exitCode = load("old-node.js").refuseOldNode();
}
`;

const { version } = JSON.parse(readFileSync("package.json", "utf8"));

export default defineConfig({
  input: { guard: "src/guard.ts", "old-node": "src/old-node.ts" },
  platform: "node",
  external: [/^node:/],
  plugins: [oneFile({ file: "hook.mjs", start })],
  resolve: { conditionNames: ["@countersign/source", "node", "import", "require", "default"] },
  transform: { define: { COUNTERSIGN_VERSION: JSON.stringify(version) } },
  output: {
    dir: "dist",
    format: "cjs",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
});
