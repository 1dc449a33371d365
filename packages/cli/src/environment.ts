import { visible } from "@countersign/core";
import { cacheDirectoryOf, publicGoodRepository, type Environment } from "@countersign/gate";
import type { Host } from "./host.ts";

/** What gate's flow is given of a host. */
export function environmentOf(host: Host): Environment {
  const { version, home, variables, platform, cpu, signal, terminal } = host;
  const cacheDirectory = cacheDirectoryOf(host);
  return {
    version,
    now: host.now(),
    home,
    cacheDirectory,
    storeDirectory: cacheDirectory,
    variables,
    platform,
    cpu,
    signal,
    repository: host.repository ?? publicGoodRepository,
    progress: (text) => terminal.progress(text === null ? null : visible(text)),
  };
}
