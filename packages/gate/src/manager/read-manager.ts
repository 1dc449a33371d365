import type { ManagerConfiguration, ManagerContext, ManagerName } from "./manager.ts";

/** Reads what the manager of a lockfile would read; its reader is loaded on first use. */
export async function readManager(
  manager: ManagerName,
  context: ManagerContext,
): Promise<ManagerConfiguration> {
  switch (manager) {
    case "npm":
      return (await import("./npm.ts")).readNpm(context);
    case "pnpm":
      return (await import("./pnpm.ts")).readPnpm(context);
    case "yarn":
      return (await import("./yarn.ts")).readYarn(context);
    case "bun":
      return (await import("./bun.ts")).readBun(context);
    case "deno":
      return (await import("./deno.ts")).readDeno(context);
    case "uv":
      return (await import("./uv.ts")).readUv(context);
    case "pip":
      return (await import("./pip.ts")).readPip(context);
  }
}
