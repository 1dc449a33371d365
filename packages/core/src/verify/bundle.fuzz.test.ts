import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyEdit, flip, mutate } from "../../test/mutation.ts";
import { npmKeys, rootDocument, verifierOf } from "../../test/trust.ts";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { verifyAttestations } from "./attestations.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const texts = hasVectors
  ? [
      readVector("conformance", "bundle-verify", "rekor2-dsse-happy-path", "bundle.sigstore.json"),
      readVector("npm", "attestations", "cli-cli--sigstore-js-2.1.0-bundle.json"),
      readVector("npm", "attestations", "carabiner-dev-collector--bundle-publish.json"),
    ]
  : [];

describe.skipIf(!hasVectors)("a mutated bundle", () => {
  const value = hasVectors ? verifierOf([rootDocument("production"), rootDocument("staging")]) : null;
  const context = {
    bundles: { state: "available" as const, value: value as NonNullable<typeof value> },
    keys: hasVectors ? npmKeys() : [],
  };

  it("is always a verdict, never an exception", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
        (text, edits) => {
          const bundle: unknown = edits.reduce(
            (tree, edit) => mutate(tree, edit),
            JSON.parse(text) as unknown,
          );
          const [verdict] = verifyAttestations(
            {
              format: "bundle",
              attestations: [{ state: "read", predicateType: null, bundle, publisher: null }],
            },
            null,
            context,
          );
          expect(["verified", "refused", "unknown", "unverified"]).toContain(verdict?.outcome);
          expect(verdict?.outcome === "verified").toBe(verdict?.code === null);
        },
      ),
      { numRuns },
    );
  });

  // Signed parts, whatever bit of them changes: an unsigned label or a spare certificate is left out here.
  it.each([
    ["payload", ["dsseEnvelope", "payload"]],
    ["certificate", ["verificationMaterial", "certificate", "rawBytes"]],
    ["log body", ["verificationMaterial", "tlogEntries", 0, "canonicalizedBody"]],
    ["log id", ["verificationMaterial", "tlogEntries", 0, "logId", "keyId"]],
  ] as const)("is never verified with a bit of its %s flipped", (_part, path) => {
    fc.assert(
      fc.property(fc.nat(1 << 20), (bit) => {
        const tree = JSON.parse(texts[1] as string) as unknown;
        const parent = path
          .slice(0, -1)
          .reduce<unknown>(
            (node, member) => (node as Record<string | number, unknown>)[member],
            tree,
          ) as Record<string, unknown>;
        const name = path[path.length - 1] as string;
        parent[name] = flip(parent[name] as string, bit);
        expect(context.bundles.value.verify(tree, { keys: context.keys, digests: [] }).ok).toBe(false);
      }),
      { numRuns: Math.min(numRuns, 300) },
    );
  });
});
