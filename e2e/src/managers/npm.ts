import type { RealManager } from "@countersign/testkit";
import { manifest, requireLeaf, type Adapter } from "./adapter.ts";

export const npm = (manager: RealManager): Adapter => ({
  manager,
  family: "npm",
  lockfile: "package-lock.json",
  installed: "node_modules",
  files: ({ kit }) => ({ "package.json": manifest, ".npmrc": `registry=${kit.npm.url}\n` }),
  variables: () => ({
    npm_config_fetch_retries: "0",
    npm_config_update_notifier: "false",
    npm_config_fund: "false",
    npm_config_audit: "false",
  }),
  resolve: ["npm", "install", "--package-lock-only"],
  commands: {
    frozen: ["npm", "ci"],
    install: ["npm", "install"],
    add: ["npm", "install", "extra@1.0.0"],
    run: ["npx", "--yes", "tool@1.0.0"],
  },
  offline: { args: { frozen: ["--offline"], install: ["--offline"] }, variables: {} },
  runs: ["node", "-e", requireLeaf],
});
