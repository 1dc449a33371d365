import { cpSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PublishedPackage } from "@countersign/testkit";
import { openMachines, type Machines } from "../../test/machines.ts";
import type { Ended, Mode } from "../../test/scene.ts";

const scannerFile = resolve(import.meta.dirname, "../dist/scanner.mjs");

/** The hook is built: where it is not, there is nothing to test with a real Bun. */
export const hasScanner: boolean = existsSync(scannerFile);

export type Scene = Omit<Machines, "begin" | "manager"> & {
  /** A project as it should be, on a machine of its own. */
  begin(mode: Mode, options?: { hook?: boolean; packages?: readonly PublishedPackage[] }): void;
  /** Whether code of the evil package ran. */
  evilRan(): boolean;
  bun(...args: readonly string[]): Promise<Ended>;
};

export async function openScene(): Promise<Scene> {
  const machines = await openMachines({
    manager: "bun-1",
    program: "bun",
    lock: "bun.lock",
    variables: ({ kit }, home) => ({
      BUN_INSTALL_CACHE_DIR: join(home, "shared-cache"),
      BUN_CONFIG_REGISTRY: kit.npm.url,
    }),
  });
  const { kit, directory, leaf, tool } = machines;
  return {
    ...machines,
    begin(mode, { hook = false, packages = [leaf, tool] } = {}) {
      machines.begin(mode, packages);
      const bunfig = `[install]\nregistry = "${kit.npm.url}"\n`;
      const scanner = `[install.security]\nscanner = "./.countersign/hooks/bun.mjs"\n`;
      const manifest = JSON.parse(machines.read("package.json")) as object;
      machines.write({
        "bunfig.toml": hook ? bunfig + scanner : bunfig,
        // Scripts of what is locked as `leaf` run: the mark would tell.
        "package.json": JSON.stringify({ ...manifest, trustedDependencies: ["leaf"] }),
      });
      if (hook) cpSync(scannerFile, join(directory, ".countersign/hooks/bun.mjs"));
    },
    evilRan: () => machines.marked() !== "",
    bun: (...args) => machines.manager(...args),
  };
}
