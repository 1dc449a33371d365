import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { parseInstant, type Instant } from "../src/instant.ts";
import type { JsonObject } from "../src/json.ts";
import { createRoot, nextRoot, type EditResult, type NewRoot } from "../src/seal/edit-root.ts";
import { formatRootDocument } from "../src/seal/root-document.ts";
import { rootBytes, type RootMetadata } from "../src/seal/root-metadata.ts";
import { sealKeyOf } from "../src/seal/seal-key.ts";
import type { SealKey, SealSigner } from "../src/seal/trust-root.ts";

/** A key pair that can sign roots and seals. */
export type TestKey = { seal: SealKey; privateKey: KeyObject; sign(bytes: Uint8Array): Buffer };

export function makeKey(kind: "ed25519" | "p256" = "ed25519"): TestKey {
  const { privateKey } =
    kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const read = sealKeyOf(kind === "ed25519" ? "ed25519" : "ecdsa-p256-sha256", privateKey);
  if (!read.ok) throw new Error(read.detail);
  const hash = kind === "ed25519" ? null : "sha256";
  return { seal: read.key, privateKey, sign: (bytes) => sign(hash, bytes, privateKey) };
}

export const at = (text: string): Instant => {
  const instant = parseInstant(text);
  if (instant === null) throw new Error(`${text} is no instant`);
  return instant;
};
export const later: Instant = at("2030-01-01T00:00:00Z");

export const edited = (result: EditResult): RootMetadata => {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
};

export const signerOf = (id: string, ...keys: readonly TestKey[]): SealSigner => ({
  id,
  keys: keys.map(({ seal }) => seal),
  identities: [],
  predicates: ["approval"],
  paths: ["**"],
  refs: [],
  validFrom: null,
  validTo: null,
  verifierId: null,
});

export const rootOf = (keys: readonly TestKey[], more: Partial<NewRoot> = {}): RootMetadata =>
  edited(
    createRoot({
      rootKeys: keys.map(({ seal }) => seal),
      threshold: keys.length,
      expires: later,
      repository: null,
      signers: [],
      ...more,
    }),
  );

export const next = (root: RootMetadata, expires: Instant = later): RootMetadata =>
  edited(nextRoot(root, expires));

/** The file of a root, signed by these keys, whoever they are. */
export function signed({ document }: RootMetadata, ...keys: readonly TestKey[]): Buffer {
  return signedForm(document.signed, ...keys);
}

export function signedForm(form: JsonObject, ...keys: readonly TestKey[]): Buffer {
  // What has no canonical form cannot be signed; it is signed as empty, and to be refused for itself.
  const plain = JSON.parse(JSON.stringify(form)) as JsonObject;
  const bytes = rootBytes(plain) ?? new Uint8Array();
  const signatures = keys.map((key) => ({ keyid: key.seal.keyid, sig: key.sign(bytes).toString("hex") }));
  return Buffer.from(formatRootDocument({ signed: plain, signatures }));
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
