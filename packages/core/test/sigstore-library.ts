import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

/** Sigstore's own library on a bundle, without any of our checks; throws where it does not verify. */
export function verifyWithLibrary(bundle: unknown, root: unknown, artefact?: Buffer): void {
  const material = toTrustMaterial(TrustedRoot.fromJSON(root));
  new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle), artefact));
}
