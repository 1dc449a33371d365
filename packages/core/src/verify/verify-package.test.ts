import * as fc from "fast-check";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { digestFromHex, toIntegrity, type Digest } from "../digest.ts";
import { readAttestationDocument } from "../evidence/attestation-reader.ts";
import { noEvidence, notAsked, type Evidence, type Seen } from "../evidence/evidence.ts";
import { readPackument, type VersionManifest } from "../evidence/packument.ts";
import { readRegistryKeys } from "../evidence/registry-keys.ts";
import { noMarkers, type Artefact, type LockedPackage } from "../lockfile/package-set.ts";
import { startOf } from "../position.ts";
import { formatPurl, type Ecosystem } from "../purl.ts";
import { createSigstoreVerifier } from "./sigstore-bundle-verifier.ts";
import type { TrustMaterial } from "./trust.ts";
import type { Claim, ClaimName, Verdict } from "./verdict.ts";
import { verifyPackage } from "./verify-package.ts";

const now = Date.UTC(2026, 10, 20);
const registry = "https://npm.example/";
const at = startOf("package-lock.json");
const digest = digestFromHex("sha512", "a1".repeat(64)) as Digest;
const evil = digestFromHex("sha512", "e1".repeat(64)) as Digest;
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });

const artefactOf = (change: Partial<Artefact> = {}): Artefact => ({
  form: "tarball",
  file: null,
  url: null,
  digest,
  at,
  ...change,
});
const packageOf = (
  artefacts: readonly Artefact[],
  name = "leaf",
  version = "1.0.0",
  ecosystem: Ecosystem = "npm",
): LockedPackage => ({
  purl: formatPurl({ ecosystem, name, version }),
  name,
  version,
  source: { kind: "registry", ecosystem, registry: null },
  artefacts,
  aliases: [],
  requires: [],
  markers: noMarkers,
  at,
});
const found = <T>(value: T): Seen<T> => ({ state: "found", value, origin: registry });
const absent: Seen<never> = { state: "absent", origin: registry };
const unavailable: Seen<never> = { state: "unavailable", code: "evidence/unreachable", detail: "" };
const listing = (...digests: readonly Digest[]): Evidence["listing"] =>
  found({ digests, file: null, yanked: null, repository: null });
const signature = (over: Digest): Evidence["signatures"] => {
  const sig = sign("sha256", Buffer.from(`leaf@1.0.0:${toIntegrity(over)}`), pair.privateKey).toString(
    "base64",
  );
  return found([{ keyid: "SHA256:one", sig }]);
};
const evidenceOf = (change: Partial<Evidence> = {}): Evidence => ({
  registry,
  listing: listing(digest),
  signatures: signature(digest),
  attestations: absent,
  published: absent,
  binding: notAsked,
  ...change,
});
const keys = [
  { keyid: "SHA256:one", usage: "npm:signatures" as const, key: pair.publicKey, validFrom: 0, validTo: null },
];
const trust: TrustMaterial = {
  bundles: { state: "unavailable", code: "root/unavailable", detail: "no root" },
  registryKeys: new Map([[registry, keys]]),
};
const verdict = (
  evidence: Evidence,
  artefact: Artefact = artefactOf(),
  material = trust,
  pkg = packageOf([artefact]),
): Verdict => verifyPackage(pkg, [evidence], material, now)[0] as Verdict;
const claim = ({ claims }: Verdict, name: ClaimName): Claim | undefined =>
  claims.find((each) => each.name === name);

