import { createHash, createPublicKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { agreeingVerifierOf } from "../../test/library-engine.ts";
import { rootDocument } from "../../test/trust.ts";
import { hasVectors, vectorsPath } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import { readAttestationDocument } from "../evidence/attestation-reader.ts";
import { verifyAttestations } from "./attestations.ts";
import { keyHintOf } from "./bundle-reader.ts";
import type { AttestationVerdict } from "./verdict.ts";

/** Why each case must be refused: a refusal for another reason says nothing about the rule that the case is for. */
const reasons: Readonly<Record<string, readonly [code: Code, detail: RegExp]>> = {
  "bundle-empty-certificate-chain_fail": ["bundle/malformed", /certificates is empty/],
  "bundle-from-wrong-instance_fail": ["bundle/log-untrusted", /not in the sigstore root/],
  "bundle-invalid-base64-signature_fail": ["bundle/encoding", /signature is not canonical base64/],
  "bundle-malformed-json_fail": ["attestation/malformed", /at character 4205/],
  "bundle-negative-log-index_fail": ["bundle/malformed", /logIndex is not an integer of at least 0/],
  "bundle-unknown-version_fail": ["bundle/version-unsupported", /99\.9/],
  "checkpoint-bad-keyhint_fail": ["bundle/log-invalid", /checkpoint signature/],
  "dsse-invalid-sig_fail": ["bundle/log-mismatch", /signature mismatch/],
  "dsse-mismatch-envelope_fail": ["bundle/log-mismatch", /mismatch/],
  "dsse-mismatch-sig_fail": ["bundle/log-mismatch", /signature mismatch/],
  "incorrect-public-key_fail": ["bundle/log-mismatch", /another certificate or key/],
  "integrated-time-in-future_fail": ["bundle/certificate-time", /./],
  "intoto-expired-certificate_fail": ["bundle/certificate-time", /./],
  "intoto-log-entry-mismatch_fail": ["bundle/log-mismatch", /signature mismatch/],
  "intoto-missing-inclusion-proof_fail": ["bundle/log-invalid", /no inclusion proof/],
  "intoto-set-outside-signing-cert-validity_fail": ["bundle/certificate-time", /./],
  "invalid-checkpoint-signature_fail": ["bundle/log-invalid", /checkpoint signature/],
  "invalid-inclusion-proof_fail": ["bundle/log-invalid", /inclusionProof has no checkpoint/],
  "managed-key-no-key_fail": ["bundle/key-unknown", /./],
  "message-digest-mismatch_fail": ["bundle/artefact-mismatch", /a1cfc712/],
  "rekor2-checkpoint-missing-log-signature_fail": ["bundle/log-invalid", /signatures are not a signed note/],
  "rekor2-checkpoint-missing-origin_fail": ["bundle/log-invalid", /checkpoint lacks its origin/],
  "rekor2-checkpoint-missing-root-hash_fail": [
    "bundle/log-invalid",
    /checkpoint lacks its origin, size or root hash/,
  ],
  "rekor2-checkpoint-missing-size_fail": ["bundle/log-invalid", /checkpoint lacks its origin, size/],
  "rekor2-checkpoint-no-matching-signature_fail": ["bundle/log-invalid", /checkpoint signature/],
  "rekor2-dsse-invalid-sig_fail": ["bundle/log-mismatch", /signature mismatch/],
  "rekor2-dsse-mismatch-envelope_fail": ["bundle/log-mismatch", /mismatch/],
  "rekor2-no-inclusion-proof_fail": ["bundle/log-invalid", /no inclusion proof/],
  "rekor2-no-timestamp_fail": ["bundle/time-missing", /0 of 1/],
  "rekor2-timestamp-outside-trust-root-tsa-validity_fail": ["bundle/time-invalid", /could not be verified/],
  "rekor2-timestamp-outside-tsa-cert-validity_fail": ["bundle/time-invalid", /could not be verified/],
  "rekor2-timestamp-payload-mismatch_fail": ["bundle/time-invalid", /could not be verified/],
  "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": ["bundle/time-invalid", /could not be verified/],
  "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": [
    "bundle/time-invalid",
    /could not be verified/,
  ],
  "rekor2-timestamp-with-incorrect-time_fail": ["bundle/encoding", /signedTimestamp/],
  "set-invalid-signature_fail": ["bundle/log-invalid", /inclusion promise/],
  "signature-mismatch_fail": ["bundle/log-mismatch", /signature mismatch/],
  "wrong-hashedrekord-artifact_fail": ["bundle/log-mismatch", /mismatch/],
  "wrong-hashedrekord-cert-and-sig_fail": ["bundle/log-mismatch", /another certificate or key/],
  "wrong-hashedrekord-entry_fail": ["bundle/log-mismatch", /another certificate or key/],
  "wrong-material_fail": ["bundle/artefact-mismatch", /a0cfc712/],
};

const suite = vectorsPath("conformance", "bundle-verify");
const names = hasVectors
  ? readdirSync(suite).filter((name) => existsSync(`${suite}/${name}/bundle.sigstore.json`))
  : [];
const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

describe.skipIf(!hasVectors)("sigstore conformance", () => {
  it("has a reason for every case that must fail", () => {
    expect(Object.keys(reasons).toSorted()).toEqual(names.filter((name) => name.endsWith("_fail")));
    expect(names).toHaveLength(60);
  });

  it.each(names.filter((name) => !name.endsWith("_fail")))("accepts %s", (name) => {
    const verdict = verifyCase(name, (text) => text);
    expect(verdict).toMatchObject({ outcome: "verified", code: null });
    if (existsSync(`${suite}/${name}/key.pub`)) return;
    expect(verdict.identity?.issuer).toBe(
      caseText(name, "issuer", "https://token.actions.githubusercontent.com"),
    );
    expect(verdict.identity?.san).toBe(caseText(name, "identity", beacon));
  });

  it.each(Object.entries(reasons))("refuses %s for its reason", (name, [code, detail]) => {
    const verdict = verifyCase(name, (text) => text);
    expect(verdict).toMatchObject({ outcome: "refused", code });
    expect(verdict.detail).toMatch(detail);
  });

  // The case's file breaks its timestamp over lines, which alone refuses it: the time itself must do so too.
  it("refuses rekor2-timestamp-with-incorrect-time_fail also when its base64 is repaired", () => {
    const verdict = verifyCase("rekor2-timestamp-with-incorrect-time_fail", withoutLineBreaks);
    expect(verdict).toMatchObject({ outcome: "refused", code: "bundle/certificate-time" });
  });

  it("refuses a managed key's bundle under another key", () => {
    const verdict = verifyCase("managed-key-happy-path", (text) => text, otherKey);
    expect(verdict).toMatchObject({ outcome: "refused", code: "bundle/log-mismatch" });
  });
});

const otherKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==
-----END PUBLIC KEY-----
`;

function withoutLineBreaks(text: string): string {
  const bundle = JSON.parse(text) as {
    verificationMaterial: { timestampVerificationData: { rfc3161Timestamps: { signedTimestamp: string }[] } };
  };
  for (const timestamp of bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps) {
    timestamp.signedTimestamp = timestamp.signedTimestamp.replaceAll("\n", "");
  }
  return JSON.stringify(bundle);
}

function caseText(name: string, file: string, otherwise: string): string {
  const path = `${suite}/${name}/${file}`;
  return existsSync(path) ? readFileSync(path, "utf8").trim() : otherwise;
}

function verifyCase(name: string, edit: (bundle: string) => string, pem?: string): AttestationVerdict {
  const file = (part: string): string => `${suite}/${name}/${part}`;
  const root: unknown = existsSync(file("trusted_root.json"))
    ? JSON.parse(readFileSync(file("trusted_root.json"), "utf8"))
    : rootDocument("production");
  const read = readAttestationDocument(
    edit(readFileSync(file("bundle.sigstore.json"), "utf8")),
    defaultBudget,
  );
  if (read.state !== "found") return { outcome: "refused", ...read } as unknown as AttestationVerdict;
  const [attestation] = read.document.attestations;
  const hint = attestation?.state === "read" ? keyHintOf(attestation.bundle) : null;
  const key = pem ?? (existsSync(file("key.pub")) ? readFileSync(file("key.pub"), "utf8") : null);
  const keys =
    hint === null || key === null
      ? []
      : [
          {
            keyid: hint,
            usage: "npm:attestations" as const,
            key: createPublicKey(key),
            validFrom: 0,
            validTo: null,
          },
        ];
  const target = { ecosystem: null, name: null, version: null, file: null, digests: [artefactDigest(name)] };
  const verdicts = verifyAttestations(read.document, target, {
    bundles: { state: "available", value: agreeingVerifierOf([root]) },
    keys,
  });
  return verdicts[0] as AttestationVerdict;
}

function artefactDigest(name: string): Digest {
  const own = `${suite}/${name}/artifact`;
  const bytes = readFileSync(existsSync(own) ? own : `${suite}/a.txt`);
  return { algorithm: "sha256", hex: createHash("sha256").update(bytes).digest("hex") };
}
