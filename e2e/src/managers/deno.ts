import { join } from "node:path";
import { manifest, requireLeaf, type Adapter } from "./adapter.ts";

export const deno: Adapter = {
  manager: "deno-2",
  family: "deno",
  lockfile: "deno.lock",
  installed: "node_modules",
  files: ({ kit }) => ({
    "package.json": manifest,
    "deno.json": `${JSON.stringify({ nodeModulesDir: "auto" }, null, 2)}\n`,
    ".npmrc": `registry=${kit.npm.url}\n`,
  }),
  variables: ({ root }) => ({ DENO_DIR: join(root, "cache", "deno"), DENO_NO_UPDATE_CHECK: "1" }),
  resolve: ["deno", "install"],
  commands: {
    frozen: ["deno", "ci"],
    install: ["deno", "install"],
    add: ["deno", "add", "npm:extra@1.0.0"],
    run: ["deno", "run", "-A", "npm:tool@1.0.0"],
  },
  offline: { args: {}, variables: {} },
  runs: ["node", "-e", requireLeaf],
};
