import { join } from "node:path";
import { openMachines, type Machines } from "../../test/machines.ts";
import type { Ended, Mode } from "../../test/scene.ts";

export type Scene = Omit<Machines, "begin" | "manager"> & {
  /** A project as it should be, on a machine of its own. */
  begin(mode: Mode): void;
  deno(...args: readonly string[]): Promise<Ended>;
};

export async function openScene(): Promise<Scene> {
  const machines = await openMachines({
    manager: "deno-2",
    program: "deno",
    lock: "deno.lock",
    variables: ({ kit }, home) => ({
      DENO_DIR: join(home, "shared-cache"),
      DENO_NO_UPDATE_CHECK: "1",
      NPM_CONFIG_REGISTRY: kit.npm.url,
      JSR_URL: kit.elsewhere.url,
    }),
  });
  const { leaf, tool } = machines;
  return {
    ...machines,
    begin: (mode) => machines.begin(mode, [leaf, tool]),
    deno: (...args) => machines.manager(...args),
  };
}
