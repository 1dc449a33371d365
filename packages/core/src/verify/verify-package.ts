import { kindOf, type Code } from "../codes.ts";
import { formatDigest, type Digest } from "../digest.ts";
import { noEvidence, type Evidence } from "../evidence/evidence.ts";
import type { Instant } from "../instant.ts";
import type { Artefact, ArtefactForm, LockedPackage } from "../lockfile/package-set.ts";
import { parsePurl, type Ecosystem } from "../purl.ts";
import { verifyAttestations } from "./attestations.ts";
import { checkListing } from "./listing.ts";
import { verifyRegistrySignatures, type PublishTime, type SignatureResult } from "./registry-signature.ts";
import type { RegistryKey, TrustMaterial } from "./trust.ts";
import type { AttestationVerdict, Claim, ClaimName, Level, Outcome, Verdict } from "./verdict.ts";

type Evidenced = {
  pkg: LockedPackage;
  artefact: Artefact;
  /** The locked digest, or the one that it was bound to. */
  digest: Digest;
  ecosystem: Ecosystem;
  evidence: Evidence;
};

/** Digests over something else than the bytes a registry serves: no listing, signature or statement names them. */
const unbound: ReadonlySet<ArtefactForm> = new Set<ArtefactForm>(["yarn-zip", "unpacked-tar"]);

/**
 * Verifies everything known about a package's artefacts against the digests in the lockfile, without regard to any
 * requirement. Total: hostile evidence becomes a verdict.
 * @param evidence one per artefact, by index; what is missing counts as not asked
 * @returns one verdict per artefact, by index
 */
export function verifyPackage(
  pkg: LockedPackage,
  evidence: readonly Evidence[],
  trust: TrustMaterial,
  now: Instant,
): Verdict[] {
  return pkg.artefacts.map((artefact, index) =>
    verifyArtefact(pkg, artefact, evidence[index] ?? noEvidence, trust, now),
  );
}

function verifyArtefact(
  pkg: LockedPackage,
  artefact: Artefact,
  evidence: Evidence,
  trust: TrustMaterial,
  now: Instant,
): Verdict {
  const { digest } = artefact;
  const ecosystem = parsePurl(pkg.purl)?.ecosystem ?? null;
  if (digest === null)
    return unlocked(pkg, artefact, evidence, {
      name: "digest",
      status: "fail",
      code: "artefact/digest-missing",
    });
  const bound = boundDigest(artefact.form, digest, evidence.binding);
  if ("claim" in bound) return unlocked(pkg, artefact, evidence, bound.claim);
  const locked: Claim = {
    name: "digest",
    status: "pass",
    ...(bound.digest !== digest && { expected: formatDigest(digest) }),
    actual: formatDigest(bound.digest),
  };
  if (ecosystem === null) {
    return unlocked(pkg, artefact, evidence, locked, {
      name: "listing",
      status: "skipped",
      code: "evidence/not-asked",
    });
  }
  return fold({ pkg, artefact, digest: bound.digest, ecosystem, evidence }, locked, trust, now);
}

/**
 * The digest that a registry can vouch for: the locked one, or that of the tarball which was converted to exactly the
 * locked one. Without such a conversion nothing binds, and why it failed is said; one that contradicts is refused.
 */
function boundDigest(
  form: ArtefactForm,
  digest: Digest,
  binding: Evidence["binding"],
): { digest: Digest } | { claim: Claim } {
  if (!unbound.has(form)) return { digest };
  if (binding.state === "found") return { digest: binding.value };
  const claim: Claim = { name: "digest", status: "skipped", code: "artefact/digest-unbound" };
  if (binding.state === "absent" || binding.code === "evidence/not-asked") return { claim };
  if (kindOf(binding.code) === "refused") return { claim: without("digest", binding.code, binding.detail) };
  const { code, detail } = binding;
  return { claim: { ...claim, actual: detail === "" ? code : `${code}: ${detail}` } };
}

/** A verdict on an artefact whose digest no evidence can be held against. */
function unlocked(
  pkg: LockedPackage,
  artefact: Artefact,
  evidence: Evidence,
  ...claims: readonly Claim[]
): Verdict {
  const refused = claims.some(({ status }) => status === "fail");
  return {
    purl: pkg.purl,
    artefact: artefact.digest,
    file: artefact.file,
    at: artefact.at,
    registry: evidence.registry,
    outcome: refused ? "refused" : "unknown",
    level: "unlocked",
    identity: null,
    slsaBuild: 0,
    time: "none",
    published: null,
    claims,
    attestations: [],
  };
}

function fold(evidenced: Evidenced, locked: Claim, trust: TrustMaterial, now: Instant): Verdict {
  const { pkg, artefact, digest, evidence } = evidenced;
  const keys = evidence.registry === null ? [] : (trust.registryKeys.get(evidence.registry) ?? []);
  const listing = checkListing(evidence.listing, digest, artefact.file);
  const attestations = attestationVerdicts(evidenced, trust, keys);
  const published = publishTime(attestations, evidence);
  const signature = signatureClaim(evidenced, keys, published, now);
  const attestation = attestationClaim(evidence, attestations);
  const builder = attestation.status === "pass" ? bestBuilder(attestations) : null;
  const provenance = provenanceClaim(attestation, builder);
  const claims = [locked, listing, ...(signature === null ? [] : [signature.claim]), attestation, provenance];
  const level = levelOf(builder, signature, listing);
  return {
    purl: pkg.purl,
    artefact: artefact.digest,
    file: artefact.file,
    at: artefact.at,
    registry: evidence.registry,
    outcome: outcomeOf(claims, listing, level),
    level,
    identity: builder?.identity ?? null,
    slsaBuild: builder?.slsaBuild ?? 0,
    time: builder?.time ?? published?.source ?? "none",
    published,
    claims,
    attestations,
  };
}

