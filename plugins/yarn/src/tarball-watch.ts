import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type { Executor, Locator } from "./yarn.ts";

/** One fetch of one package: whatever is requested meanwhile is for it. */
export type Watched = {
  locator: Locator;
  /** `sha512:…` of each body that came, in order. */
  tarballs: string[];
  /** Refuses a body before Yarn has it, by throwing. */
  check(tarball: string): void;
};

const current = new AsyncLocalStorage<Watched>();

export const whileFetching = <T>(watched: Watched, fetch: () => Promise<T>): Promise<T> =>
  current.run(watched, fetch);

/** Ties what a request brings to the package that it is made for, before it is converted or kept. */
export function watchTarball(execute: Executor): Executor {
  const watched = current.getStore();
  if (watched === undefined) return execute;
  return async () => {
    const response = await execute();
    if (!(response.body instanceof Uint8Array)) return response;
    const tarball = `sha512:${createHash("sha512").update(response.body).digest("hex")}`;
    watched.tarballs.push(tarball);
    watched.check(tarball);
    return response;
  };
}
