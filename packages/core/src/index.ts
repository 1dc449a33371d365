export * from "./budget.ts";
export * from "./codes.ts";
export * from "./digest.ts";
export * from "./finding.ts";
export * from "./instant.ts";
export * from "./position.ts";
export * from "./purl.ts";
export * from "./result.ts";
export * from "./lockfile/package-set.ts";
export * from "./evidence/attestation-document.ts";
export * from "./evidence/evidence.ts";
export { readAttestationDocument } from "./evidence/attestation-reader.ts";
export { readNpmAttestations } from "./evidence/npm-attestations.ts";
export * from "./evidence/packument.ts";
export { readPep740Attestation, readProvenance } from "./evidence/provenance.ts";
export * from "./evidence/registry-keys.ts";
export { readBundleLines, readSigstoreBundle } from "./evidence/sigstore-bundle-document.ts";
export * from "./evidence/simple-index.ts";
export * from "./verify/bundle.ts";
export * from "./verify/identity.ts";
export * from "./verify/trust.ts";
export * from "./verify/verdict.ts";
export { verifyPackage } from "./verify/verify-package.ts";
export { liesUnder, normaliseAddress, originOf } from "./policy/address.ts";
export { builtInPath, builtInPolicy, defaultTrust } from "./policy/built-in.ts";
export * from "./policy/context.ts";
export { decide, decideSealed, foldDecisions } from "./policy/decide.ts";
export * from "./policy/decision.ts";
export { formatDuration, parseDuration } from "./policy/duration.ts";
export { compareFindings } from "./policy/finding-list.ts";
export { exceptionLines, policyPath } from "./policy/fixes.ts";
export { matchNames } from "./policy/glob.ts";
export { matchIdentity, normaliseRepository, type IdentityMatch } from "./policy/identity-pattern.ts";
export { mergePolicy, modes, tightenMode } from "./policy/merge.ts";
export * from "./policy/policy.ts";
export { readPolicy } from "./policy/read-policy.ts";
export { policySchema, type Schema } from "./policy/schema.ts";
export * from "./report/report.ts";
export { buildReport, isStopping, strictOutcome } from "./report/build-report.ts";
export type { DecidedLockfile, RefusedLockfile, ReportParts } from "./report/build-report.ts";
export type { Chain } from "./report/chains.ts";
export { markdownCode, markdownText, shellWord, visible, visibleJson } from "./report/escape.ts";
export { buildExplanation, type Explanation, type ExplanationParts } from "./report/explain.ts";
export { renderExplain } from "./report/explain-human.ts";
export { renderHuman, type HumanOptions } from "./report/human.ts";
export { headline } from "./report/headline.ts";
export { renderIntroduced } from "./report/introduced.ts";
export { renderJson } from "./report/json.ts";
export { plain, type Palette } from "./report/layout.ts";
export { renderMarkdown } from "./report/markdown.ts";
export { reportSeal } from "./report/reported.ts";
export { reportSchema } from "./report/schema.ts";
export { statuses, type Status } from "./report/status.ts";
export { parseJson, type JsonProblem, type JsonResult } from "./json.ts";
export { toPlainJson, type PlainJson } from "./jsonc.ts";
export { parseToml, type TomlTable } from "./toml.ts";
export { readLockfile } from "./lockfile/read-lockfile.ts";
export { demandedLevel, rulesFor } from "./policy/demand.ts";
export { createSigstoreVerifier } from "./verify/sigstore-bundle-verifier.ts";
export { foldOutcome, verifyAttestations, type AttestationContext } from "./verify/attestations.ts";
export { keyHintOf } from "./verify/bundle-reader.ts";
export type { Target } from "./verify/statement.ts";
export { SignerError } from "./seal/signer-error.ts";
export * from "./seal/kms-failure.ts";
export * from "./seal/kms-signature.ts";
export * from "./seal/claim.ts";
export { boundedBody } from "./bounded-body.ts";
export { untilAborted } from "./until-aborted.ts";
export { compareSets, type SetChanges } from "./seal/changes.ts";
export { compareResources, type ResourceChanges } from "./seal/resource-changes.ts";
export { judgeSeals, type JudgementContext } from "./seal/judge-seals.ts";
export { policyDigest } from "./seal/policy-digest.ts";
export {
  readSealDocument,
  sealFileBytes,
  formatSealDocument,
  type SealDocument,
} from "./seal/seal-document.ts";
export { verifySealSignature, type SealTrust } from "./seal/seal-signature.ts";
export { closureBytes, sealedBytes, sealSubject } from "./seal/sealed-bytes.ts";
export * from "./seal/signer.ts";
export { decodeSealStatement, encodeSealStatement } from "./seal/statement.ts";
export * from "./seal/trust-root.ts";
export * from "./seal/verdict.ts";
export { verifySeal, type SealContext } from "./seal/verify-seal.ts";
export { pae } from "./seal/dsse.ts";
export * from "./seal/seal-key.ts";
export type { PublicKeyAlgorithm, PublicSealKey, SealKeyResult } from "./seal/public-key.ts";
export {
  formatSshPublicKey,
  parseSshPublicKey,
  readSshKey,
  sshFingerprint,
  sshKeyBlob,
} from "./seal/ssh-key.ts";
export * from "./seal/sshsig.ts";
export { repositoryAddress } from "./seal/repository-address.ts";
export { formatSigstoreBundle } from "./verify/bundle-json.ts";
export { trustLimits, type RootDocument, type TrustProblem } from "./seal/root-document.ts";
export { formatRootDocument, readRootDocument } from "./seal/root-document.ts";
export * from "./seal/root-metadata.ts";
export * from "./seal/follow-trust.ts";
export * from "./seal/edit-root.ts";
export * from "./seal/sign-root.ts";
export { formatAllowedSigners, readAllowedSigners } from "./seal/allowed-signers.ts";
export { SshReader, sshString, sshUint32 } from "./seal/ssh-wire.ts";