function attestationVerdicts(
  { pkg, artefact, digest, ecosystem, evidence }: Evidenced,
  trust: TrustMaterial,
  keys: readonly RegistryKey[],
): readonly AttestationVerdict[] {
  if (evidence.attestations.state !== "found") return [];
  const target = { ecosystem, name: pkg.name, version: pkg.version, file: artefact.file, digests: [digest] };
  return verifyAttestations(evidence.attestations.value, target, { bundles: trust.bundles, keys });
}

/**
 * The earliest log time of a publish attestation by the registry's key: it signs these very bytes as it publishes
 * them. A builder signs before that, by as long as it likes, and what the registry says is unsigned.
 */
function publishTime(attestations: readonly AttestationVerdict[], evidence: Evidence): PublishTime | null {
  let logged: Instant | null = null;
  for (const { role, outcome, keyid, logTime } of attestations) {
    if (role !== "publish" || outcome !== "verified" || keyid === null || logTime === null) continue;
    logged = logged === null ? logTime : Math.min(logged, logTime);
  }
  if (logged !== null) return { at: logged, source: "log" };
  return evidence.published.state === "found" ? { at: evidence.published.value, source: "unsigned" } : null;
}

/** Only npm registries sign; for the others there is no such claim. */
function signatureClaim(
  { pkg, digest, ecosystem, evidence }: Evidenced,
  keys: readonly RegistryKey[],
  published: PublishTime | null,
  now: Instant,
): { claim: Claim; result: SignatureResult | null } | null {
  if (ecosystem !== "npm") return null;
  const { signatures: seen } = evidence;
  if (seen.state === "absent")
    return { claim: without("registry-signature", "signature/absent"), result: null };
  if (seen.state === "unavailable")
    return { claim: without("registry-signature", seen.code, seen.detail), result: null };
  const { name, version } = pkg;
  const result = verifyRegistrySignatures({
    name,
    version,
    digest,
    signatures: seen.value,
    keys,
    published,
    now,
  });
  if (!result.ok) return { claim: without("registry-signature", result.code, result.detail), result };
  return { claim: { name: "registry-signature", status: "pass", actual: result.keyid }, result };
}

/** Every attestation of the document counts: one that is refused makes the claim fail whatever the others say. */
function attestationClaim(evidence: Evidence, attestations: readonly AttestationVerdict[]): Claim {
  const { attestations: seen } = evidence;
  if (seen.state === "absent") return without("attestation", "attestation/absent");
  if (seen.state === "unavailable") return without("attestation", seen.code, seen.detail);
  const refused = attestations.find(({ outcome }) => outcome === "refused");
  if (refused !== undefined) {
    const { code, detail } = refused;
    return {
      name: "attestation",
      status: "fail",
      code: code ?? "attestation/malformed",
      ...(detail !== null && { actual: detail }),
    };
  }
  if (attestations.some(({ outcome }) => outcome === "verified"))
    return { name: "attestation", status: "pass" };
  const first = attestations.find(({ outcome }) => outcome === "unknown") ?? attestations[0];
  return without("attestation", first?.code ?? "attestation/absent", first?.detail ?? undefined);
}

/**
 * The attestation that stands for `provenance`: a builder's certificate over the locked digest, be its statement SLSA
 * provenance or the publish attestation that Python's trusted publishers sign. Of several the one with the highest
 * build level, first in the document where they tie.
 */
function bestBuilder(attestations: readonly AttestationVerdict[]): AttestationVerdict | null {
  let best: AttestationVerdict | null = null;
  for (const candidate of attestations) {
    const earns =
      candidate.role !== "other" && candidate.outcome === "verified" && candidate.identity !== null;
    const bound = candidate.checks.some(({ name, status }) => name === "digest" && status === "pass");
    if (earns && bound && (best === null || candidate.slsaBuild > best.slsaBuild)) best = candidate;
  }
  return best;
}

function provenanceClaim(attestation: Claim, builder: AttestationVerdict | null): Claim {
  if (builder !== null) return { name: "provenance", status: "pass", actual: builder.identity?.san ?? "" };
  const code =
    attestation.status === "pass"
      ? "attestation/provenance-absent"
      : (attestation.code ?? "attestation/absent");
  return { name: "provenance", status: "skipped", code };
}

/** A check without evidence: skipped, unless the code says that what was there could not be trusted. */
function without(name: ClaimName, code: Code, detail?: string): Claim {
  const status = kindOf(code) === "refused" ? "fail" : "skipped";
  return { name, status, code, ...(detail !== undefined && detail !== "" && { actual: detail }) };
}

function levelOf(
  builder: AttestationVerdict | null,
  signature: { result: SignatureResult | null } | null,
  listing: Claim,
): Level {
  if (builder !== null) return "provenance";
  if (signature?.result?.ok === true) return "signed";
  return listing.status === "pass" ? "locked" : "unlocked";
}

function outcomeOf(claims: readonly Claim[], listing: Claim, level: Level): Outcome {
  if (claims.some(({ status }) => status === "fail")) return "refused";
  if (level !== "unlocked") return "verified";
  return listing.code !== undefined && kindOf(listing.code) === "unverified" ? "unverified" : "unknown";
}
