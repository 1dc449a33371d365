import { createSigstoreVerifier } from "../src/verify/sigstore-bundle-verifier.ts";
import { readRegistryKeys } from "../src/evidence/registry-keys.ts";
import { defaultBudget } from "../src/budget.ts";
import type { BundleVerifier } from "../src/verify/bundle.ts";
import type { RegistryKey, Thresholds } from "../src/verify/trust.ts";
import { readVector } from "./vectors.ts";

export const once: Thresholds = { sct: 1, log: 1, time: 1 };

export const rootDocument = (instance: "production" | "staging"): unknown =>
  JSON.parse(readVector("trust", `${instance}-trusted_root.json`));

/** A verifier on these roots; a root that is refused fails the test here. */
export function verifierOf(documents: readonly unknown[], thresholds: Thresholds = once): BundleVerifier {
  const trusted = createSigstoreVerifier(documents, thresholds);
  if (trusted.state === "available") return trusted.value;
  throw new Error(`${trusted.code}: ${trusted.detail}`);
}

export function npmKeys(): readonly RegistryKey[] {
  const read = readRegistryKeys(readVector("trust", "npm-keys.json"), defaultBudget);
  if (read.state === "found") return read.keys;
  throw new Error(read.state);
}
