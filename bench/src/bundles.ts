import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import {
  createSigstoreVerifier,
  defaultBudget,
  readAttestationDocument,
  readRegistryKeys,
} from "@countersign/core";
import { median, printTable, type Row } from "./table.ts";

const rounds = 25;
const runs = 20;

const directory =
  process.env["COUNTERSIGN_VECTORS"] ?? resolve(import.meta.dirname, "../../../shared/vectors");
const read = (...parts: string[]): string => readFileSync(resolve(directory, ...parts), "utf8");

/** What a kind of bundle cannot be verified without: signatures by keys that are known, nothing else. */
const kinds = [
  {
    name: "npm provenance",
    file: "npm/attestations/artifact-keeper--sigstore-5.0.0.json",
    index: 1,
    p384: 1,
    p256: 4,
  },
  {
    name: "npm publish (keyed)",
    file: "npm/attestations/artifact-keeper--sigstore-5.0.0.json",
    index: 0,
    p384: 0,
    p256: 3,
  },
  {
    name: "PEP 740",
    file: "pypi/artifact-keeper-artifact-keeper--pypi-sigstore-4.5.0-whl-provenance.json",
    index: 0,
    p384: 1,
    p256: 4,
  },
] as const;

/**
 * (d) Milliseconds to parse and verify one real bundle, by us and by the library that we build on, against the floor:
 * the bare signatures under it. In one process, in turn.
 */
export async function benchBundles(): Promise<void> {
  if (!existsSync(resolve(directory, "trust/production-trusted_root.json"))) {
    process.stdout.write(`(d) SKIPPED: no test vectors at ${directory}; set COUNTERSIGN_VECTORS\n\n`);
    return;
  }
  const rows = kinds.flatMap((kind): Row[] => {
    const text = bundleText(kind.file, kind.index);
    const [floor = Number.NaN, ...others] = timeInTurn([floorOf(kind), ours(text), library(text)]);
    const cells = others.flatMap((ms) => [`${ms.toFixed(2)} ms`, `${(ms / floor).toFixed(2)}×`]);
    return [[kind.name, `${floor.toFixed(2)} ms`, ...cells]];
  });
  const header = ["bundle", "floor", "countersign", "", "@sigstore/verify", ""];
  printTable(`(d) one bundle; median of ${rounds}`, [header, ...rows]);
}

function bundleText(file: string, index: number): string {
  const document = readAttestationDocument(read(file), defaultBudget);
  const attestation = document.state === "found" ? document.document.attestations[index] : undefined;
  if (attestation?.state !== "read") throw new Error(`${file} has no attestation ${index}`);
  return JSON.stringify(attestation.bundle);
}

function ours(text: string): () => void {
  const trusted = createSigstoreVerifier([JSON.parse(read("trust/production-trusted_root.json"))], {
    sct: 1,
    log: 1,
    time: 1,
  });
  const npm = readRegistryKeys(read("trust/npm-keys.json"), defaultBudget);
  if (trusted.state !== "available" || npm.state !== "found")
    throw new Error("the trust material cannot be read");
  const context = { keys: npm.keys, digests: [] };
  return () => {
    const result = trusted.value.verify(JSON.parse(text), context);
    if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  };
}

/** As far as it is used here. The library is core's dependency, not the benchmark's. */
type Library = {
  bundleFromJSON(value: unknown): unknown;
  TrustedRoot: { fromJSON(value: unknown): unknown };
  toTrustMaterial(root: unknown, keys: (hint: string) => unknown): unknown;
  toSignedEntity(bundle: unknown): unknown;
  Verifier: new (material: unknown) => { verify(entity: unknown): unknown };
};

/** The library on its own: none of our checks around it. */
function library(text: string): () => void {
  const require = createRequire(resolve(import.meta.dirname, "../../packages/core/package.json"));
  const names = ["@sigstore/bundle", "@sigstore/protobuf-specs", "@sigstore/verify"];
  const its = Object.assign({}, ...names.map((name) => require(name) as object)) as Library;
  const npm = readRegistryKeys(read("trust/npm-keys.json"), defaultBudget);
  const keys = new Map((npm.state === "found" ? npm.keys : []).map(({ keyid, key }) => [keyid, key]));
  const root = its.TrustedRoot.fromJSON(JSON.parse(read("trust/production-trusted_root.json")));
  const verifier = new its.Verifier(
    its.toTrustMaterial(root, (hint) => ({ publicKey: keys.get(hint), validFor: () => true })),
  );
  return () => verifier.verify(its.toSignedEntity(its.bundleFromJSON(JSON.parse(text))));
}

function floorOf({ p384, p256 }: { p384: number; p256: number }): () => void {
  const checks = [
    ...Array.from({ length: p384 }, () => signatureCheck("P-384", "sha384")),
    ...Array.from({ length: p256 }, () => signatureCheck("P-256", "sha256")),
  ];
  return () => {
    for (const check of checks) check();
  };
}

function signatureCheck(namedCurve: string, algorithm: string): () => void {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
  const message = createHash("sha512").update(namedCurve).digest();
  const signature = sign(algorithm, message, privateKey);
  return () => {
    if (!verify(algorithm, message, publicKey, signature)) throw new Error("the floor does not verify");
  };
}

/** Median milliseconds of one call of each, which take turns so that the machine's moods hit all alike. */
function timeInTurn(contestants: readonly (() => void)[]): number[] {
  const times = contestants.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, run] of contestants.entries()) {
      run();
      const start = performance.now();
      for (let count = 0; count < runs; count += 1) run();
      times[index]?.push((performance.now() - start) / runs);
    }
  }
  return times.map(median);
}
