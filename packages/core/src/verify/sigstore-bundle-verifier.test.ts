import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { describe, expect, it } from "vitest";
import { MintedLog, mintedBundle, mintKey, mintRoot } from "../../test/minted-bundle.ts";
import { agreeingVerifierOf } from "../../test/library-engine.ts";
import { npmKeys, once, rootDocument } from "../../test/trust.ts";
import { hasVectors, readVector } from "../../test/vectors.ts";
import type { Code } from "../codes.ts";
import { keyHintOf } from "./bundle-reader.ts";
import type { BundleResult } from "./bundle.ts";
import { createSigstoreVerifier } from "./sigstore-bundle-verifier.ts";

/** Loosely typed on purpose: each test breaks one place of a real document. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;
type Mutation = readonly [rule: string, code: Code, edit: (bundle: Json) => void];

const document: Json = hasVectors
  ? JSON.parse(readVector("npm", "attestations", "artifact-keeper--sigstore-5.0.0.json"))
  : null;
const publish: Json = document?.attestations[0].bundle;
const provenance: Json = document?.attestations[1].bundle;
const production = hasVectors ? agreeingVerifierOf([rootDocument("production")]) : null;

const verify = (bundle: Json, keys = npmKeys()): BundleResult =>
  (production as NonNullable<typeof production>).verify(bundle, { keys, digests: [] });
const codeOf = (result: BundleResult): Code | null => (result.ok ? null : result.code);
const edited = (bundle: Json, edit: (bundle: Json) => void): Json => {
  const copy: Json = structuredClone(bundle);
  edit(copy);
  return copy;
};
const material = (bundle: Json): Json => bundle.verificationMaterial;
const entry = (bundle: Json): Json => material(bundle).tlogEntries[0];
const flipped = (base64: string, at: number): string => {
  const bytes = Buffer.from(base64, "base64");
  bytes[at < 0 ? bytes.length + at : at] = (bytes[at < 0 ? bytes.length + at : at] as number) ^ 1;
  return bytes.toString("base64");
};
const withBytes = (base64: string, from: readonly number[], to: readonly number[]): string => {
  const bytes = Buffer.from(base64, "base64");
  const at = bytes.indexOf(Buffer.from(from));
  expect(at).toBeGreaterThan(0);
  Buffer.from(to).copy(bytes, at);
  return bytes.toString("base64");
};

const both: readonly Mutation[] = [
  [
    "media type unknown",
    "bundle/version-unsupported",
    (b) => (b.mediaType = "application/vnd.dev.sigstore.bundle.v0.9+json"),
  ],
  ["media type missing", "bundle/version-unsupported", (b) => delete b.mediaType],
  [
    "payload altered",
    "bundle/log-mismatch",
    (b) => (b.dsseEnvelope.payload = flipped(b.dsseEnvelope.payload, 40)),
  ],
  [
    "payload type altered",
    "bundle/signature-invalid",
    (b) => (b.dsseEnvelope.payloadType = "application/json"),
  ],
  [
    "signature altered",
    "bundle/log-mismatch",
    (b) => (b.dsseEnvelope.signatures[0].sig = flipped(b.dsseEnvelope.signatures[0].sig, -1)),
  ],
  [
    "D4: a second signature",
    "bundle/malformed",
    (b) => b.dsseEnvelope.signatures.push(b.dsseEnvelope.signatures[0]),
  ],
  ["no signature", "bundle/malformed", (b) => (b.dsseEnvelope.signatures = [])],
  [
    "two kinds of content",
    "bundle/malformed",
    (b) => (b.messageSignature = { messageDigest: {}, signature: "AA==" }),
  ],
  [
    "line breaks in base64",
    "bundle/encoding",
    (b) =>
      (b.dsseEnvelope.payload = `${b.dsseEnvelope.payload.slice(0, 64)}\n${b.dsseEnvelope.payload.slice(64)}`),
  ],
  [
    "base64url",
    "bundle/encoding",
    (b) =>
      (entry(b).logId.keyId = entry(b)
        .logId.keyId.replaceAll("+", "-")
        .replaceAll("/", "_")
        .replaceAll("=", "-")),
  ],
  [
    "stray bits in base64",
    "bundle/encoding",
    (b) => (entry(b).inclusionProof.rootHash = entry(b).inclusionProof.rootHash.replace(/.=$/, "B=")),
  ],
  [
    "promise altered",
    "bundle/log-invalid",
    (b) =>
      (entry(b).inclusionPromise.signedEntryTimestamp = flipped(
        entry(b).inclusionPromise.signedEntryTimestamp,
        -1,
      )),
  ],
  ["M14: proof missing", "bundle/log-invalid", (b) => delete entry(b).inclusionProof],
  [
    "M14: Merkle path altered",
    "bundle/log-invalid",
    (b) => (entry(b).inclusionProof.hashes[0] = flipped(entry(b).inclusionProof.hashes[0], 0)),
  ],
  [
    "M14: checkpoint altered",
    "bundle/log-invalid",
    (b) =>
      (entry(b).inclusionProof.checkpoint.envelope = entry(b).inclusionProof.checkpoint.envelope.replace(
        /.\n$/,
        "\n",
      )),
  ],
  ["checkpoint missing", "bundle/log-invalid", (b) => delete entry(b).inclusionProof.checkpoint],
  [
    "proof's root hash altered",
    "bundle/log-invalid",
    (b) => (entry(b).inclusionProof.rootHash = flipped(entry(b).inclusionProof.rootHash, 0)),
  ],
  ["proof's tree size altered", "bundle/log-invalid", (b) => (entry(b).inclusionProof.treeSize = "1")],
  [
    "log index altered",
    "bundle/log-invalid",
    (b) => (entry(b).logIndex = String(Number(entry(b).logIndex) + 1)),
  ],
  ["log index negative", "bundle/malformed", (b) => (entry(b).logIndex = "-1")],
  ["log index not a number", "bundle/malformed", (b) => (entry(b).logIndex = "0x10")],
  [
    "log body altered",
    "bundle/log-mismatch",
    (b) => (entry(b).canonicalizedBody = flipped(entry(b).canonicalizedBody, 0)),
  ],
  ["label of the entry altered", "bundle/log-mismatch", (b) => (entry(b).kindVersion.kind = "hashedrekord")],
  ["D16: no log entry", "bundle/log-missing", (b) => (material(b).tlogEntries = [])],
  ["D16: log entries missing", "bundle/log-missing", (b) => delete material(b).tlogEntries],
  ["the same log entry twice", "bundle/log-invalid", (b) => material(b).tlogEntries.push(entry(b))],
  ["D16: no trusted time", "bundle/time-missing", (b) => delete entry(b).inclusionPromise],
  ["time zero", "bundle/time-missing", (b) => (entry(b).integratedTime = "0")],
  [
    "timestamp that is none",
    "bundle/time-invalid",
    (b) => (material(b).timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: "MAA=" }] }),
  ],
  ["unknown log", "bundle/log-untrusted", (b) => (entry(b).logId.keyId = flipped(entry(b).logId.keyId, 5))],
  [
    "no signer",
    "bundle/malformed",
    (b) => {
      delete material(b).certificate;
      delete material(b).publicKey;
    },
  ],
  [
    "two signers",
    "bundle/malformed",
    (b) => {
      material(b).certificate = { rawBytes: "AAAA" };
      material(b).publicKey = { hint: "x" };
    },
  ],
  [
    "too many entries",
    "budget/entries",
    (b) => (material(b).tlogEntries = Array.from({ length: 17 }, () => entry(b))),
  ],
  [
    "too many hashes",
    "budget/entries",
    (b) =>
      (entry(b).inclusionProof.hashes = Array.from({ length: 65 }, () => entry(b).inclusionProof.rootHash)),
  ],
  ["material missing", "bundle/malformed", (b) => delete b.verificationMaterial],
];

/** What the library leaves to its callers: each is accepted by it alone. */
const unread: readonly Mutation[] = [
  [
    "the proof's root hash",
    "bundle/log-invalid",
    (b) => (entry(b).inclusionProof.rootHash = flipped(entry(b).inclusionProof.rootHash, 0)),
  ],
  ["the envelope's key id", "bundle/key-id", (b) => (b.dsseEnvelope.signatures[0].keyid = "SHA256:other")],
  [
    "line breaks in base64",
    "bundle/encoding",
    (b) =>
      (b.dsseEnvelope.payload = `${b.dsseEnvelope.payload.slice(0, 64)}\n${b.dsseEnvelope.payload.slice(64)}`),
  ],
];

