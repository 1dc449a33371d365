import { manifest, requireLeaf, type Adapter } from "./adapter.ts";

export const yarn: Adapter = {
  manager: "yarn-4",
  family: "yarn",
  lockfile: "yarn.lock",
  installed: "node_modules",
  files: ({ kit }) => ({
    "package.json": manifest,
    ".yarnrc.yml": [
      `npmRegistryServer: "${kit.npm.url.replace(/\/$/, "")}"`,
      "unsafeHttpWhitelist: [127.0.0.1]",
      "nodeLinker: node-modules",
      "enableScripts: true",
      "",
    ].join("\n"),
  }),
  // A script that fails is shown, and not in a file that goes with the scene.
  variables: () => ({ YARN_ENABLE_TELEMETRY: "0", YARN_HTTP_RETRY: "0", YARN_ENABLE_INLINE_BUILDS: "1" }),
  resolve: ["yarn", "install", "--mode=update-lockfile"],
  commands: {
    frozen: ["yarn", "install", "--immutable"],
    install: ["yarn", "install", "--no-immutable"],
    add: ["yarn", "add", "extra@1.0.0"],
    run: ["yarn", "dlx", "tool@1.0.0"],
  },
  offline: { args: {}, variables: { YARN_ENABLE_NETWORK: "0" } },
  runs: ["node", "-e", requireLeaf],
};
