import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Node's own besides ours: what stands under "module" is for bundlers. */
const resolve = { conditions: ["@countersign/source", "node", "import", "default"] };
const ssr = { resolve: { conditions: resolve.conditions, externalConditions: resolve.conditions } };

/** What every test may ask. */
const setupFiles = [join(import.meta.dirname, "tools/exit-code.ts")];

const project = (name: string, root: string, include = ["{src,test}/**/*.test.ts"]) => ({
  resolve,
  ssr,
  test: { name, root, include, setupFiles, testTimeout: 60_000, hookTimeout: 60_000 },
});

export default defineConfig({
  test: {
    // Tests with real package managers mostly wait for them.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      project("core", "packages/core"),
      project("gate", "packages/gate"),
      project("testkit", "packages/testkit"),
      project("signers", "packages", ["signer-*/src/**/*.test.ts"]),
      project("cli", "packages/cli"),
      project("plugins", "plugins", ["*/{src,test}/**/*.test.ts"]),
      project("e2e", "e2e", ["src/**/*.test.ts"]),
      project("tools", "tools", ["*.test.ts"]),
    ],
  },
});
