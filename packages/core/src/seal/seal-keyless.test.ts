import { Buffer } from "node:buffer";
import {
  createSigningKey,
  createSigstore,
  githubBuild,
  personBuild,
  type Build,
  type Defect,
  type Sigstore,
} from "@countersign/testkit";
import { describe, expect, it } from "vitest";
import { documentOf, sealKeyPair, signedBy, signerOf, statement, trustOf } from "../../test/seal-keys.ts";
import { verifierOf } from "../../test/trust.ts";
import { sealKeyOf } from "./seal-key.ts";
import type { SealDocument } from "./seal-document.ts";
import { verifySealSignature, type SealTrust } from "./seal-signature.ts";
import type { KeylessIdentity } from "./trust-root.ts";

const at = Date.UTC(2026, 10, 1);
const sigstore = createSigstore();
const bundles = verifierOf([sigstore.trustedRoot]);
const release: KeylessIdentity = {
  issuer: "https://token.actions.githubusercontent.com",
  san: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/*",
  repositoryId: null,
  ownerId: null,
};

function minted(
  signer: Build | { key: ReturnType<typeof createSigningKey>; hint: string },
  defects: readonly Defect[] = [],
  by: Sigstore = sigstore,
): SealDocument {
  const bundle = by.mint({ content: { payload: statement }, signer, at, defects });
  const signature = Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
  return documentOf({ signature, material: { kind: "sigstore", bundle } });
}
const trusting = (...identities: readonly KeylessIdentity[]): SealTrust =>
  trustOf([signerOf("someone", [], []), signerOf("ci", [], identities)], { bundles });
const outcome = (document: SealDocument, trust: SealTrust): string => {
  const result = verifySealSignature(document, trust);
  return result.ok ? `${result.signer.id} ${result.algorithm}` : result.code;
};

describe("a keyless seal", () => {
  const document = minted(githubBuild());

  it("is by the signer whose identity the certificate has, at the log's time", () => {
    const trust = trusting(release);
    expect(verifySealSignature(document, trust)).toEqual({
      ok: true,
      signer: trust.root.signers[1],
      keyid: "",
      algorithm: "sigstore-keyless",
      trustedTime: { at, source: "log" },
    });
  });

  it("with ids that the certificate has too", () => {
    expect(outcome(document, trusting({ ...release, repositoryId: "4711001", ownerId: "4711" }))).toBe(
      "ci sigstore-keyless",
    );
  });

  it.each<[string, Partial<KeylessIdentity>]>([
    ["another issuer", { issuer: "https://gitlab.com" }],
    ["an issuer's prefix", { issuer: "https://token.actions.githubusercontent.co" }],
    ["another name", { san: release.san.replace("release.yml", "test.yml") }],
    ["a name's prefix", { san: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags" }],
    ["a pattern that would have to span two segments", { san: "https://github.com/acme/*@refs/tags/*" }],
    ["everything", { san: "*" }],
    ["another repository's id: the name was given away", { repositoryId: "1" }],
    ["another owner's id", { ownerId: "1" }],
  ])("is unknown where the trust store names %s", (_, change) => {
    expect(outcome(document, trusting({ ...release, ...change }))).toBe("seal/key-unknown");
  });

  it("is unknown where the certificate lacks the id that the trust store names", () => {
    const bare = minted(githubBuild({ extensions: { 15: null } }));
    expect(outcome(bare, trusting(release))).toBe("ci sigstore-keyless");
    expect(outcome(bare, trusting({ ...release, repositoryId: "4711001" }))).toBe("seal/key-unknown");
  });

  it("is a person's where the trust store says so", () => {
    const build = personBuild();
    const person = { issuer: build.issuer, san: build.san.value, repositoryId: null, ownerId: null };
    expect(outcome(minted(build), trusting(person))).toBe("ci sigstore-keyless");
    expect(outcome(minted(build), trusting({ ...person, san: `x${person.san}` }))).toBe("seal/key-unknown");
  });

  it("counts for nothing without a sigstore root", () => {
    expect(outcome(document, { ...trusting(release), bundles: null })).toBe("seal/key-unknown");
  });

  it("of another Sigstore counts for nothing", () => {
    expect(outcome(minted(githubBuild(), [], createSigstore()), trusting(release))).toBe(
      "seal/signature-invalid",
    );
  });

  it.each<Defect>([
    "broken-signature",
    "foreign-signature",
    "altered-payload",
    "untrusted-ca",
    "self-signed",
    "expired-certificate",
    "missing-sct",
    "no-log-entry",
    "other-log-entry",
    "foreign-log",
    "broken-proof",
    "missing-time",
  ])("with %s does not verify", (defect) => {
    expect(outcome(minted(githubBuild(), [defect]), trusting(release))).toBe("seal/signature-invalid");
  });

  it("is over the bundle's payload, not over what is shown beside it", () => {
    const other = structuredClone(document.bundle) as { dsseEnvelope: { payload: string } };
    other.dsseEnvelope.payload = Buffer.from("{}").toString("base64");
    expect(outcome({ ...document, bundle: other }, trusting(release))).toBe("seal/signature-invalid");
    const payload = Buffer.from("{}");
    expect(outcome({ ...document, payload }, trusting(release))).toBe("seal/signature-invalid");
    expect(outcome({ ...document, payloadType: "x" }, trusting(release))).toBe("seal/signature-invalid");
  });
});

describe.each(["P-256", "Ed25519"] as const)("a keyed Sigstore seal on %s", (curve) => {
  const key = createSigningKey(curve);
  const read = sealKeyOf(curve === "P-256" ? "ecdsa-p256-sha256" : "ed25519", key.publicKey);
  if (!read.ok) throw new Error(read.detail);
  const hint = read.key.keyid;
  const trust = trustOf([signerOf("alice", [read.key])], { bundles });
  const document = minted({ key, hint });

  it("has the log's time where it carries an entry that verifies", () => {
    expect(verifySealSignature(document, trust)).toMatchObject({
      ok: true,
      keyid: hint,
      algorithm: read.key.algorithm,
      trustedTime: { at, source: "log" },
    });
  });

  it("has a timestamp authority's time where it has no other", () => {
    const bundle = sigstore.mint({
      content: { payload: statement },
      signer: { key, hint },
      at,
      log: "rekor-v2",
    });
    const stamped = documentOf({ signature: new Uint8Array(), material: { kind: "sigstore", bundle } });
    expect(verifySealSignature(stamped, trust)).toMatchObject({
      ok: true,
      trustedTime: { at, source: "tsa" },
    });
  });

  it("needs no entry, and has no time without one that verifies, or without a sigstore root", () => {
    for (const [seal, by] of [
      [document, { ...trust, bundles: null }],
      [minted({ key, hint }, ["no-log-entry"]), trust],
      [minted({ key, hint }, ["foreign-log"]), trust],
      [minted({ key, hint }, ["wrong-integrated-time"]), trust],
      [minted({ key, hint }, ["other-log-verifier"]), trust],
      [minted({ key, hint }, [], createSigstore()), trust],
    ] as const)
      expect(verifySealSignature(seal, by)).toMatchObject({ ok: true, trustedTime: null });
  });

  it("does not verify by its log entry alone", () => {
    for (const defect of ["broken-signature", "foreign-signature"] as const)
      expect(outcome(minted({ key, hint }, [defect]), trust)).toBe("seal/signature-invalid");
  });

  it("cannot name a key of the trust store for a certificate's signature", () => {
    const bundle = structuredClone(minted(githubBuild()).bundle) as {
      verificationMaterial: Record<string, unknown>;
    };
    delete bundle.verificationMaterial["certificate"];
    bundle.verificationMaterial["publicKey"] = { hint };
    const swapped = documentOf({ signature: new Uint8Array(), material: { kind: "sigstore", bundle } });
    expect(outcome(swapped, trust)).toBe("seal/signature-invalid");
  });
});

it("a keyed seal written here is a bundle that needs no log", () => {
  const pair = sealKeyPair("ed25519");
  const trust = trustOf([signerOf("alice", [pair.key])], { bundles });
  expect(verifySealSignature(documentOf(signedBy(pair)), trust)).toMatchObject({
    ok: true,
    trustedTime: null,
  });
});
