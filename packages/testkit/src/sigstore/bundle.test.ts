import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createJudge } from "../../test/sigstore-verifier.ts";
import { githubBuild, gitlabBuild, googleBuild } from "./build.ts";
import type { BundleRequest } from "./bundle.ts";
import { bundleDefects, type BundleDefect } from "./defect.ts";
import { createSigningKey, toPem } from "./key.ts";
import { createSigstore, uniteRoots } from "./sigstore.ts";

const sigstore = createSigstore();
const judge = createJudge(sigstore.trustedRoot);
const at = Date.UTC(2026, 10, 1);
const key = createSigningKey("P-256");
const keys = new Map([["SHA256:key", toPem("PUBLIC KEY", key.spki)]]);
const artefact = Buffer.from("artefact");
const payload = JSON.stringify({ _type: "https://in-toto.io/Statement/v1" });
const base: BundleRequest = { content: { payload }, signer: githubBuild(), at };

describe("a good bundle verifies", () => {
  const kinds: Record<string, BundleRequest> = {
    "dsse in Rekor v1": base,
    "dsse in Rekor v2 with a timestamp": { ...base, log: "rekor-v2" },
    "dsse in Rekor v1 with a timestamp too": { ...base, timestamp: true },
    "intoto in Rekor v1, version 0.2": { ...base, entry: "intoto", version: "0.2" },
    "version 0.1 with a promise and no proof": { ...base, version: "0.1", proof: false },
    "keyed dsse in Rekor v1": { ...base, signer: { key, hint: "SHA256:key" } },
    "keyed dsse in Rekor v2": { ...base, signer: { key, hint: "SHA256:key" }, log: "rekor-v2" },
    "message signature in Rekor v1": { ...base, content: { artefact } },
    "message signature in Rekor v2": { ...base, content: { artefact }, log: "rekor-v2" },
    "GitLab build": { ...base, signer: gitlabBuild() },
    "Google service account": { ...base, signer: googleBuild() },
    "years ago": { ...base, at: Date.UTC(2023, 5, 1) },
  };
  it.each(Object.entries(kinds))("%s", (_, request) => {
    expect(judge(sigstore.mint(request), { keys, artefact })).toBeNull();
  });

  it("also with a second root beside its own, and not with the second alone", () => {
    const other = createSigstore();
    const bundle = sigstore.mint(base);
    expect(createJudge(uniteRoots(other.trustedRoot, sigstore.trustedRoot))(bundle)).toBeNull();
    expect(createJudge(other.trustedRoot)(bundle)).toBe("CERTIFICATE_ERROR");
  });

  it("brings its intermediate up to version 0.2, never the root", () => {
    const { x509CertificateChain } = sigstore.mint({ ...base, version: "0.2" }).verificationMaterial;
    const [, intermediate, ...rest] =
      x509CertificateChain?.certificates.map(({ rawBytes }) => rawBytes) ?? [];
    expect([intermediate, rest]).toEqual([sigstore.authorities.ca.chain[0]?.toString("base64"), []]);
  });

  it("at any size of the log", () => {
    for (let count = 0; count < 40; count++) {
      expect(judge(sigstore.mint({ ...base, signer: { key, hint: "SHA256:key" } }), { keys })).toBeNull();
    }
  });
});

/** What @sigstore/verify answers in Rekor v1 and v2; null: it looks at no such thing (or the log has none). */
const answers: Record<BundleDefect, readonly [v1: string | null, v2: string | null]> = {
  "wrong-payload-type": [null, null],
  "altered-payload": ["TLOG_BODY_ERROR", "TLOG_BODY_ERROR"],
  "broken-signature": ["SIGNATURE_ERROR", "SIGNATURE_ERROR"],
  "foreign-signature": ["SIGNATURE_ERROR", "SIGNATURE_ERROR"],
  "no-signature": ["Error", "Error"],
  "extra-signature": ["Error", "Error"],
  "keyid-set": [null, null],
  "non-canonical-base64": [null, null],
  "missing-sct": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "broken-sct": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "foreign-sct": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "other-sct": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "expired-certificate": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "future-certificate": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "no-code-signing": [null, null],
  "no-extended-key-usage": [null, null],
  "no-key-usage": [null, null],
  "untrusted-ca": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "other-curve": [null, null],
  "self-signed": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
  "person-email": [null, null],
  "no-log-entry": ["TIMESTAMP_ERROR", "TLOG_ERROR"],
  "other-log-entry": ["TLOG_BODY_ERROR", "TLOG_BODY_ERROR"],
  "foreign-log": ["TLOG_INCLUSION_PROMISE_ERROR", "TLOG_INCLUSION_PROOF_ERROR"],
  "other-log-verifier": [null, null],
  "duplicate-log-entry": ["TIMESTAMP_ERROR", "TLOG_ERROR"],
  "broken-set": ["TLOG_INCLUSION_PROMISE_ERROR", null],
  "missing-set": ["TIMESTAMP_ERROR", null],
  "wrong-integrated-time": ["CERTIFICATE_ERROR", null],
  "wrong-log-index": ["TLOG_INCLUSION_PROMISE_ERROR", null],
  "broken-proof": ["TLOG_INCLUSION_PROOF_ERROR", "TLOG_INCLUSION_PROOF_ERROR"],
  "missing-proof": ["Error", "Error"],
  "wrong-root-hash": [null, null],
  "broken-checkpoint": ["TLOG_INCLUSION_PROOF_ERROR", "TLOG_INCLUSION_PROOF_ERROR"],
  "foreign-checkpoint": ["TLOG_INCLUSION_PROOF_ERROR", "TLOG_INCLUSION_PROOF_ERROR"],
  "missing-checkpoint": ["Error", "Error"],
  "missing-time": ["TIMESTAMP_ERROR", "TIMESTAMP_ERROR"],
  "broken-timestamp": ["TIMESTAMP_ERROR", "TIMESTAMP_ERROR"],
  "foreign-timestamp": ["TIMESTAMP_ERROR", "TIMESTAMP_ERROR"],
  "other-timestamp": ["TIMESTAMP_ERROR", "TIMESTAMP_ERROR"],
  "late-timestamp": ["CERTIFICATE_ERROR", "CERTIFICATE_ERROR"],
};

