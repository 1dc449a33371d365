import {
  createSigstoreVerifier,
  defaultBudget,
  defaultTrust,
  parseJson,
  readRegistryKeys,
  type AttestationContext,
  type RegistryKey,
  type Thresholds,
} from "@countersign/core";
import { loadSigstoreRoot } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { readNamed } from "./files.ts";
import { environmentOf } from "./environment.ts";
import type { Host } from "./host.ts";

const once: Thresholds = { sct: 1, log: 1, time: 1 };
const trustFileBytes = 16 * 1024 * 1024;

/**
 * Trust for attestations by themselves, without a project and without a request: the files named, else the last
 * refreshed sigstore root, else what the library embeds. Roots and keys are replaced independently of each other.
 * @param warn receives what a person should know of the root's age
 */
export async function attestationTrust(
  host: Host,
  files: { roots: readonly string[]; keys: readonly string[] },
  warn: (text: string) => void,
): Promise<AttestationContext> {
  const roots = await Promise.all(
    files.roots.map(async (path) => text(await readNamed(host, path, trustFileBytes))),
  );
  const keys = await Promise.all(
    files.keys.map(async (path) => readKeys(text(await readNamed(host, path, trustFileBytes)), path)),
  );
  const embedded =
    roots.length > 0 && keys.length > 0 ? null : await embeddedRoot(host, roots.length > 0 ? () => {} : warn);
  const documents =
    roots.length > 0
      ? roots.map((root, index) => parseRoot(root, files.roots[index] ?? ""))
      : (embedded?.documents ?? []).map((root) => parseRoot(root, "sigstore root"));
  const known =
    keys.length > 0
      ? keys
      : [...(embedded?.keys ?? [])].map(([registry, document]) => readKeys(document, registry));
  if (documents.length === 0)
    throw new CommandError("no sigstore root could be had", "name one with --trusted-root");
  const bundles = createSigstoreVerifier(documents, once);
  if (bundles.state === "unavailable")
    throw new CommandError(
      `the sigstore root cannot be used: ${bundles.detail}`,
      "name another file with --trusted-root",
    );
  return { bundles, keys: known.flat() };
}

async function embeddedRoot(
  host: Host,
  warn: (text: string) => void,
): Promise<{ documents: readonly string[]; keys: ReadonlyMap<string, string> } | null> {
  const { repository, cacheDirectory, now } = environmentOf(host);
  const { root, findings } = await loadSigstoreRoot({
    files: [],
    repository,
    cacheDirectory,
    offline: true,
    maximumAge: defaultTrust.maxAge,
    now,
    client: {
      requests: 0,
      get: () => Promise.reject(new Error("this command makes no request")),
      close: () => Promise.resolve(),
    },
  });
  for (const { why, fix } of findings) warn(`${why} ${fix}`);
  return root;
}

function parseRoot(document: string, path: string): unknown {
  const parsed = parseJson(document, 32);
  if (!parsed.ok)
    throw new CommandError(
      `${path} is no sigstore root: ${parsed.problem.detail}`,
      "name a trusted_root.json",
    );
  return parsed.value;
}

function readKeys(document: string, path: string): readonly RegistryKey[] {
  const read = readRegistryKeys(document, defaultBudget);
  if (read.state === "found") return read.keys;
  throw new CommandError(
    `${path} has no registry keys${read.state === "malformed" ? `: ${read.detail}` : ""}`,
    "name a keys.json",
  );
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
