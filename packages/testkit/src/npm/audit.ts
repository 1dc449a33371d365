import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Testkit } from "../testkit.ts";

/** TUF mirror that npm has built in. Its name must be among the `tls.hosts` of the kit. */
export const npmTufHost = "tuf-repo-cdn.sigstore.dev";

/**
 * Lets the real `npm audit signatures` run against a kit over HTTPS: trusts the kit's authority, starts npm's TUF
 * client from the kit's root, and sends connections to npm's built-in TUF mirror to the kit instead. For comparison
 * and for evidence that the kit speaks npm's language; nothing of ours needs it.
 * @param directory an empty one, which gets npm's cache and what must be preloaded
 * @returns the environment to add to npm's own
 */
export function npmAuditEnvironment(kit: Testkit, directory: string): Record<string, string> {
  if (kit.tlsAuthority === null) throw new Error("npm audit signatures needs a kit with tls");
  const cache = join(directory, "cache");
  const tuf = join(cache, "_tuf", npmTufHost);
  mkdirSync(tuf, { recursive: true });
  writeFileSync(join(tuf, "root.json"), kit.sigstore.tufRoot);
  const authority = join(directory, "authority.pem");
  writeFileSync(authority, kit.tlsAuthority);
  const preload = join(directory, "redirect.cjs");
  writeFileSync(preload, redirect(new URL(kit.sigstore.url).port));
  return {
    npm_config_cache: cache,
    npm_config_registry: kit.npm.url,
    NODE_EXTRA_CA_CERTS: authority,
    NODE_OPTIONS: `--require ${preload}`,
  };
}

const redirect = (port: string): string => `const tls = require("node:tls");
const { connect } = tls;
tls.connect = function (...parameters) {
  for (const options of parameters) {
    if (options === null || typeof options !== "object") continue;
    const host = options.servername || options.host || options.hostname;
    if (host === ${JSON.stringify(npmTufHost)}) {
      Object.assign(options, { servername: host, host: "127.0.0.1", hostname: "127.0.0.1", port: ${port}, path: undefined });
    }
  }
  return connect.apply(this, parameters);
};
`;
