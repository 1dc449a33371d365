import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
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

type Edit = { at: number; how: "flip" | "drop" | "replace"; value: unknown; bit: number };
const anyEdit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("flip" as const, "drop" as const, "replace" as const),
  value: fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom("", "AA==", "-1", "0", "9".repeat(30), "__proto__", "\u0000", "9".repeat(15)),
  ),
  bit: fc.nat(1 << 20),
});

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

/** Changes the value at the `at`-th place of the tree, counted in order. */
function mutate(tree: unknown, { at, how, value, bit }: Edit): unknown {
  const places: { parent: Record<string, unknown>; name: string }[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const name of Object.keys(node)) {
      places.push({ parent: node as Record<string, unknown>, name });
      walk((node as Record<string, unknown>)[name]);
    }
  };
  walk(tree);
  const place = places[at % Math.max(places.length, 1)];
  if (place === undefined) return value;
  const old = place.parent[place.name];
  if (how === "drop") delete place.parent[place.name];
  else place.parent[place.name] = how === "flip" && typeof old === "string" ? flip(old, bit) : value;
  return tree;
}

function flip(base64: string, bit: number): string {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0) return "AA==";
  const at = (bit >> 3) % bytes.length;
  bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
  return bytes.toString("base64");
}
