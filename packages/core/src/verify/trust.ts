import type { KeyObject } from "node:crypto";
import type { Code } from "../codes.ts";
import type { Instant } from "../instant.ts";
import type { BundleVerifier } from "./bundle.ts";

/** One key of a registry, from the sigstore root's `<registry host+path>/keys.json` target or the policy's file. */
export type RegistryKey = {
  keyid: string;
  usage: "npm:signatures" | "npm:attestations";
  key: KeyObject;
  /** A key without a start is malformed and never gets here. */
  validFrom: Instant;
  validTo: Instant | null;
};

/** Least number of verified proofs of each kind; each at least 1. */
export type Thresholds = { sct: number; log: number; time: number };

/** Trust material could be had, or there is a code that says why not. */
export type Trusted<T> =
  | { state: "available"; value: T }
  | { state: "unavailable"; code: Code; detail: string };

/** All that verification believes without proof. */
export type TrustMaterial = {
  bundles: Trusted<BundleVerifier>;
  /** By normalised registry address. A registry that is not here has no known keys. */
  registryKeys: ReadonlyMap<string, readonly RegistryKey[]>;
};
