import { createRequire, findPackageJSON } from "node:module";
import { pathToFileURL } from "node:url";
import { SignerError, visible, type KmsSigner } from "@countersign/core";
import { sealKeyFor } from "./public-key.ts";
import type { OpenedSigner, SignerContext } from "./signer-context.ts";

/** What a package for a key management service exports. */
export type OpenKmsSigner = (
  uri: string,
  options: { variables: Readonly<Record<string, string | undefined>>; signal: AbortSignal },
) => Promise<KmsSigner>;

/** By the scheme of the key's URI. */
export const kmsPackages: ReadonlyMap<string, string> = new Map([
  ["awskms", "@countersign/signer-aws-kms"],
  ["gcpkms", "@countersign/signer-gcp-kms"],
  ["azurekms", "@countersign/signer-azure-key-vault"],
  ["hashivault", "@countersign/signer-hashicorp-vault"],
]);

/**
 * A signer on a key that never leaves a key management service. Its package is looked for beside Countersign alone:
 * whatever the checked project has installed under that name would run with the credentials of whoever signs.
 * @param installation file URL to look from: where Countersign lies
 */
export async function openKms(
  uri: string,
  context: SignerContext,
  installation: string = import.meta.url,
): Promise<OpenedSigner> {
  const scheme = /^([a-z0-9]+):\/\//.exec(uri)?.[1] ?? "";
  const name = kmsPackages.get(scheme);
  if (name === undefined)
    throw new SignerError(
      `${visible(uri, 80)} names no key service`,
      `write it as ${[...kmsPackages.keys()].map((each) => `${each}://…`).join(", ")}`,
    );
  const open = await loadSigner(name, installation);
  const signer = await open(uri, { variables: context.variables, signal: context.signal });
  const { algorithm } = signer;
  if (algorithm !== "ed25519" && algorithm !== "ecdsa-p256-sha256")
    throw new SignerError(
      `${visible(uri)} is a key of another kind`,
      "use a key for ECDSA P-256 with SHA-256",
    );
  const sealKey = sealKeyFor(visible(uri), algorithm, await signer.publicKey());
  return {
    name: signer.name,
    algorithm,
    keyid: async () => sealKey.keyid,
    sealKey: async () => sealKey,
    sign: async (pae, payload) => {
      context.signal.throwIfAborted();
      const { signature } = await signer.sign(pae, payload);
      return { signature, material: { kind: "key", keyid: sealKey.keyid } };
    },
  };
}

async function loadSigner(name: string, installation: string): Promise<OpenKmsSigner> {
  // Unlike require.resolve, this does not follow NODE_PATH.
  const manifest = findOwn(name, installation);
  if (manifest === null)
    throw new SignerError(
      `${name} is not installed beside Countersign`,
      `npm install --global countersign ${name}; a copy in the checked project is never used`,
    );
  const loaded: unknown = await import(
    /* @vite-ignore */ pathToFileURL(createRequire(manifest).resolve(name)).href
  );
  const open =
    typeof loaded === "object" && loaded !== null && "openKmsSigner" in loaded ? loaded.openKmsSigner : null;
  if (typeof open === "function") return open as OpenKmsSigner;
  throw new SignerError(`${name} is of another version: it opens no signer`, `npm install --global ${name}`);
}

function findOwn(name: string, installation: string): string | null {
  try {
    return findPackageJSON(name, installation) ?? null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}