describe("a verdict on an npm artefact", () => {
  it("D13: is signed, locked or unlocked by what was shown, and says why not more", () => {
    const signed = verdict(evidenceOf());
    expect(signed).toMatchObject({
      outcome: "verified",
      level: "signed",
      identity: null,
      slsaBuild: 0,
      artefact: digest,
      registry,
    });
    expect(claim(signed, "provenance")).toEqual({
      name: "provenance",
      status: "skipped",
      code: "attestation/absent",
    });
    const locked = verdict(evidenceOf({ signatures: absent }));
    expect(locked).toMatchObject({ outcome: "verified", level: "locked" });
    expect(claim(locked, "registry-signature")).toMatchObject({
      status: "skipped",
      code: "signature/absent",
    });
    expect(verdict(noEvidence)).toMatchObject({ outcome: "unknown", level: "unlocked" });
  });

  it("D13: keeps absent, unavailable and contradicted apart", () => {
    const bare = { signatures: absent };
    expect(verdict(evidenceOf({ ...bare, listing: absent }))).toMatchObject({
      outcome: "unverified",
      level: "unlocked",
    });
    expect(verdict(evidenceOf({ ...bare, listing: unavailable }))).toMatchObject({
      outcome: "unknown",
      level: "unlocked",
    });
    expect(verdict(evidenceOf({ ...bare, listing: listing() }))).toMatchObject({
      outcome: "unknown",
      level: "unlocked",
    });
    expect(verdict(evidenceOf({ ...bare, listing: listing(evil) }))).toMatchObject({
      outcome: "refused",
      level: "unlocked",
    });
  });

  it("D5: with a lock edited to other bytes is refused, though the registry's own evidence agrees with itself", () => {
    const edited = verdict(evidenceOf(), artefactOf({ digest: evil }));
    expect(edited).toMatchObject({ outcome: "refused", level: "unlocked" });
    expect(claim(edited, "listing")).toMatchObject({ status: "fail", code: "listing/mismatch" });
    expect(claim(edited, "registry-signature")).toMatchObject({ status: "fail", code: "signature/invalid" });
  });

  it("D3: with a bad signature is refused although the listing matches", () => {
    expect(verdict(evidenceOf({ signatures: signature(evil) }))).toMatchObject({
      outcome: "refused",
      level: "locked",
    });
  });

  it("knows the keys of its own registry only", () => {
    const foreign = verdict(evidenceOf({ registry: "https://other.example/" }));
    expect(foreign).toMatchObject({ level: "locked", outcome: "verified" });
    expect(claim(foreign, "registry-signature")).toMatchObject({
      status: "skipped",
      code: "signature/keys-unavailable",
    });
    expect(claim(verdict(evidenceOf({ registry: null })), "registry-signature")).toMatchObject({
      code: "signature/keys-unavailable",
    });
  });

  it("takes an empty list of signatures for none", () => {
    const empty = verdict(evidenceOf({ signatures: found([]) }));
    expect(claim(empty, "registry-signature")).toMatchObject({ status: "skipped", code: "signature/absent" });
    expect(empty.level).toBe("locked");
  });

  it("is refused when evidence was offered and cannot be read", () => {
    const malformed = (code: "signature/malformed" | "attestation/malformed"): Seen<never> => ({
      state: "unavailable",
      code,
      detail: "",
    });
    expect(verdict(evidenceOf({ signatures: malformed("signature/malformed") }))).toMatchObject({
      outcome: "refused",
    });
    expect(verdict(evidenceOf({ attestations: malformed("attestation/malformed") }))).toMatchObject({
      outcome: "refused",
      level: "signed",
    });
  });

  it("says when a publish time is only the registry's word", () => {
    expect(verdict(evidenceOf({ published: found(5) }))).toMatchObject({
      time: "unsigned",
      published: { at: 5, source: "unsigned" },
    });
    expect(verdict(evidenceOf())).toMatchObject({ time: "none", published: null });
  });

  it("signs under the registry's name, never the alias", () => {
    const aliased = { ...packageOf([artefactOf()]), aliases: ["other"] };
    expect(verifyPackage(aliased, [evidenceOf()], trust, now)[0]).toMatchObject({ level: "signed" });
  });
});

