import { join } from "node:path";
import { manifest, requireLeaf, type Adapter } from "./adapter.ts";

export const bun: Adapter = {
  manager: "bun-1",
  family: "bun",
  lockfile: "bun.lock",
  installed: "node_modules",
  files: ({ kit }) => ({
    // The worst case: every package may run its scripts.
    "package.json": manifest.replace(
      '"dependencies"',
      '"trustedDependencies": ["leaf", "trunk", "twig", "extra", "mallory"],\n  "dependencies"',
    ),
    "bunfig.toml": `[install]\nregistry = ${JSON.stringify(kit.npm.url)}\n`,
  }),
  // bunx reads no project.
  home: ({ kit }) => ({ ".bunfig.toml": `[install]\nregistry = ${JSON.stringify(kit.npm.url)}\n` }),
  variables: ({ root }) => ({
    BUN_INSTALL_CACHE_DIR: join(root, "cache", "bun"),
    BUN_INSTALL: join(root, "home", ".bun"),
  }),
  resolve: ["bun", "install", "--lockfile-only"],
  commands: {
    frozen: ["bun", "install", "--frozen-lockfile"],
    install: ["bun", "install"],
    add: ["bun", "add", "extra@1.0.0"],
    run: ["bunx", "tool@1.0.0"],
  },
  offline: { args: {}, variables: {} },
  runs: ["node", "-e", requireLeaf],
};
