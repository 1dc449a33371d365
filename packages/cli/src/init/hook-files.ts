import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import type { HookFile } from "./planning.ts";

/** A bundled hook of this program's own distribution. */
export async function readHook(host: Pick<Host, "hooks">, name: HookFile): Promise<Buffer> {
  const path = join(host.hooks ?? ownHooks(), name);
  try {
    return await readFile(path);
  } catch {
    throw new CommandError(
      `this installation of countersign lacks its hook ${name}`,
      "install countersign again",
    );
  }
}

/** `dist/hooks` of the package that this file is a part of, bundled or not. */
function ownHooks(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) || dirname(folder) === folder)
      return join(folder, "dist", "hooks");
  }
}