describe("a verdict without a digest that binds", () => {
  it("is refused where the lock has none", () => {
    expect(verdict(evidenceOf(), artefactOf({ digest: null }))).toMatchObject({
      outcome: "refused",
      level: "unlocked",
      artefact: null,
      claims: [{ name: "digest", status: "fail", code: "artefact/digest-missing" }],
    });
  });

  it.each(["yarn-zip", "unpacked-tar"] as const)("stays unknown for %s: no statement can name it", (form) => {
    expect(verdict(evidenceOf(), artefactOf({ form }))).toMatchObject({
      outcome: "unknown",
      level: "unlocked",
      claims: [{ name: "digest", status: "skipped", code: "artefact/digest-unbound" }],
    });
  });

  describe.each(["yarn-zip", "unpacked-tar"] as const)("on a %s that a tarball was converted to", (form) => {
    const archive = artefactOf({ form, digest: digestFromHex("sha512", "22".repeat(64)) as Digest });
    const bound = (change: Partial<Evidence> = {}): Verdict =>
      verdict(evidenceOf({ binding: found(digest), ...change }), archive);

    it("holds everything against the tarball's digest, and says both", () => {
      expect(bound()).toMatchObject({ outcome: "verified", level: "signed", artefact: archive.digest });
      expect(claim(bound(), "digest")).toEqual({
        name: "digest",
        status: "pass",
        expected: `sha512:${"22".repeat(64)}`,
        actual: `sha512:${digest.hex}`,
      });
    });

    it("is refused where the registry lists or signs another tarball", () => {
      expect(bound({ listing: listing(evil) })).toMatchObject({ outcome: "refused" });
      expect(bound({ signatures: signature(evil) })).toMatchObject({ outcome: "refused" });
      expect(bound({ listing: listing(archive.digest as Digest) })).toMatchObject({ outcome: "refused" });
    });

    it("is refused where the tarball makes another archive, though registry and signature agree", () => {
      const binding = {
        state: "unavailable",
        code: "artefact/zip-mismatch",
        detail: "made sha512:00",
      } as const;
      expect(bound({ binding })).toMatchObject({
        outcome: "refused",
        level: "unlocked",
        claims: [{ name: "digest", status: "fail", code: "artefact/zip-mismatch", actual: "made sha512:00" }],
      });
    });

    it("stays unknown where the conversion could not be done, and says why", () => {
      const binding = { state: "unavailable", code: "evidence/too-large", detail: "2 GiB" } as const;
      expect(bound({ binding })).toMatchObject({
        outcome: "unknown",
        claims: [{ status: "skipped", code: "artefact/digest-unbound", actual: "evidence/too-large: 2 GiB" }],
      });
    });
  });

  it("lets no binding replace the digest of a tarball", () => {
    const edited = verdict(evidenceOf({ binding: found(digest) }), artefactOf({ digest: evil }));
    expect(edited).toMatchObject({ outcome: "refused", artefact: evil });
  });

  it("earns nothing for a package that no ecosystem names", () => {
    expect(
      verdict(evidenceOf(), artefactOf(), trust, {
        ...packageOf([artefactOf()]),
        purl: "pkg:generic/leaf@1",
      }),
    ).toMatchObject({ outcome: "unknown", level: "unlocked" });
  });
});

