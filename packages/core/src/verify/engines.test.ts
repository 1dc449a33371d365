import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  conformanceSamples,
  mintedSamples,
  registrySamples,
  type BundleSample,
} from "../../test/bundle-samples.ts";
import { agreeingVerifierOf } from "../../test/library-engine.ts";
import { anyEdit, flip, mutate, mutateDer } from "../../test/mutation.ts";
import { hasVectors } from "../../test/vectors.ts";
import type { BundleResult, BundleVerifier } from "./bundle.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);

const verifiers = new Map<string, BundleVerifier>();

/** The same answer for the same reason, or the test fails. */
function verify({ roots, context }: BundleSample, bundle: unknown): BundleResult {
  const trust = JSON.stringify(roots);
  const verifier = verifiers.get(trust) ?? agreeingVerifierOf(roots);
  verifiers.set(trust, verifier);
  return verifier.verify(bundle, context);
}

const accepted = (samples: readonly BundleSample[]): BundleSample[] =>
  samples.filter((sample) => verify(sample, sample.bundle).ok);

const minted = mintedSamples();
const real = hasVectors ? [...conformanceSamples(), ...registrySamples()] : [];

/** Puts the bundle's certificate into its log entries, so that it is refused for itself and not for what it is not. */
function relog(bundle: unknown, from: string, to: string): void {
  const entries = (bundle as { verificationMaterial: { tlogEntries: { canonicalizedBody: string }[] } })
    .verificationMaterial.tlogEntries;
  for (const entry of entries) {
    const body = JSON.parse(Buffer.from(entry.canonicalizedBody, "base64").toString()) as unknown;
    const text = JSON.stringify(body, (_name, value: unknown) => {
      if (value === from) return to;
      const pem = typeof value === "string" ? Buffer.from(value, "base64").toString() : "";
      if (!pem.startsWith("-----BEGIN CERTIFICATE-----")) return value;
      const lines = to.match(/.{1,64}/g)?.join("\n") ?? "";
      return Buffer.from(`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`).toString(
        "base64",
      );
    });
    entry.canonicalizedBody = Buffer.from(text).toString("base64");
  }
}

type Holder = { rawBytes: string };
function certificateOf(bundle: unknown): Holder | null {
  const { certificate, x509CertificateChain } = (
    bundle as {
      verificationMaterial: { certificate?: Holder; x509CertificateChain?: { certificates: Holder[] } };
    }
  ).verificationMaterial;
  return certificate ?? x509CertificateChain?.certificates[0] ?? null;
}

describe("D40: the engine and the library on its own agree", () => {
  it("D14: behind one interface that knows no protocol, and nothing else can stand for it", () => {
    const { verifier } = { verifier: agreeingVerifierOf(minted[0]?.roots ?? []) } satisfies Record<
      string,
      BundleVerifier
    >;
    expect(() =>
      verifier.verify({ mediaType: "application/x-other" }, { keys: [], digests: [] }),
    ).not.toThrow();
    expect(verifier.verify({ mediaType: "application/x-other" }, { keys: [], digests: [] })).toMatchObject({
      ok: false,
      code: "bundle/version-unsupported",
    });
    // @ts-expect-error a verifier that answers with a mere boolean verifies nothing
    const mismatched: BundleVerifier = { id: "yes", verify: () => true };
    expect(mismatched.id).toBe("yes");
  });

  it("about every kind of minted bundle and every defect", () => {
    const good = accepted(minted);
    expect(good.length).toBeGreaterThanOrEqual(16);
    expect(good.length).toBeLessThan(minted.length / 2);
  });

  it.skipIf(!hasVectors)("about every conformance case and every real attestation", () => {
    const good = accepted(real);
    expect(good.length).toBeGreaterThan(80);
    expect(good.length).toBeLessThan(real.length);
  });

  const samples = accepted([...minted, ...real]);

  it("about bundles with any places changed", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
        (sample, edits) => {
          verify(sample, edits.reduce<unknown>(mutate, structuredClone(sample.bundle)));
        },
      ),
      { numRuns },
    );
  });

  it("about certificates with any node or bit changed, logged as they are", () => {
    let judged = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...samples.filter(({ bundle }) => certificateOf(bundle) !== null)),
        fc.nat(1 << 20),
        fc.boolean(),
        (sample, seed, whole) => {
          const bundle: unknown = structuredClone(sample.bundle);
          const holder = certificateOf(bundle) as Holder;
          const original = holder.rawBytes;
          holder.rawBytes = whole ? mutateDer(original, seed) : flip(original, seed);
          relog(bundle, original, holder.rawBytes);
          const result = verify(sample, bundle);
          // Not one changed byte may pass: all that a certificate says is signed.
          if (result.ok) expect(holder.rawBytes).toBe(original);
          else if (/certificate-(untrusted|time)|sct/.test(result.code)) judged++;
        },
      ),
      { numRuns },
    );
    // Otherwise the engines would never have been asked.
    expect(judged).toBeGreaterThan(numRuns / 10);
  });

  it("about timestamps with any node or bit changed", () => {
    const stamped = samples.filter(({ bundle }) => stampsOf(bundle).length > 0);
    fc.assert(
      fc.property(fc.constantFrom(...stamped), fc.nat(1 << 20), fc.boolean(), (sample, seed, whole) => {
        const bundle: unknown = structuredClone(sample.bundle);
        const [stamp] = stampsOf(bundle) as [Stamp];
        stamp.signedTimestamp = whole
          ? mutateDer(stamp.signedTimestamp, seed)
          : flip(stamp.signedTimestamp, seed);
        verify(sample, bundle);
      }),
      { numRuns },
    );
  });
});

type Stamp = { signedTimestamp: string };
const stampsOf = (bundle: unknown): Stamp[] =>
  (
    bundle as {
      verificationMaterial: { timestampVerificationData?: { rfc3161Timestamps?: Stamp[] } | null };
    }
  ).verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? [];