describe("each defect is there, and nothing else", () => {
  it.each(Object.keys(bundleDefects) as BundleDefect[])("%s", (defect) => {
    const verdicts = [
      judge(sigstore.mint({ ...base, defects: [defect] })),
      judge(sigstore.mint({ ...base, log: "rekor-v2", defects: [defect] })),
    ];
    expect(verdicts).toEqual(answers[defect]);
  });

  it.each([
    "broken-signature",
    "foreign-signature",
    "altered-payload",
    "other-log-entry",
    "no-log-entry",
    "missing-time",
  ] as const)("%s (keyed)", (defect) => {
    const request: BundleRequest = { ...base, signer: { key, hint: "SHA256:key" }, defects: [defect] };
    expect(judge(sigstore.mint(request), { keys })).not.toBeNull();
  });

  it.each(["broken-signature", "foreign-signature", "other-log-entry"] as const)(
    "%s (message signature)",
    (defect) => {
      const bundle = sigstore.mint({ ...base, content: { artefact }, defects: [defect] });
      expect(judge(bundle, { artefact })).not.toBeNull();
    },
  );

  const certificateOf = (defect: BundleDefect): X509Certificate => {
    const bundle = sigstore.mint({ ...base, defects: [defect] });
    return new X509Certificate(
      Buffer.from(bundle.verificationMaterial.certificate?.rawBytes ?? "", "base64"),
    );
  };

  it("writes the usages it says", () => {
    const good = new X509Certificate(
      Buffer.from(sigstore.mint(base).verificationMaterial.certificate?.rawBytes ?? "", "base64"),
    );
    expect(good.keyUsage).toEqual(["1.3.6.1.5.5.7.3.3"]);
    expect(good.raw.includes(Buffer.from("0603551d0f0101ff040403020780", "hex"))).toBe(true);
    expect(certificateOf("no-code-signing").keyUsage).toEqual(["1.3.6.1.5.5.7.3.4"]);
    expect(certificateOf("no-extended-key-usage").keyUsage).toBeUndefined();
    expect(certificateOf("no-key-usage").raw.includes(Buffer.from("0603551d0f", "hex"))).toBe(false);
    expect(certificateOf("person-email").subjectAltName).toBe("email:mallory@acme.example");
  });

  it("writes the labels it says", () => {
    const envelope = (defect: BundleDefect) => sigstore.mint({ ...base, defects: [defect] }).dsseEnvelope;
    expect(envelope("keyid-set")?.signatures[0]?.keyid).toBe("SHA256:attacker");
    expect(envelope("wrong-payload-type")?.payloadType).toBe("text/plain");
    expect(envelope("non-canonical-base64")?.payload).toContain("\n");
    const [entry] = sigstore.mint({ ...base, defects: ["wrong-root-hash"] }).verificationMaterial.tlogEntries;
    expect(entry?.inclusionProof?.checkpoint?.envelope).not.toContain(entry?.inclusionProof?.rootHash);
  });
});

describe("certificates", () => {
  it("chain to a P-384 root through an intermediate", () => {
    const [intermediate, root] = sigstore.authorities.ca.chain.map((der) => new X509Certificate(der));
    const leaf = new X509Certificate(
      Buffer.from(sigstore.mint(base).verificationMaterial.certificate?.rawBytes ?? "", "base64"),
    );
    expect(root?.publicKey.asymmetricKeyDetails?.namedCurve).toBe("secp384r1");
    expect(leaf.checkIssued(intermediate as X509Certificate)).toBe(true);
    expect(leaf.verify((intermediate as X509Certificate).publicKey)).toBe(true);
    expect(intermediate?.verify((root as X509Certificate).publicKey)).toBe(true);
  });

  it("carry every GitHub extension, .1–.6 raw and .8–.22 as UTF8String", () => {
    const { extensions } = githubBuild();
    expect([...extensions.keys()].toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    ]);
    const raw = Buffer.from(sigstore.mint(base).verificationMaterial.certificate?.rawBytes ?? "", "base64");
    const oid = (number: number): Buffer =>
      Buffer.from([0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, number]);
    expect(raw.includes(Buffer.concat([oid(5), Buffer.from([4, 12]), Buffer.from("acme/widgets")]))).toBe(
      true,
    );
    expect(raw.includes(Buffer.concat([oid(15), Buffer.from([4, 9, 0x0c, 7]), Buffer.from("4711001")]))).toBe(
      true,
    );
  });

  it("leave out what a build leaves out", () => {
    expect(githubBuild({ extensions: { 18: null } }).extensions.has(18)).toBe(false);
  });
});
