import {
  Key,
  Metadata,
  MetaFile,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "@tufjs/models";
import { sign } from "node:crypto";
import { sha256 } from "../encoding/hash.ts";
import { createSigningKey, toPem } from "./key.ts";

/** A TUF repository with consistent snapshots, whose targets may change while it is served. */
export type TufRepository = {
  /** `root.json` to start a client from. */
  root: string;
  /** Adds or replaces a target and publishes new metadata. Names may have folders. */
  publish(name: string, content: string): void;
  /** From now on the metadata (root aside) expires at this time: for stale and frozen mirrors. */
  expireAt(at: number): void;
  /** What lies at a path below the repository (`timestamp.json`, `targets/…`); null: nothing. */
  read(path: string): string | null;
};

const specVersion = "1.0.31";
const day = 24 * 3600e3;

export function createTufRepository(now: number): TufRepository {
  const key = createSigningKey("P-256");
  const publicKey = {
    keyType: "ecdsa",
    scheme: "ecdsa-sha2-nistp256",
    keyVal: { public: toPem("PUBLIC KEY", key.spki) },
  };
  const keyID = sha256(Buffer.from(JSON.stringify(publicKey))).toString("hex");
  const signer = (data: Buffer): Signature =>
    new Signature({ keyID, sig: sign("sha256", data, key.privateKey).toString("hex") });

  const root = new Metadata(
    new Root({
      version: 1,
      specVersion,
      expires: new Date(now + 365 * day).toISOString(),
      consistentSnapshot: true,
    }),
  );
  for (const role of ["root", "targets", "snapshot", "timestamp"])
    root.signed.addKey(new Key({ keyID, ...publicKey }), role);
  root.sign(signer);
  const rootJson = JSON.stringify(root.toJSON());

  const contents = new Map<string, string>();
  const files = new Map<string, string>([["1.root.json", rootJson]]);
  let version = 0;
  let expires = now + 7 * day;
  let stale = true;

  const write = (): void => {
    version++;
    const validity = { version, specVersion, expires: new Date(expires).toISOString() };
    const targets = new Metadata(new Targets(validity));
    for (const [path, content] of contents) {
      const hash = sha256(Buffer.from(content)).toString("hex");
      targets.signed.addTarget(
        new TargetFile({ path, length: Buffer.byteLength(content), hashes: { sha256: hash } }),
      );
      const slash = path.lastIndexOf("/") + 1;
      files.set(`targets/${path.slice(0, slash)}${hash}.${path.slice(slash)}`, content);
    }
    targets.sign(signer);
    const snapshot = new Metadata(
      new Snapshot({ ...validity, meta: { "targets.json": metaFile(version, targets) } }),
    );
    snapshot.sign(signer);
    const timestamp = new Metadata(new Timestamp({ ...validity, snapshotMeta: metaFile(version, snapshot) }));
    timestamp.sign(signer);
    files.set(`${version}.targets.json`, JSON.stringify(targets.toJSON()));
    files.set(`${version}.snapshot.json`, JSON.stringify(snapshot.toJSON()));
    files.set("timestamp.json", JSON.stringify(timestamp.toJSON()));
    stale = false;
  };

  return {
    root: rootJson,
    publish(name, content) {
      contents.set(name, content);
      stale = true;
    },
    expireAt(at) {
      expires = at;
      stale = true;
    },
    read(path) {
      if (stale) write();
      return files.get(path) ?? null;
    },
  };
}

function metaFile(version: number, metadata: { toJSON(): unknown }): MetaFile {
  const json = Buffer.from(JSON.stringify(metadata.toJSON()));
  return new MetaFile({ version, length: json.length, hashes: { sha256: sha256(json).toString("hex") } });
}
