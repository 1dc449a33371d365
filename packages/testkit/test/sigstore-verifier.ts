import { createRequire } from "node:module";

/**
 * Sigstore's own verifier, as the judge of what the testkit mints.
 * Returns null for a bundle that verifies, else the error's code or name.
 */
export type Judge = (
  bundle: unknown,
  options?: { keys?: ReadonlyMap<string, string>; artefact?: Uint8Array },
) => string | null;

const require = createRequire(import.meta.url);
const { toSignedEntity, toTrustMaterial, Verifier } = require("@sigstore/verify");
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { crypto } = require("@sigstore/core");

export function createJudge(trustedRoot: unknown): Judge {
  const root = TrustedRoot.fromJSON(trustedRoot);
  return (bundle, options = {}) => {
    const material = toTrustMaterial(root, (hint: string) => {
      const pem = options.keys?.get(hint);
      if (pem === undefined) throw Object.assign(new Error("unknown key"), { code: "PUBLIC_KEY_ERROR" });
      return { publicKey: crypto.createPublicKey(pem), validFor: () => true };
    });
    try {
      const artefact = options.artefact === undefined ? undefined : Buffer.from(options.artefact);
      new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle), artefact));
      return null;
    } catch (error) {
      return (error as { code?: string }).code ?? (error as Error).name;
    }
  };
}
