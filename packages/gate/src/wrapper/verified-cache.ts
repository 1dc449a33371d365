import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ManagerName } from "../manager/manager.ts";
import { policyPath } from "../policy/layers.ts";
import { policyHome } from "../policy/mode.ts";
import type { WrapperHost } from "./wrapper.ts";

/**
 * Some managers keep unpacked packages in a shared cache and never compare them with a lockfile again, whoever put
 * them there. So what was decided on is installed from a cache that only such installs fill, one for each project and
 * policy: the policy that allowed a tarball once is then the one that holds.
 * @param directory absolute path of the project @returns absolute path of its cache
 */
export function verifiedCache({ environment }: WrapperHost, manager: ManagerName, directory: string): string {
  const policy = join(policyHome(directory), policyPath);
  const text = existsSync(policy) ? readFileSync(policy) : "";
  const name = createHash("sha256").update(resolve(directory)).update("\0").update(text).digest("hex");
  return join(environment.cacheDirectory, manager, name.slice(0, 40));
}
