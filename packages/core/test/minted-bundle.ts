import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { RegistryKey } from "../src/verify/trust.ts";

/** A signing key with the form in which a verifier trusts it. */
export type MintedKey = { hint: string; privateKey: KeyObject; publicKey: KeyObject; trusted: RegistryKey };
export type MintedEntry = { log: MintedLog; verifier?: MintedKey; at?: number; spaced?: boolean };

const logged = Date.UTC(2026, 0, 1);

/** A Rekor v1 log that promises whatever it is given. */
export class MintedLog {
  readonly end: number = Date.UTC(2026, 5, 1);
  readonly id: Buffer;
  readonly #name: string;
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  constructor(name: string) {
    this.#name = name;
    this.id = createHash("sha256").update(this.#spki()).digest();
  }

  /** The log in a trusted root. */
  describe(): unknown {
    return {
      baseUrl: `https://${this.#name}.log.example`,
      hashAlgorithm: "SHA2_256",
      publicKey: {
        rawBytes: this.#spki().toString("base64"),
        keyDetails: "PKIX_ECDSA_P256_SHA_256",
        validFor: { start: "2025-01-01T00:00:00Z", end: new Date(this.end).toISOString() },
      },
      logId: { keyId: this.id.toString("base64") },
    };
  }

  promise(body: string, at: number): unknown {
    // Members in RFC 8785 order, so that plain JSON is canonical.
    const payload = JSON.stringify({
      body,
      integratedTime: at / 1000,
      logID: this.id.toString("hex"),
      logIndex: 7,
    });
    return {
      logIndex: "7",
      logId: { keyId: this.id.toString("base64") },
      kindVersion: { kind: "dsse", version: "0.0.1" },
      integratedTime: String(at / 1000),
      inclusionPromise: {
        signedEntryTimestamp: sign("sha256", Buffer.from(payload), this.#keys.privateKey).toString("base64"),
      },
      canonicalizedBody: body,
    };
  }

  #spki(): Buffer {
    return this.#keys.publicKey.export({ type: "spki", format: "der" });
  }
}

export function mintKey(hint: string): MintedKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const trusted: RegistryKey = {
    keyid: hint,
    usage: "npm:attestations",
    key: publicKey,
    validFrom: 0,
    validTo: null,
  };
  return { hint, privateKey, publicKey, trusted };
}

export const mintRoot = (...logs: readonly MintedLog[]): unknown => ({
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  tlogs: logs.map((log) => log.describe()),
  certificateAuthorities: [],
  ctlogs: [],
  timestampAuthorities: [],
});

/** A v0.1 bundle over a statement (a string is the payload as it stands), signed with a key and promised by each log. */
export function mintedBundle(
  key: MintedKey,
  entries: readonly MintedEntry[],
  statement: unknown = {},
  payloadType = "application/vnd.in-toto+json",
): unknown {
  const payload = Buffer.from(typeof statement === "string" ? statement : JSON.stringify(statement));
  const encoded = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  const signature = sign("sha256", encoded, key.privateKey).toString("base64");
  return {
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: {
      publicKey: { hint: key.hint },
      tlogEntries: entries.map(({ log, verifier = key, at = logged, spaced = false }) => {
        const body = {
          apiVersion: "0.0.1",
          kind: "dsse",
          spec: {
            payloadHash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") },
            signatures: [
              {
                signature,
                verifier: Buffer.from(verifier.publicKey.export({ type: "spki", format: "pem" })).toString(
                  "base64",
                ),
              },
            ],
          },
        };
        return log.promise(Buffer.from(JSON.stringify(body, null, spaced ? 1 : 0)).toString("base64"), at);
      }),
    },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType,
      signatures: [{ sig: signature, keyid: key.hint }],
    },
  };
}