describe.skipIf(!hasVectors)("every bundle", () => {
  it("verifies as published", () => {
    expect(verify(provenance)).toMatchObject({
      ok: true,
      value: { signer: { kind: "certificate" }, time: { source: "log" } },
    });
    expect(verify(publish)).toMatchObject({
      ok: true,
      value: { signer: { kind: "key" }, content: { payloadType: "application/vnd.in-toto+json" } },
    });
  });

  it.each(both)("provenance: %s is %s", (_rule, code, edit) => {
    expect(codeOf(verify(edited(provenance, edit)))).toBe(code);
  });
  it.each(both)("publish: %s is %s", (_rule, code, edit) => {
    expect(codeOf(verify(edited(publish, edit)))).toBe(code);
  });

  it.each([null, 1, "x", [], {}, { mediaType: {} }, JSON.parse('{"__proto__": {"mediaType": "x"}}')])(
    "is a value for %j",
    (bundle) => {
      expect(verify(bundle).ok).toBe(false);
    },
  );

  it("takes the entry of no other package", () => {
    const { attestations }: Json = JSON.parse(
      readVector("npm", "attestations", "git-agentic-pkg-registry--sigstore-3.0.0.attestations.json"),
    );
    const other: Json = attestations[1].bundle;
    expect(
      codeOf(verify(edited(provenance, (b) => (material(b).tlogEntries = material(other).tlogEntries)))),
    ).toBe("bundle/log-mismatch");
  });

  it.each(unread)("looks at %s, which the library does not", (_rule, code, edit) => {
    const bundle = edited(provenance, edit);
    const material = toTrustMaterial(TrustedRoot.fromJSON(rootDocument("production")));
    expect(() => new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle)))).not.toThrow();
    expect(codeOf(verify(bundle))).toBe(code);
  });
});

