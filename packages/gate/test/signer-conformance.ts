import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  formatSealDocument,
  pae,
  readSealDocument,
  sealKeyOf,
  sealTypes,
  verifySealSignature,
  type BundleVerifier,
  type KeylessIdentity,
  type SealKey,
  type SealSigner,
  type SealTrust,
  type Signed,
  type Signer,
} from "@countersign/core";

/** A signer and what a trust store says of whoever signs with it. */
export type SignerScene = {
  signer: Signer;
  /** The public half, from anywhere but the signer where that can be: only then does a wrong key show. */
  half:
    | { key: SealKey; secrets?: SealTrust["secrets"] }
    | { publicKey: KeyObject }
    | { identity: KeylessIdentity; bundles: BundleVerifier };
};

/** A statement larger than what key services take undigested (4 KiB). */
const payload = Buffer.from(JSON.stringify({ _type: sealTypes.statement, filler: "x".repeat(20_000) }));
const type = sealTypes.payload;

/**
 * What any signer must do. It runs as one block of tests.
 * @param make opens the signer anew; what it needs is closed by the caller's own hooks. The signal is its context's
 * @param skip why nothing can run here; null: it can
 */
export function describeSigner(
  name: string,
  make: (signal: AbortSignal) => Promise<SignerScene>,
  skip: string | null = null,
): void {
  describe.skipIf(skip !== null)(`${name} signs as any signer${skip === null ? "" : ` (${skip})`}`, () => {
    const open = (): Promise<SignerScene> => make(new AbortController().signal);
    const signAs = ({ signer }: SignerScene, bytes: Buffer = payload): Promise<Signed> =>
      signer.sign(pae(type, bytes), { type, bytes });

    it("F7: signs the encoding itself, so that the written file verifies under the trust store's key", async () => {
      const scene = await open();
      const signed = await signAs(scene);
      const verified = verify(signed, trustOf(scene));
      expect(verified).toMatchObject({
        ok: true,
        signer: { id: "alice" },
        algorithm: scene.signer.algorithm,
      });
    });

    it("F6: its seal holds for nothing but what was signed", async () => {
      const scene = await open();
      const signed = await signAs(scene);
      const trust = trustOf(scene);
      expect(verify(signed, trust)).toMatchObject({ ok: true });
      const other = Buffer.from(payload.toString().replace("x", "y"));
      expect(verify(signed, trust, other)).toMatchObject({ ok: false });
      expect(verify(signed, trust, payload, "application/json")).toMatchObject({ ok: false });
    });

    it("F7: names the key as the trust store does", async () => {
      const scene = await open();
      const { signer, half } = scene;
      const expected = "identity" in half ? "" : keyOf(half).keyid;
      expect(await signer.keyid()).toBe(expected);
      expect(signer.name).toMatch(/^[\x20-\x7e]+$/);
      const { material } = await signAs(scene);
      if (material.kind !== "sigstore") expect(material.keyid).toBe(expected);
      expect(verify(await signAs(scene), trustOf(scene))).toMatchObject({ ok: true, keyid: expected });
    });

    it("counts for nothing under a trust store that names another key", async () => {
      const scene = await open();
      const { publicKey } = generateKeyPairSync("ed25519");
      const trust = trustOf({ ...scene, half: { publicKey } });
      expect(verify(await signAs(scene), trust)).toMatchObject({ ok: false });
    });

    it("signs twice as one signer, and each time validly", async () => {
      const scene = await open();
      const signed = [await signAs(scene), await signAs(scene)];
      const trust = trustOf(scene);
      const verified = signed.map((each) => verify(each, trust));
      expect(verified.every(({ ok }) => ok)).toBe(true);
      expect(new Set(verified.map((each) => (each.ok ? each.signer.id : ""))).size).toBe(1);
    });

    it("signs bytes as they are, whatever they are", async () => {
      const scene = await open();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      expect(verify(await signAs(scene, bytes), trustOf(scene), bytes)).toMatchObject({ ok: true });
    });

    it("refuses after an abort", async () => {
      const controller = new AbortController();
      const scene = await make(controller.signal);
      controller.abort(new Error("stopped"));
      await expect(signAs(scene)).rejects.toThrow();
    });
  });
}

/** As from the file: written, read back, and checked. */
function verify(
  signed: Signed,
  trust: SealTrust,
  bytes: Buffer = payload,
  payloadType: string = type,
): { ok: false } | { ok: true; signer: SealSigner; keyid: string } {
  const read = readSealDocument(Buffer.from(writeSeal(signed, bytes, payloadType)));
  return read.ok ? verifySealSignature(read.value, trust) : { ok: false };
}

/** A Sigstore bundle carries its own envelope: to change what it says is to change that. */
function writeSeal(signed: Signed, bytes: Buffer, payloadType: string): string {
  const text = formatSealDocument(payloadType, bytes, signed);
  if (signed.material.kind !== "sigstore") return text;
  const bundle = JSON.parse(text) as { dsseEnvelope: Record<string, unknown> };
  Object.assign(bundle.dsseEnvelope, { payload: bytes.toString("base64"), payloadType });
  return JSON.stringify(bundle);
}

function keyOf(half: Exclude<SignerScene["half"], { identity: KeylessIdentity }>): SealKey {
  if ("key" in half) return half.key;
  const algorithm = half.publicKey.asymmetricKeyType === "ed25519" ? "ed25519" : "ecdsa-p256-sha256";
  const read = sealKeyOf(algorithm, half.publicKey);
  if (!read.ok) throw new Error(read.detail);
  return read.key;
}

function trustOf({ half }: SignerScene): SealTrust {
  const signer: SealSigner = {
    id: "alice",
    keys: "identity" in half ? [] : [keyOf(half)],
    identities: "identity" in half ? [half.identity] : [],
    predicates: ["approval", "summary"],
    paths: ["**"],
    refs: [],
    validFrom: null,
    validTo: null,
    verifierId: null,
  };
  return {
    root: {
      version: 1,
      expires: Date.UTC(2100, 0, 1),
      digest: { algorithm: "sha256", hex: "00".repeat(32) },
      repository: null,
      signers: [signer],
      revoked: [],
      notBefore: new Map(),
      root: { keyids: [], threshold: 1 },
    },
    secrets: ("secrets" in half ? half.secrets : undefined) ?? new Map(),
    bundles: "bundles" in half ? half.bundles : null,
  };
}
