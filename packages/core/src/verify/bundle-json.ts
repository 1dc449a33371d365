import { bundleToJSON, type Bundle } from "@sigstore/bundle";

/** A bundle that Sigstore's library made, as the protobuf-JSON that every verifier reads. */
export const formatSigstoreBundle = (bundle: Bundle): unknown => bundleToJSON(bundle);
