import type { RealManager } from "@countersign/testkit";
import { manifest, requireLeaf, type Adapter } from "./adapter.ts";

export const pnpm = (manager: RealManager): Adapter => ({
  manager,
  family: "pnpm",
  lockfile: "pnpm-lock.yaml",
  installed: "node_modules",
  files: ({ kit }) => ({
    "package.json": manifest,
    ".npmrc": `registry=${kit.npm.url}\n`,
    // The worst case: every package may run its scripts.
    "pnpm-workspace.yaml": "dangerouslyAllowAllBuilds: true\n",
  }),
  variables: () => ({
    npm_config_fetch_retries: "0",
    pnpm_config_fetch_retries: "0",
    npm_config_update_notifier: "false",
    pnpm_config_update_notifier: "false",
  }),
  resolve: ["pnpm", "install", "--lockfile-only"],
  commands: {
    frozen: ["pnpm", "install", "--frozen-lockfile"],
    install: ["pnpm", "install", "--no-frozen-lockfile"],
    add: ["pnpm", "add", "extra@1.0.0"],
    run: ["pnpm", "dlx", "tool@1.0.0"],
  },
  offline: { args: { frozen: ["--offline"], install: ["--offline"] }, variables: {} },
  runs: ["node", "-e", requireLeaf],
});