describe("the verdicts of a package", () => {
  it("are one for each artefact, by index; missing evidence is not asked", () => {
    const artefacts = [artefactOf(), artefactOf({ digest: evil }), artefactOf()];
    const verdicts = verifyPackage(packageOf(artefacts), [evidenceOf(), evidenceOf()], trust, now);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(["verified", "refused", "unknown"]);
  });

  it("have no claim of a registry signature outside npm", () => {
    const pypi = packageOf(
      [artefactOf({ form: "sdist", file: "leaf-1.0.0.tar.gz" })],
      "leaf",
      "1.0.0",
      "pypi",
    );
    const [only] = verifyPackage(pypi, [evidenceOf()], trust, now);
    expect(only).toMatchObject({ level: "locked" });
    expect(only?.claims.map(({ name }) => name)).toEqual(["digest", "listing", "attestation", "provenance"]);
  });

  it("never throw, and never reach provenance without a sigstore root", () => {
    const seen = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Seen<T>> =>
      fc.oneof(value.map(found), fc.constantFrom<Seen<T>>(absent, unavailable));
    const attestation = fc.record({
      state: fc.constant("read" as const),
      predicateType: fc.option(fc.string()),
      bundle: fc.jsonValue() as fc.Arbitrary<unknown>,
      publisher: fc.constant(null),
    });
    const evidence = fc.record({
      registry: fc.constantFrom(registry, null),
      listing: seen(
        fc.record({
          digests: fc.subarray([digest, evil]),
          file: fc.option(fc.string()),
          yanked: fc.constant(null),
          repository: fc.constant(null),
        }),
      ),
      signatures: seen(fc.array(fc.record({ keyid: fc.constantFrom("SHA256:one", "x"), sig: fc.string() }))),
      attestations: seen(
        fc.record({
          format: fc.constant("bundle" as const),
          attestations: fc.array(attestation, { minLength: 1 }),
        }),
      ),
      published: seen(fc.integer()),
      binding: seen(fc.constant(digest)),
    });
    fc.assert(
      fc.property(evidence, (each) => {
        expect(["unlocked", "locked"]).toContain(verdict(each).level);
      }),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!hasVectors)("verdicts on real evidence", () => {
  const production = (): TrustMaterial => {
    const read = readRegistryKeys(readVector("trust", "npm-keys.json"), defaultBudget);
    const bundles = createSigstoreVerifier(
      [JSON.parse(readVector("trust", "production-trusted_root.json"))],
      { sct: 1, log: 1, time: 1 },
    );
    return { bundles, registryKeys: new Map([[registry, read.state === "found" ? read.keys : []]]) };
  };
  const document = (...path: readonly string[]): Evidence["attestations"] => {
    const read = readAttestationDocument(readVector(...path), defaultBudget);
    return read.state === "found" ? found(read.document) : absent;
  };
  const manifest = (name: string, version: string): VersionManifest => {
    const read = readPackument(
      readVector("npm", "packuments", `${name}.json`),
      name,
      [version],
      defaultBudget,
    );
    const one = read.state === "found" ? read.versions.get(version) : undefined;
    if (one?.state !== "found") throw new Error(`${name}@${version}`);
    return one.manifest;
  };
  const sigstore = (
    version: string,
    attestations: Evidence["attestations"],
    change: Partial<Evidence> = {},
    locked?: Digest,
  ): Verdict => {
    const { digests, signatures, published } = manifest("sigstore", version);
    const evidence: Evidence = {
      registry,
      listing: listing(...digests),
      signatures: signatures.state === "found" ? found(signatures.value) : absent,
      attestations,
      published: published === null ? absent : found(published),
      binding: notAsked,
      ...change,
    };
    const artefact = artefactOf({ digest: locked ?? (digests[0] as Digest) });
    return verdict(evidence, artefact, production(), packageOf([artefact], "sigstore", version));
  };
  const five = ["npm", "attestations", "artifact-keeper--sigstore-5.0.0.json"];
  const three = ["npm", "attestations", "git-agentic-pkg-registry--sigstore-3.0.0.attestations.json"];

  it("D3 D4 D33: sigstore@5.0.0 has provenance of a named workflow, at build level 2, published when the log says", () => {
    const result = sigstore("5.0.0", document(...five));
    expect(result).toMatchObject({
      outcome: "verified",
      level: "provenance",
      slsaBuild: 2,
      identity: { issuerName: "github", repository: "sigstore/sigstore-js" },
      published: { source: "log" },
    });
    expect(result.claims.map(({ status }) => status)).toEqual(["pass", "pass", "pass", "pass", "pass"]);
    expect(result.attestations.map(({ role }) => role).toSorted()).toEqual(["provenance", "publish"]);
  });

  it("D5 D11: everything is refused over another locked digest", () => {
    const result = sigstore("5.0.0", document(...five), {}, evil);
    expect(result).toMatchObject({ outcome: "refused", level: "unlocked", identity: null });
    expect(
      ["listing", "registry-signature", "attestation"].map(
        (name) => claim(result, name as ClaimName)?.status,
      ),
    ).toEqual(["fail", "fail", "fail"]);
  });

  it("a replay of another version's attestations is refused", () => {
    expect(sigstore("5.0.0", document(...three))).toMatchObject({ outcome: "refused", level: "signed" });
  });

  it("D4: a forged attestation beside a good one is refused and earns no provenance", () => {
    const result = sigstore(
      "0.4.0",
      document("npm", "attestations", "npm-pacote--invalid-attestations.json"),
    );
    expect(result).toMatchObject({ outcome: "refused", level: "signed", identity: null, slsaBuild: 0 });
    expect(
      sigstore("0.4.0", document("npm", "attestations", "npm-pacote--valid-attestations.json")),
    ).toMatchObject({ outcome: "verified", level: "provenance" });
  });

  it("an expired key's signature counts at the publish attestation's log time, and without any time stays unknown", () => {
    const untimed = { published: unavailable };
    const logged = sigstore("3.0.0", document(...three), untimed);
    expect(claim(logged, "registry-signature")).toMatchObject({ status: "pass" });
    expect(claim(sigstore("3.0.0", absent, untimed), "registry-signature")).toMatchObject({
      status: "skipped",
      code: "signature/time-unknown",
    });
    expect(sigstore("3.0.0", absent)).toMatchObject({ level: "signed", time: "unsigned" });
    const late = sigstore("3.0.0", document(...three), { published: found(now) });
    expect(late.published).toMatchObject({ source: "log" });
  });

  it("without a sigstore root the attestations are unknown and the rest still counts", () => {
    const { digests, signatures } = manifest("sigstore", "5.0.0");
    const artefact = artefactOf({ digest: digests[0] as Digest });
    const evidence = evidenceOf({
      listing: listing(...digests),
      signatures: signatures.state === "found" ? found(signatures.value) : absent,
      attestations: document(...five),
    });
    const material = { ...production(), bundles: trust.bundles };
    const result = verdict(evidence, artefact, material, packageOf([artefact], "sigstore", "5.0.0"));
    expect(result).toMatchObject({ outcome: "verified", level: "signed" });
    expect(claim(result, "attestation")).toMatchObject({ status: "skipped", code: "root/unavailable" });
  });

  const wheel = "abi3info-2024.10.8-py3-none-any.whl";
  const abi3info = (file: string): Verdict => {
    const sha256 = digestFromHex(
      "sha256",
      "b0236c6707783f93971274101e119055192cef0925f5b7cebdad03c69dc5a499",
    ) as Digest;
    const artefact = artefactOf({ form: "wheel", file: wheel, digest: sha256 });
    const evidence = evidenceOf({
      listing: listing(sha256),
      signatures: absent,
      attestations: document("pypi", file),
    });
    return verdict(evidence, artefact, production(), packageOf([artefact], "abi3info", "2024.10.8", "pypi"));
  };

  it("D8: a wheel has provenance by its PEP 740 object", () => {
    expect(abi3info(`trailofbits-pip-plugin-pep740--${wheel}.provenance`)).toMatchObject({
      outcome: "verified",
      level: "provenance",
      identity: { issuerName: "github" },
    });
  });

  it("is not published when its builder signed: that may be long before", () => {
    const result = abi3info(`trailofbits-pip-plugin-pep740--${wheel}.provenance`);
    expect(result).toMatchObject({ published: null, time: "log" });
  });

  it.each([
    "forged-publisher",
    "unknown-kind",
    "replayed-from-2024.10.3",
    "signature-flipped",
    "attestation-version-2",
    "no-tlog",
  ])("D9 D12: a wheel with %s is refused", (change) => {
    expect(abi3info(`derived--${wheel}.${change}.provenance`)).toMatchObject({
      outcome: "refused",
      level: "locked",
      identity: null,
    });
  });

  it.each(["empty-bundles", "empty-attestations"])("a wheel with %s is only locked", (change) => {
    const result = abi3info(`derived--${wheel}.${change}.provenance`);
    expect(result).toMatchObject({ outcome: "verified", level: "locked" });
    expect(claim(result, "attestation")).toMatchObject({ status: "skipped", code: "attestation/absent" });
  });
});
