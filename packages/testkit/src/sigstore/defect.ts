/**
 * What can be wrong with an attestation, each on its own: everything else about the bundle stays as a careful
 * attacker would leave it (a broken signature is logged as such, a foreign certificate has good SCTs).
 *
 * A defect that the kind of bundle has no place for leaves it good: those of certificates in keyed bundles, those of
 * the promise and its time in Rekor v2, `keyid-set` and `extra-signature` in PEP 740 objects.
 */
export const statementDefects = {
  "wrong-subject": "the subject names another package or file",
  "wrong-digest": "the subject has another digest of the right algorithm",
  "weak-digest": "the subject has only a sha1 digest",
  "no-subject": "the statement has no subject",
  "extra-subject": "a second subject follows the right one",
  "wrong-predicate-type": "the signed predicateType is not the one the document announces",
  "wrong-statement-type": "the _type is not an in-toto statement",
} as const;

export const bundleDefects = {
  "wrong-payload-type": "the envelope is signed with another payloadType",
  "altered-payload": "the payload was changed after signing",
  "broken-signature": "one bit of the signature is wrong",
  "foreign-signature": "another key than the certified or named one signed",
  "no-signature": "the envelope has no signature",
  "extra-signature": "a second signature by an unknown key follows",
  "keyid-set": "the envelope's keyid is not that of the key",
  "non-canonical-base64": "line breaks inside the envelope's base64",
  "missing-sct": "the certificate embeds no SCT",
  "broken-sct": "the SCT's signature is wrong",
  "foreign-sct": "the SCT comes from an unknown log",
  "other-sct": "the SCT is over another certificate",
  "expired-certificate": "the certificate ended before the log's or authority's time",
  "future-certificate": "the certificate starts after the log's or authority's time",
  "no-code-signing": "the certificate is for e-mail, not for code signing",
  "no-extended-key-usage": "the certificate has no extended key usage",
  "no-key-usage": "the certificate has no key usage",
  "untrusted-ca": "an authority of the same name and another key issued the certificate",
  "other-curve": "the certified key is on P-384 and signs over SHA-256, which PEP 740 does not take",
  "self-signed": "the leaf is certified by its own key",
  "person-email": "the certificate names a person's e-mail",
  "no-log-entry": "no log entry at all",
  "other-log-entry": "the log entry of another bundle by the same key",
  "foreign-log": "the entry is of an unknown log of the same name",
  "other-log-verifier": "the log body names another certificate or key as the verifier",
  "duplicate-log-entry": "the same entry twice",
  "broken-set": "the signed entry timestamp is wrong",
  "missing-set": "no signed entry timestamp",
  "wrong-integrated-time": "the entry's time is a day late",
  "wrong-log-index": "the entry's index is off by one",
  "broken-proof": "one hash of the inclusion proof is wrong",
  "missing-proof": "no inclusion proof",
  "wrong-root-hash": "the proof's rootHash is not the checkpoint's",
  "broken-checkpoint": "the checkpoint's signature is wrong",
  "foreign-checkpoint": "an unknown log of the same name signed the checkpoint",
  "missing-checkpoint": "the proof has no checkpoint",
  "missing-time": "neither a signed entry timestamp nor an RFC 3161 timestamp",
  "broken-timestamp": "the RFC 3161 timestamp's signature is wrong",
  "foreign-timestamp": "an unknown authority of the same name made the timestamp",
  "other-timestamp": "the timestamp is over another signature",
  "late-timestamp": "the timestamp is later than the certificate allows",
} as const;

export type StatementDefect = keyof typeof statementDefects;
export type BundleDefect = keyof typeof bundleDefects;
export type Defect = StatementDefect | BundleDefect;
