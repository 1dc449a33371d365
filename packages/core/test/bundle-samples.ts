import { Buffer } from "node:buffer";
import { createHash, createPublicKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  buildkiteBuild,
  bundleDefects,
  circleciBuild,
  createSigningKey,
  createSigstore,
  githubBuild,
  gitlabBuild,
  googleBuild,
  personBuild,
  type BundleDefect,
  type BundleRequest,
  type Sigstore,
} from "@countersign/testkit";
import { defaultBudget } from "../src/budget.ts";
import type { Digest } from "../src/digest.ts";
import { readAttestationDocument } from "../src/evidence/attestation-reader.ts";
import { keyHintOf } from "../src/verify/bundle-reader.ts";
import type { BundleContext } from "../src/verify/bundle.ts";
import type { RegistryKey } from "../src/verify/trust.ts";
import { npmKeys, rootDocument } from "./trust.ts";
import { readVector, vectorsPath } from "./vectors.ts";

/** A bundle with what it is to be verified with. */
export type BundleSample = {
  name: string;
  bundle: unknown;
  roots: readonly unknown[];
  context: BundleContext;
};

/** Every conformance case, on its own root and on production's. */
export function conformanceSamples(): BundleSample[] {
  const suite = vectorsPath("conformance", "bundle-verify");
  const production = rootDocument("production");
  return readdirSync(suite).flatMap((name) => {
    const file = (part: string): string => `${suite}/${name}/${part}`;
    const text = existsSync(file("bundle.sigstore.json"))
      ? readFileSync(file("bundle.sigstore.json"), "utf8")
      : "";
    const own = existsSync(file("trusted_root.json"))
      ? (JSON.parse(readFileSync(file("trusted_root.json"), "utf8")) as unknown)
      : null;
    const pem = existsSync(file("key.pub")) ? readFileSync(file("key.pub"), "utf8") : null;
    const artefact = readFileSync(existsSync(file("artifact")) ? file("artifact") : `${suite}/a.txt`);
    return bundlesIn(text).flatMap((bundle) => {
      const context = {
        keys: pem === null ? [] : [managedKey(keyHintOf(bundle) ?? "", pem)],
        digests: [sha256(artefact)],
      };
      return [...(own === null ? [] : [own]), production].map((root, index) => ({
        name: `${name} on root ${index}`,
        bundle,
        roots: [root],
        context,
      }));
    });
  });
}

/** Every bundle of the real npm and PyPI documents, good and bad. */
export function registrySamples(): BundleSample[] {
  const roots = [rootDocument("production"), rootDocument("staging")];
  const context = { keys: npmKeys(), digests: [] };
  return [["npm", "attestations"] as const, ["pypi"] as const].flatMap((folder) =>
    readdirSync(vectorsPath(...folder))
      .filter((file) => file !== "cases.json" && !file.endsWith(".pem"))
      .flatMap((file) =>
        bundlesIn(readVector(...folder, file)).map((bundle, index) => ({
          name: `${file}[${index}]`,
          bundle,
          roots,
          context,
        })),
      ),
  );
}

/** Kinds of bundle that the testkit mints, by what sets them apart. */
export function mintedRequests(hint: string, key = createSigningKey("P-256")): Record<string, BundleRequest> {
  const at = Date.UTC(2026, 10, 1);
  const payload = JSON.stringify({ _type: "https://in-toto.io/Statement/v1" });
  const base: BundleRequest = { content: { payload }, signer: githubBuild(), at };
  const message = { artefact: Buffer.from("artefact") };
  return {
    "rekor-v1": base,
    "rekor-v2": { ...base, log: "rekor-v2" },
    "rekor-v1 with a timestamp": { ...base, timestamp: true },
    intoto: { ...base, entry: "intoto", version: "0.2" },
    "v0.2": { ...base, version: "0.2" },
    "v0.1 with promise only": { ...base, version: "0.1", proof: false },
    keyed: { ...base, signer: { key, hint } },
    "keyed in rekor-v2": { ...base, signer: { key, hint }, log: "rekor-v2" },
    message: { ...base, content: message },
    "message in rekor-v2": { ...base, content: message, log: "rekor-v2" },
    "message by key": { ...base, content: message, signer: { key, hint } },
    gitlab: { ...base, signer: gitlabBuild() },
    google: { ...base, signer: googleBuild() },
    circleci: { ...base, signer: circleciBuild() },
    buildkite: { ...base, signer: buildkiteBuild() },
    person: { ...base, signer: personBuild() },
  };
}

/** Every kind of minted bundle, good and with each defect. */
export function mintedSamples(sigstore: Sigstore = createSigstore()): BundleSample[] {
  const hint = "SHA256:minted";
  const key = createSigningKey("P-256");
  const context = {
    keys: [trustedKey(hint, createPublicKey({ key: key.spki, format: "der", type: "spki" }))],
    digests: [sha256(Buffer.from("artefact"))],
  };
  const defects = [null, ...(Object.keys(bundleDefects) as BundleDefect[])];
  return Object.entries(mintedRequests(hint, key)).flatMap(([kind, request]) =>
    defects.map((defect) => ({
      name: `${kind}: ${defect ?? "good"}`,
      bundle: JSON.parse(
        JSON.stringify(sigstore.mint(defect === null ? request : { ...request, defects: [defect] })),
      ) as unknown,
      roots: [sigstore.trustedRoot],
      context,
    })),
  );
}

function bundlesIn(text: string): unknown[] {
  const read = readAttestationDocument(text, defaultBudget);
  return read.state === "found"
    ? read.document.attestations.flatMap((one) => (one.state === "read" ? [one.bundle] : []))
    : [];
}

const trustedKey = (keyid: string, key: RegistryKey["key"]): RegistryKey => ({
  keyid,
  usage: "npm:attestations",
  key,
  validFrom: 0,
  validTo: null,
});
const managedKey = (hint: string, pem: string): RegistryKey => trustedKey(hint, createPublicKey(pem));
const sha256 = (bytes: Uint8Array): Digest => ({
  algorithm: "sha256",
  hex: createHash("sha256").update(bytes).digest("hex"),
});