describe.skipIf(!hasVectors)("a bundle with a certificate", () => {
  const der = (bundle: Json): string => material(bundle).certificate.rawBytes;
  it.each([
    [
      "extended key usage is server authentication",
      "bundle/certificate-usage",
      [0x2b, 6, 1, 5, 5, 7, 3, 3],
      [0x2b, 6, 1, 5, 5, 7, 3, 1],
    ],
    [
      "key usage is not digitalSignature",
      "bundle/certificate-usage",
      [0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2, 7, 0x80],
      [0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2, 6, 0x40],
    ],
    [
      "an unknown extension is critical",
      "bundle/certificate-usage",
      [0x55, 0x1d, 0x0f, 1, 1, 0xff],
      [0x55, 0x1d, 0x7e, 1, 1, 0xff],
    ],
    [
      "an extension stands twice",
      "bundle/malformed",
      [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 2],
      [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 1],
    ],
    [
      "an extension's text is not a UTF8String",
      "bundle/malformed",
      [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 0x0b, 4, 0x0f, 0x0c],
      [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 0x0b, 4, 0x0f, 0x13],
    ],
  ] as const)("is refused where %s", (_rule, code, from, to) => {
    expect(
      codeOf(
        verify(edited(provenance, (b) => (material(b).certificate.rawBytes = withBytes(der(b), from, to)))),
      ),
    ).toBe(code);
  });

  it("is refused where the certificate's bytes are not what the log saw", () => {
    expect(
      codeOf(verify(edited(provenance, (b) => (material(b).certificate.rawBytes = flipped(der(b), -1))))),
    ).toBe("bundle/log-mismatch");
  });

  it.each(["", "SHA256:x"])("is refused with the key id %j unless empty", (keyid) => {
    const result = verify(edited(provenance, (b) => (b.dsseEnvelope.signatures[0].keyid = keyid)));
    expect(codeOf(result)).toBe(keyid === "" ? null : "bundle/key-id");
  });

  it.each([
    ["nothing", "", "bundle/malformed"],
    ["not a certificate", "AAAA", "bundle/malformed"],
  ] as const)("is refused where the certificate is %s", (_what, rawBytes, code) => {
    expect(codeOf(verify(edited(provenance, (b) => (material(b).certificate.rawBytes = rawBytes))))).toBe(
      code,
    );
  });

  it("is refused with a root certificate in the place of the signer's or beside it", () => {
    const root = (rootDocument("production") as Json).certificateAuthorities[1].certChain.certificates[1]
      .rawBytes;
    expect(new X509Certificate(Buffer.from(root, "base64")).ca).toBe(true);
    expect(codeOf(verify(edited(provenance, (b) => (material(b).certificate.rawBytes = root))))).toBe(
      "bundle/certificate-usage",
    );
    const chained = edited(provenance, (b) => {
      b.mediaType = "application/vnd.dev.sigstore.bundle+json;version=0.2";
      material(b).x509CertificateChain = { certificates: [material(b).certificate, { rawBytes: root }] };
      delete material(b).certificate;
    });
    expect(codeOf(verify(chained))).toBe("bundle/certificate-untrusted");
    expect(
      codeOf(verify(edited(chained, (b) => material(b).x509CertificateChain.certificates.pop()))),
    ).toBeNull();
    expect(codeOf(verify(edited(chained, (b) => (material(b).x509CertificateChain.certificates = []))))).toBe(
      "bundle/malformed",
    );
    expect(
      codeOf(verify(edited(chained, (b) => (b.mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json")))),
    ).toBe("bundle/malformed");
  });

  it("is refused on another instance's root, and accepted where both are trusted", () => {
    const context = { keys: [], digests: [] };
    const staging = agreeingVerifierOf([rootDocument("staging")]);
    expect(codeOf(staging.verify(provenance, context))).toBe("bundle/log-untrusted");
    expect(
      agreeingVerifierOf([rootDocument("staging"), rootDocument("production")]).verify(provenance, context)
        .ok,
    ).toBe(true);
  });

  it("is refused where the authority is not the root's, though its log is", () => {
    const mixed: Json = structuredClone(rootDocument("production"));
    mixed.certificateAuthorities = (rootDocument("staging") as Json).certificateAuthorities;
    expect(codeOf(agreeingVerifierOf([mixed]).verify(provenance, { keys: [], digests: [] }))).toBe(
      "bundle/certificate-untrusted",
    );
  });

  it("D16: is refused where the CT log is not the root's, or fewer logs signed than required", () => {
    const without: Json = structuredClone(rootDocument("production"));
    without.ctlogs = [];
    expect(codeOf(agreeingVerifierOf([without]).verify(provenance, { keys: [], digests: [] }))).toBe(
      "bundle/sct-invalid",
    );
    const strict = agreeingVerifierOf([rootDocument("production")], { sct: 2, log: 1, time: 1 });
    expect(codeOf(strict.verify(provenance, { keys: [], digests: [] }))).toBe("bundle/sct-invalid");
  });

  it.each([
    [{ sct: 1, log: 2, time: 1 }, "bundle/log-missing"],
    [{ sct: 1, log: 1, time: 2 }, "bundle/time-missing"],
  ] as const)("D16: is refused below the thresholds %j", (thresholds, code) => {
    expect(
      codeOf(
        agreeingVerifierOf([rootDocument("production")], thresholds).verify(provenance, {
          keys: [],
          digests: [],
        }),
      ),
    ).toBe(code);
  });
});

describe.skipIf(!hasVectors)("a bundle with a key", () => {
  const at = (bundle: Json): number => Number(entry(bundle).integratedTime) * 1000;

  it("is refused where no trusted key has its hint", () => {
    expect(keyHintOf(publish)).toBe("SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U");
    expect(codeOf(verify(publish, []))).toBe("bundle/key-unknown");
    expect(codeOf(verify(edited(publish, (b) => (material(b).publicKey.hint = ""))))).toBe(
      "bundle/key-unknown",
    );
  });

  it("takes no key that is for registry signatures only", () => {
    const keys = npmKeys().filter(({ usage }) => usage === "npm:signatures");
    expect(keys.length).toBeGreaterThan(0);
    expect(codeOf(verify(publish, keys))).toBe("bundle/key-unknown");
  });

  it("is refused under the hint of another key", () => {
    const other = npmKeys()
      .map((key) => ({ ...key, keyid: "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U" }))
      .slice(0, 2);
    expect(codeOf(verify(publish, other))).toBe("bundle/log-mismatch");
  });

  it("judges the key's validity at the log's time, ends included", () => {
    const keysFor = (validFrom: number, validTo: number | null) =>
      npmKeys().map((key) => ({ ...key, validFrom, validTo }));
    expect(codeOf(verify(publish, keysFor(at(publish), at(publish))))).toBeNull();
    expect(codeOf(verify(publish, keysFor(0, at(publish) - 1)))).toBe("bundle/key-expired");
    expect(codeOf(verify(publish, keysFor(at(publish) + 1, null)))).toBe("bundle/key-expired");
  });

  it("is refused with an envelope key id that is not its hint", () => {
    expect(
      codeOf(verify(edited(publish, (b) => (b.dsseEnvelope.signatures[0].keyid = "SHA256:other")))),
    ).toBe("bundle/key-id");
    expect(codeOf(verify(edited(publish, (b) => (b.dsseEnvelope.signatures[0].keyid = ""))))).toBeNull();
  });
});

describe("log entries of a private instance", () => {
  const log = new MintedLog("one");
  const second = new MintedLog("two");
  const signer = mintKey("k1");
  const check = (bundle: Json, thresholds = once, ...logs: MintedLog[]): Code | null =>
    codeOf(
      agreeingVerifierOf([mintRoot(...(logs.length === 0 ? [log] : logs))], thresholds).verify(bundle, {
        keys: [signer.trusted],
        digests: [],
      }),
    );

  it("verify when they repeat the bundle's key", () =>
    expect(check(mintedBundle(signer, [{ log }]))).toBeNull());

  it("are refused when logged with another key, which the library does not look at", () => {
    expect(check(mintedBundle(signer, [{ log, verifier: mintKey("k2") }]))).toBe("bundle/log-mismatch");
  });

  it("are refused when the log was not in use at that time", () => {
    expect(check(mintedBundle(signer, [{ log, at: log.end }]))).toBeNull();
    expect(check(mintedBundle(signer, [{ log, at: log.end + 1000 }]))).toBe("bundle/log-invalid");
  });

  it("D16: count once per log", () => {
    const twice = { sct: 1, log: 2, time: 2 };
    expect(check(mintedBundle(signer, [{ log }, { log: second }]), twice, log, second)).toBeNull();
    expect(check(mintedBundle(signer, [{ log }, { log, spaced: true }]), twice, log, second)).toBe(
      "bundle/log-missing",
    );
  });

  it("are all verified: a good one does not excuse a bad one", () => {
    const bundle: Json = mintedBundle(signer, [{ log }, { log: second }]);
    material(bundle).tlogEntries[1].inclusionPromise.signedEntryTimestamp = "MEUCIQ==";
    expect(check(bundle, once, log, second)).toBe("bundle/log-invalid");
  });
});

describe("thresholds and roots", () => {
  it.each([
    { sct: 0, log: 1, time: 1 },
    { sct: 1, log: 0, time: 1 },
    { sct: 1, log: 1, time: 0 },
    { sct: 1, log: 1, time: Number.NaN },
  ])("D16: %j is refused", (thresholds) => {
    expect(createSigstoreVerifier([mintRoot(new MintedLog("one"))], thresholds)).toMatchObject({
      state: "unavailable",
      code: "bundle/root-invalid",
    });
  });

  it("name themselves in the verifier's id", () => {
    const [one, two] = [mintRoot(new MintedLog("one")), mintRoot(new MintedLog("two"))];
    const ids = [
      agreeingVerifierOf([one]),
      agreeingVerifierOf([two]),
      agreeingVerifierOf([one, two]),
      agreeingVerifierOf([one], { ...once, log: 2 }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
  });
});
