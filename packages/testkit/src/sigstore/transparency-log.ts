import { canonicalJson } from "../encoding/canonical-json.ts";
import { base64, sha256 } from "../encoding/hash.ts";
import { createSigningKey, type SigningKey } from "./key.ts";
import { createMerkleTree } from "./merkle-tree.ts";

/** TransparencyLogEntry as protobuf-JSON. */
export type LogEntry = {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint?: { envelope: string };
  };
  canonicalizedBody: string;
};

/** What an entry says: written canonically, hashed into the tree. */
export type LogBody = { apiVersion: string; kind: string; spec: Record<string, unknown> };

export type TransparencyLog = {
  version: 1 | 2;
  baseUrl: string;
  /** Name in the checkpoint's signature line: the host. */
  name: string;
  key: SigningKey;
  /** Log id; for version 2 the checkpoint key id (c2sp.org/signed-note). */
  id: Buffer;
  add(body: LogBody, at: number): LogEntry;
  /** A checkpoint over the current tree, for example to sign another note of this name. */
  checkpoint(size: number, root: Uint8Array): string;
};

/** Rekor v1: ECDSA P-256, signed entry timestamps, entries of earlier shards before the tree's own. */
export function createRekorV1(baseUrl: string): TransparencyLog {
  const key = createSigningKey("P-256");
  const earlierShards = 1_000_000;
  return createLog({
    version: 1,
    baseUrl,
    key,
    id: key.id,
    origin: (host) => `${host} - 4711471147114711471`,
    earlierShards,
  });
}

/** Rekor v2 (tiles): Ed25519 checkpoints, no promise and no time. */
export function createRekorV2(baseUrl: string): TransparencyLog {
  const key = createSigningKey("Ed25519");
  const host = new URL(baseUrl).host;
  const id = sha256(Buffer.from(`${host}\n`), Buffer.from([1]), key.spki.subarray(-32));
  return createLog({ version: 2, baseUrl, key, id, origin: (name) => name, earlierShards: 0 });
}

function createLog(options: {
  version: 1 | 2;
  baseUrl: string;
  key: SigningKey;
  id: Buffer;
  origin: (host: string) => string;
  earlierShards: number;
}): TransparencyLog {
  const { version, baseUrl, key, id } = options;
  const name = new URL(baseUrl).host;
  const tree = createMerkleTree();
  // A tree of one leaf has an empty proof, which would leave the Merkle path untested.
  for (let filler = 0; filler < 5; filler++) tree.append(Buffer.from(`filler ${filler}`));

  const checkpoint = (size: number, root: Uint8Array): string => {
    const note = `${options.origin(name)}\n${size}\n${base64(root)}\n`;
    const signature = Buffer.concat([id.subarray(0, 4), key.sign(Buffer.from(note))]);
    return `${note}\n\u2014 ${name} ${base64(signature)}\n`;
  };

  return {
    version,
    baseUrl,
    name,
    key,
    id,
    checkpoint,
    add(body, at) {
      const canonical = Buffer.from(canonicalJson(body));
      const index = tree.append(canonical);
      const root = tree.root();
      const logIndex = String(index + options.earlierShards);
      const integratedTime = version === 1 ? Math.floor(at / 1000) : 0;
      return {
        logIndex,
        logId: { keyId: base64(id) },
        kindVersion: { kind: body.kind, version: body.apiVersion },
        integratedTime: String(integratedTime),
        ...(version === 1
          ? {
              inclusionPromise: {
                signedEntryTimestamp: base64(promise(key, canonical, integratedTime, logIndex, id)),
              },
            }
          : {}),
        inclusionProof: {
          logIndex: String(index),
          rootHash: base64(root),
          treeSize: String(tree.size),
          hashes: tree.proof(index).map(base64),
          checkpoint: { envelope: checkpoint(tree.size, root) },
        },
        canonicalizedBody: base64(canonical),
      };
    },
  };
}

const promise = (
  key: SigningKey,
  body: Uint8Array,
  integratedTime: number,
  logIndex: string,
  id: Buffer,
): Buffer =>
  key.sign(
    Buffer.from(
      canonicalJson({
        body: base64(body),
        integratedTime,
        logID: id.toString("hex"),
        logIndex: Number(logIndex),
      }),
    ),
  );
