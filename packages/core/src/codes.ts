/**
 * What kind of news a code brings. `refused`: something contradicts or cannot be trusted, blocks whatever the
 * level required. `unverified`: evidence honestly absent. `unknown`: evidence could not be had. `note`: worth
 * knowing, never blocks by itself.
 */
export type CodeKind = "refused" | "unverified" | "unknown" | "note";

/**
 * Every code of every finding. Codes are never renamed or reused; each has a section in docs/codes.md, and a
 * test holds table, docs and uses together.
 */
export const codes = {
  // The lockfile as a document.
  "lockfile/not-found": { kind: "refused", title: "no lockfile that a supported manager would read" },
  "lockfile/unclaimed": {
    kind: "refused",
    title: "a tracked lockfile that no manager of this project reads",
  },
  "lockfile/shadowed": { kind: "refused", title: "another lockfile of the same project takes precedence" },
  "lockfile/malformed": { kind: "refused", title: "the lockfile is not well-formed in its format" },
  "lockfile/encoding": {
    kind: "refused",
    title: "the lockfile is not clean UTF-8 (BOM, NUL or invalid bytes)",
  },
  "lockfile/version-unsupported": { kind: "refused", title: "the lockfile's version is unknown or too old" },
  "lockfile/duplicate-key": {
    kind: "refused",
    title: "one key stands twice: parsers disagree on which one counts",
  },
  "lockfile/duplicate-package": { kind: "refused", title: "one package is locked twice" },
  "lockfile/conflicting-entries": { kind: "refused", title: "two entries of one artefact disagree" },
  "lockfile/entry-malformed": {
    kind: "refused",
    title: "an entry lacks or distorts a field that decides what is installed",
  },
  "lockfile/resolved-mismatch": {
    kind: "refused",
    title: "the address belongs to another package or version",
  },
  "lockfile/resolved-foreign": {
    kind: "refused",
    title: "the address lies on a host that is not the registry's",
  },
  "lockfile/bundled-with-resolved": {
    kind: "refused",
    title: "an entry claims to be bundled and carries an address or digest of its own",
  },
  "lockfile/bundled-uninspected": {
    kind: "unknown",
    title: "a bundled package was not compared with its parent's tarball",
  },
  "lockfile/bundled-missing": {
    kind: "refused",
    title: "a bundled package is not in its parent's tarball as locked",
  },
  "lockfile/link-outside": { kind: "refused", title: "a link leads outside the declared workspaces" },
  "lockfile/wheel-mismatch": {
    kind: "refused",
    title: "a file's name is not the locked project and version",
  },
  "lockfile/file-duplicate": {
    kind: "refused",
    title: "two files of one package have the same name or rank",
  },
  "lockfile/alias": { kind: "note", title: "a package is installed under another name" },
  "lockfile/unknown-field": { kind: "note", title: "a field that this reader does not know was ignored" },
  "lockfile/patched": {
    kind: "note",
    title: "the project itself changes a package after its digest was checked",
  },
  "lockfile/claim-ignored": {
    kind: "note",
    title: "a claim of the lockfile that proves nothing was ignored",
  },
  // Bounds.
  "budget/bytes": { kind: "refused", title: "the input is larger than its bound" },
  "budget/entries": { kind: "refused", title: "the input has more entries than its bound" },
  "budget/depth": { kind: "refused", title: "the input is nested deeper than its bound" },
  "budget/findings": { kind: "refused", title: "more findings than are kept" },
  // Digests in the lockfile.
  "artefact/digest-missing": { kind: "refused", title: "no digest binds the artefact" },
  "artefact/digest-weak": { kind: "refused", title: "only a broken digest (MD5, SHA-1) binds the artefact" },
  "artefact/digest-several": {
    kind: "refused",
    title: "several digests: the manager installs whichever matches",
  },
  "artefact/digest-malformed": { kind: "refused", title: "the digest cannot be one of its algorithm" },
  "artefact/cache-key-mismatch": {
    kind: "refused",
    title: "the checksum is of another cache format than the lockfile's, so Yarn ignores it",
  },
  "artefact/zip-mismatch": {
    kind: "refused",
    title: "the registry's tarball does not make the archive that is locked",
  },
  "artefact/digest-unbound": {
    kind: "unknown",
    title: "the digest is not over the registry's bytes, so no statement can name it",
  },
  // Gates.
  "lockfile/changed-during-install": {
    kind: "refused",
    title: "files changed between decision and install",
  },
  "command/uncovered": { kind: "refused", title: "a command that could fetch and that no gate covers" },
  "command/not-found": { kind: "refused", title: "what was installed has no such command" },
  "environment/preexisting": { kind: "refused", title: "an environment that no verified install made" },
  // Sources.
  "source/git": { kind: "refused", title: "a git source that the policy does not allow" },
  "source/url": { kind: "refused", title: "a direct address that the policy does not allow" },
  "source/path": { kind: "refused", title: "a local path that the policy does not allow" },
  "source/bundled": { kind: "refused", title: "a bundled package that the policy does not allow" },
  "source/registry": { kind: "refused", title: "a registry that the policy does not name" },
  "source/files-unknown": { kind: "unknown", title: "the hosts of this index's files could not be had" },
  "source/scope": { kind: "refused", title: "this name may come only from the registry that owns its scope" },
  // What the registry lists.
  "listing/mismatch": {
    kind: "refused",
    title: "the registry lists another digest for this name, version and file",
  },
  "listing/absent": { kind: "unverified", title: "the registry does not list this version or file" },
  "listing/unavailable": { kind: "unknown", title: "the registry's listing could not be had" },
  "listing/malformed": { kind: "unknown", title: "the registry's listing cannot be read" },
  "listing/yanked": { kind: "note", title: "the version or file was withdrawn by its publisher" },
  // Registry signatures.
  "signature/absent": { kind: "unverified", title: "the registry offers no signature" },
  "signature/invalid": { kind: "refused", title: "the registry signature does not match the locked digest" },
  "signature/malformed": { kind: "refused", title: "the registry signature cannot be read" },
  "signature/key-unknown": { kind: "refused", title: "no known key of this registry has that id" },
  "signature/key-expired": { kind: "refused", title: "the key was not valid when the package was published" },
  "signature/time-unknown": { kind: "unknown", title: "the key has expired and no publish time is known" },
  "signature/keys-unavailable": { kind: "unknown", title: "no keys are known for this registry" },
  // Attestations and what they say.
  "attestation/absent": { kind: "unverified", title: "no attestation is offered" },
  "attestation/unavailable": { kind: "unknown", title: "the attestations could not be had" },
  "attestation/malformed": { kind: "refused", title: "the attestation cannot be read" },
  "attestation/statement-malformed": {
    kind: "refused",
    title: "the signed payload is not an in-toto statement",
  },
  "attestation/payload-type": { kind: "refused", title: "the envelope's payload type is not in-toto" },
  "attestation/predicate-mismatch": {
    kind: "refused",
    title: "the label and the signed predicate type differ",
  },
  "attestation/predicate-unknown": {
    kind: "unverified",
    title: "the predicate type is not one that earns anything",
  },
  "attestation/subject-mismatch": {
    kind: "refused",
    title: "the statement is about another package, version or file",
  },
  "attestation/digest-mismatch": {
    kind: "refused",
    title: "the statement is about other bytes than the locked ones",
  },
  "attestation/publisher-mismatch": {
    kind: "refused",
    title: "the index's publisher is not the one in the certificate",
  },
  "attestation/key-algorithm": {
    kind: "refused",
    title: "the signing key is of an algorithm that this kind of attestation does not take",
  },
  "attestation/key-not-keyless": {
    kind: "refused",
    title: "provenance must be signed by a certificate, publish attestations by the registry's key",
  },
  "attestation/provenance-absent": { kind: "unverified", title: "attested, but by no builder" },
  // Sigstore bundles.
  "bundle/malformed": { kind: "refused", title: "the bundle cannot be read" },
  "bundle/version-unsupported": { kind: "refused", title: "the bundle's media type is unknown" },
  "bundle/encoding": { kind: "refused", title: "a field is not canonical base64" },
  "bundle/signature-invalid": { kind: "refused", title: "the signature does not verify" },
  "bundle/artefact-mismatch": { kind: "refused", title: "the bundle signs other bytes" },
  "bundle/artefact-missing": { kind: "unknown", title: "the bundle signs a file that was not given" },
  "bundle/certificate-untrusted": {
    kind: "refused",
    title: "the certificate does not chain to the sigstore root",
  },
  "bundle/certificate-time": { kind: "refused", title: "the certificate was not valid at the signing time" },
  "bundle/certificate-usage": { kind: "refused", title: "the certificate is not for code signing" },
  "bundle/sct-invalid": { kind: "refused", title: "too few valid certificate-transparency timestamps" },
  "bundle/log-missing": { kind: "refused", title: "too few transparency log entries" },
  "bundle/log-invalid": {
    kind: "refused",
    title: "a log entry's promise, proof or checkpoint does not verify",
  },
  "bundle/log-mismatch": {
    kind: "refused",
    title: "the log entry is about another signature, key or payload",
  },
  "bundle/log-untrusted": { kind: "refused", title: "the log is not in the sigstore root" },
  "bundle/time-missing": { kind: "refused", title: "too few trusted times" },
  "bundle/time-invalid": { kind: "refused", title: "a signed time does not verify" },
  "bundle/key-unknown": { kind: "refused", title: "no trusted key has the bundle's hint" },
  "bundle/key-expired": { kind: "refused", title: "the key was not valid at the signing time" },
  "bundle/key-id": { kind: "refused", title: "the envelope's key id is not the bundle's key" },
  "bundle/root-invalid": { kind: "refused", title: "the sigstore root lacks what verification needs" },
  // Identity and build level.
  "identity/mismatch": {
    kind: "refused",
    title: "built by another workflow or repository than the policy names",
  },
  "identity/issuer-unknown": {
    kind: "unverified",
    title: "the certificate's issuer is not a known build platform",
  },
  "identity/not-a-builder": { kind: "refused", title: "a person's identity is not a builder" },
  "identity/any": { kind: "note", title: "provenance of any identity: name one in the policy or pin it" },
  "slsa/below-required": {
    kind: "refused",
    title: "the reported SLSA build level is below the required one",
  },
  // Age and drift.
  "age/too-young": { kind: "unverified", title: "published more recently than the policy allows" },
  "age/unknown": { kind: "unknown", title: "no publish time is known" },
  "drift/new-package": { kind: "note", title: "not in the baseline" },
  "drift/alias": { kind: "note", title: "an alias that the baseline does not have" },
  "drift/edge": { kind: "note", title: "a dependency that the baseline does not have" },
  "drift/undecided": {
    kind: "refused",
    title: "the policy demands a drift check, and there are no pins or baseline yet",
  },
  // Seals: a seal that fails counts for nothing; what is missing then blocks.
  "seal/approval-missing": { kind: "refused", title: "too few trusted signers approved this lockfile" },
  "seal/summary-unused": { kind: "note", title: "no summary replaces the evidence, so it was checked" },
  "seal/malformed": { kind: "note", title: "a seal cannot be read" },
  "seal/signature-invalid": { kind: "note", title: "a seal's signature does not verify" },
  "seal/key-unknown": {
    kind: "note",
    title: "the trust store does not have a seal's key, or it cannot be checked here",
  },
  "seal/payload-type": { kind: "note", title: "a seal's payload type is not in-toto" },
  "seal/statement-malformed": { kind: "note", title: "a seal's payload is not a statement about a lockfile" },
  "seal/predicate-unknown": { kind: "note", title: "a seal makes another claim than approval or summary" },
  "seal/subject-mismatch": { kind: "note", title: "a seal is about another lockfile or other bytes" },
  "seal/repository-mismatch": { kind: "note", title: "a seal is of another repository" },
  "seal/ref-mismatch": { kind: "note", title: "a seal is for another ref" },
  "seal/signer-scope": { kind: "note", title: "the signer may not sign this claim, path or ref" },
  "seal/closure-changed": {
    kind: "note",
    title: "files that decide what is installed have changed since the seal",
  },
  "seal/expired": { kind: "note", title: "a seal has expired" },
  "seal/not-yet-valid": {
    kind: "note",
    title: "a seal was issued in the future, or before its signer was valid",
  },
  "seal/revoked": { kind: "note", title: "the key or signer of a seal is revoked" },
  "seal/rollback": { kind: "note", title: "a seal is older than the trusted base or the trust store allows" },
  "seal/policy-mismatch": { kind: "note", title: "a summary was made under another policy" },
  "seal/verifier-mismatch": { kind: "note", title: "a summary names another verifier than its signer's" },
  "seal/too-many": { kind: "note", title: "more seals than are read" },
  "lockfile/reformatted": {
    kind: "note",
    title: "the bytes differ from the sealed ones, and the packages do not",
  },
  "lockfile/content-changed": { kind: "note", title: "the packages differ from the sealed ones" },
  // Trust store of seal signers.
  "trust/root-unavailable": {
    kind: "refused",
    title: "the trust store cannot be had from where it is pinned",
  },
  "trust/unpinned": { kind: "refused", title: "nothing outside the checked change says whom to trust" },
  "trust/malformed": { kind: "refused", title: "a root of the trust store cannot be read" },
  "trust/threshold": { kind: "refused", title: "too few keys have signed a root of the trust store" },
  "trust/version-gap": { kind: "refused", title: "a version of the trust store is missing" },
  "trust/rollback": { kind: "refused", title: "the trust store is older than one that was seen" },
  "trust/forked": { kind: "refused", title: "two trust stores have the same version" },
  "trust/expired": { kind: "refused", title: "the trust store has expired" },
  "trust/signer-unknown": {
    kind: "note",
    title: "the policy names a signer that the trust store does not have",
  },
  // Policy.
  "policy/malformed": { kind: "refused", title: "the policy file is wrong" },
  "policy/unreadable": { kind: "refused", title: "the policy file cannot be read" },
  "policy/loosens": { kind: "refused", title: "a lower layer loosens a higher one" },
  "policy/no-rule": { kind: "refused", title: "no rule of the policy matches this package" },
  "policy/built-in": { kind: "note", title: "no policy file: the built-in policy warns" },
  "policy/exception-expired": { kind: "note", title: "an exception has expired" },
  "policy/exception-unused": { kind: "note", title: "an exception that nothing needs" },
  // Collecting evidence.
  "evidence/not-asked": { kind: "unknown", title: "not asked: nothing requires it" },
  "evidence/offline": { kind: "unknown", title: "offline, and not in the evidence store" },
  "evidence/unreachable": { kind: "unknown", title: "the server could not be reached" },
  "evidence/http-status": { kind: "unknown", title: "the server answered with an error" },
  "evidence/too-large": { kind: "unknown", title: "the answer is larger than its bound" },
  "evidence/timeout": { kind: "unknown", title: "the server did not answer in time" },
  "evidence/redirect-refused": { kind: "unknown", title: "a redirect to another host" },
  "evidence/address-refused": {
    kind: "unknown",
    title: "plain http or an address outside what the policy allows",
  },
  "evidence/source-unnamed": {
    kind: "unknown",
    title: "silence of a registry that the policy does not name proves nothing",
  },
  "evidence/malformed": { kind: "unknown", title: "the answer cannot be read" },
  "evidence/registry-offers-none": {
    kind: "note",
    title: "this registry offers no signatures or attestations",
  },
  "evidence/store-rebuilt": { kind: "note", title: "the evidence store was corrupt and has been rebuilt" },
  "evidence/store-unavailable": { kind: "note", title: "the evidence store cannot be used" },
  "evidence/pack-malformed": { kind: "refused", title: "the evidence pack cannot be read" },
  // Sigstore root.
  "root/unavailable": { kind: "unknown", title: "no sigstore root could be had" },
  "root/stale": { kind: "unknown", title: "the sigstore root is older than the policy allows" },
  "root/malformed": { kind: "refused", title: "the sigstore root file cannot be read" },
  // The manager's own configuration.
  "settings/weakens": { kind: "refused", title: "a setting turns one of the manager's own checks off" },
  "settings/credential-foreign": {
    kind: "refused",
    title: "a project file sends a credential to a host that nothing trusted names",
  },
  "settings/credential-unguarded": {
    kind: "note",
    title: "no policy says which hosts may get the credential that a project file sends",
  },
  "settings/malformed": { kind: "refused", title: "a configuration file of the manager cannot be read" },
  "settings/unread": { kind: "note", title: "a configuration file that this version does not read" },
  "settings/hook-changed": {
    kind: "refused",
    title: "a vendored hook is not the one that was recorded when it was installed",
  },
  "settings/node-unsupported": { kind: "refused", title: "this Node.js is older than verification needs" },
} as const;

/** `area/kebab-noun`. */
export type Code = keyof typeof codes;

export const isCode = (text: string): text is Code => Object.hasOwn(codes, text);
export const kindOf = (code: Code): CodeKind => codes[code].kind;
