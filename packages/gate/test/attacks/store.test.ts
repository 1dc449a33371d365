import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  githubBuild,
  mintNpmPackage,
  mintProvenance,
  writeProject,
  type PublishedPackage,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPack, importPack, packEvidence } from "../../src/evidence/packing.ts";
import { acceptableEntries, readPack, writePack, type EvidencePack } from "../../src/store/evidence-pack.ts";
import type { StoredKind } from "../../src/store/evidence-store.ts";
import { codesOf, openScene, verdictOf, type Scene } from "../scene.ts";
import { cold, expectControl, rewrite, strictPolicy } from "./attack.ts";

const lock = "package-lock.json";
let scene: Scene;
let built: PublishedPackage;
let other: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene, { npm: "provenance" }));
  built = scene.kit.npm.publish({ name: "built", provenance: true });
  other = scene.kit.npm.publish({ name: "other", provenance: true });
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [built, other] });
});
afterEach(() => scene.close());

const storePath = (): string => join(scene.environment.storeDirectory, "evidence-1.db");
function edit(change: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(storePath());
  change(database);
  database.close();
}
const setValue = (kind: StoredKind, value: string | number): void =>
  edit((database) => {
    const { changes } = database
      .prepare("UPDATE evidence SET value = ? WHERE kind = ? AND purl = 'pkg:npm/built@1.0.0'")
      .run(value, kind);
    expect(Number(changes)).toBe(1);
  });
const forged = (options: Parameters<typeof mintProvenance>[3]): string =>
  JSON.stringify({ attestations: [mintProvenance(scene.kit.sigstore, built, scene.kit.mintedAt, options)] });

describe("D36: a poisoned evidence store only ever costs", () => {
  const refused: [string, StoredKind, () => string][] = [
    ["a forged attestation", "attestations", () => forged({ defects: ["untrusted-ca"] })],
    [
      "an attestation whose signature is broken",
      "attestations",
      () => forged({ defects: ["broken-signature"] }),
    ],
    [
      "another package's attestations",
      "attestations",
      () => JSON.stringify({ attestations: other.attestations }),
    ],
    ["another package's signature", "signatures", () => JSON.stringify(other.signatures)],
    [
      "a signature by an unknown key",
      "signatures",
      () => JSON.stringify(scene.kit.npm.sign(built, { defects: ["unknown-key"] })),
    ],
    [
      "a signature over other bytes",
      "signatures",
      () => JSON.stringify(scene.kit.npm.sign(built, { defects: ["wrong-integrity"] })),
    ],
    [
      "a listing of another digest",
      "listing",
      () =>
        JSON.stringify({
          digests: [`sha512:${other.sha512}`],
          file: null,
          yanked: null,
          repository: null,
          attestations: true,
          host: null,
        }),
    ],
  ];
  it.each(refused)("%s: refused", async (_, kind, value) => {
    await expectControl(scene);
    setValue(kind, value());
    const poisoned = await scene.run();
    expect(verdictOf(poisoned, "built").outcome).toBe("refused");
    expect(poisoned).toExitWith(1);
    expect(verdictOf(poisoned, "other")).toMatchObject({ outcome: "verified", level: "provenance" });
  });

  const unreadable: [string, StoredKind, string | number][] = [
    ["no JSON", "attestations", "forged"],
    ["no JSON", "signatures", "forged"],
    ["no JSON", "listing", "forged"],
    ["__proto__ for attestations", "attestations", '{"__proto__":{"attestations":[]}}'],
    ["__proto__ for a listing", "listing", '{"__proto__":{"digests":["sha512:00"]}}'],
    ["__proto__ for a signature", "signatures", '[{"__proto__":{"keyid":"x","sig":"y"}}]'],
    ["null", "signatures", "null"],
    ["[null]", "signatures", "[null]"],
    ["a list", "listing", "[]"],
    ["deep JSON", "attestations", "[".repeat(200_000)],
    ["deep JSON", "listing", "[".repeat(200_000)],
    ["a number", "listing", 7],
    ["a huge row", "signatures", "x".repeat(20_000_000)],
    ["a huge row", "attestations", "x".repeat(20_000_000)],
  ];
  it.each(unreadable)("%s (%s): asked again, and offline not known", async (_, kind, value) => {
    await expectControl(scene);
    setValue(kind, value);
    const offline = await scene.run({ offline: true });
    if (kind === "attestations") {
      expect(verdictOf(offline, "built").level).toBe("signed");
      expect(offline).toExitWith(2);
    }
    const asked = await scene.run();
    expect(asked.report.requests).toBeGreaterThan(0);
    expect(asked).toExitWith(0);
    const warm = await scene.run();
    expect(warm.report.requests).toBe(0);
  });

  it("rows of unknown kinds, and rows moved to another package's key, earn nothing", async () => {
    await expectControl(scene);
    edit((database) => {
      database.exec(
        "UPDATE evidence SET kind = 'verdict' WHERE purl = 'pkg:npm/built@1.0.0' AND kind = 'attestations'",
      );
    });
    const offline = await scene.run({ offline: true });
    expect(offline.exitCode).not.toBe(0);
    edit((database) => {
      database.exec("DELETE FROM evidence WHERE purl = 'pkg:npm/built@1.0.0'");
      database.exec(`UPDATE evidence SET purl = 'pkg:npm/built@1.0.0', digest = 'sha512:${built.sha512}'`);
    });
    const moved = await scene.run({ offline: true });
    expect(moved).toExitWith(1);
    expect(verdictOf(moved, "built").outcome).toBe("refused");
  });

  it("a lock with evil hashes finds nothing stored for them", async () => {
    await expectControl(scene);
    const evil = mintNpmPackage({ name: "built", scripts: { install: "evil" } });
    rewrite(scene, lock, (text) => text.replace(built.integrity, evil.integrity));
    const offline = await scene.run({ offline: true });
    expect(codesOf(offline)).toEqual(["evidence/offline"]);
    expect(offline).toExitWith(2);
  });

  it("a store of looser tables, with a blob where text should be, costs requests", async () => {
    await expectControl(scene);
    edit((database) => {
      database.exec(
        "CREATE TABLE loose AS SELECT * FROM evidence; DROP TABLE evidence; ALTER TABLE loose RENAME TO evidence;",
      );
      database.exec(
        "UPDATE evidence SET value = x'fffe00', at = 'never', used = x'00' WHERE purl = 'pkg:npm/built@1.0.0'",
      );
    });
    const offline = await scene.run({ offline: true });
    expect(offline).toExitWith(2);
    const poisoned = await scene.run();
    expect(poisoned).toExitWith(0);
    expect(verdictOf(poisoned, "built")).toMatchObject({ outcome: "verified", level: "provenance" });
  });

  it("a store with other tables, triggers or a view of the same name costs a notice at most", async () => {
    await expectControl(scene);
    edit((database) => {
      database.exec(
        "DROP TABLE evidence; CREATE VIEW evidence AS SELECT 'x' AS purl, 'y' AS file, 'z' AS digest, 'r' AS registry, 'listing' AS kind, '{}' AS value, 'o' AS origin, 1 AS at, 1 AS used;",
      );
    });
    const poisoned = await scene.run();
    expect(poisoned).toExitWith(0);
    expect(verdictOf(poisoned, "built")).toMatchObject({ level: "provenance" });
  });

  it("absence is never stored: a stripped answer of today is asked for again tomorrow", async () => {
    scene.kit.npm.setAttestations("built", "1.0.0", null);
    expect(await scene.run()).toExitWith(1);
    scene.kit.npm.setAttestations("built", "1.0.0", built.attestations);
    await expectControl(scene);
  });
});

describe("a poisoned evidence pack only ever causes a refusal or a gap", () => {
  async function pack(): Promise<EvidencePack> {
    const verification = await expectControl(scene);
    const [file] = verification.lockfiles;
    if (file === undefined) throw new Error("no lockfile");
    return await packEvidence(file, scene.environment);
  }
  /** What it would be taken for on a machine without a network: only the sigstore root is there. */
  const check = (tampered: EvidencePack, vouchedFor: boolean): ReturnType<typeof checkPack> =>
    checkPack(tampered, vouchedFor, scene.request, scene.environment);
  const change = (from: EvidencePack, kind: StoredKind, value: string): EvidencePack => ({
    ...from,
    entries: from.entries.map((entry) =>
      entry.kind === kind && entry.key.purl.includes("built") ? { ...entry, value } : entry,
    ),
  });

  it("the pack as it was made passes without a network", async () => {
    const made = await pack();
    const read = readPack("pack", writePack(made));
    if (!read.ok) throw new Error(read.finding.why);
    const offline = await check(read.pack, true);
    expect(offline.report.requests).toBe(0);
    expect(offline).toExitWith(0);
  });

  const tamperings: [string, StoredKind, () => string][] = [
    [
      "attestations of another package",
      "attestations",
      () => JSON.stringify({ attestations: other.attestations }),
    ],
    ["a forged attestation", "attestations", () => forged({ defects: ["broken-signature"] })],
    ["another package's signature", "signatures", () => JSON.stringify(other.signatures)],
    ["no JSON", "attestations", () => "x"],
  ];
  it.each(tamperings)("%s", async (_, kind, value) => {
    const tampered = change(await pack(), kind, value());
    for (const vouchedFor of [false, true]) {
      const offline = await check(tampered, vouchedFor);
      expect(offline.exitCode).not.toBe(0);
      expect(verdictOf(offline, "built")).not.toMatchObject({ outcome: "verified", level: "provenance" });
    }
  });

  it("a listing or a time that nobody vouched for is left out", async () => {
    const evil = mintNpmPackage({ name: "built", scripts: { install: "evil" } });
    const made = await pack();
    scene.policy(strictPolicy(scene, { npm: "locked" }));
    // An evil hash in the lock, and a pack that lists it: the one way to `locked` without the registry.
    rewrite(scene, lock, (text) => text.replace(built.integrity, evil.integrity));
    const key = {
      purl: "pkg:npm/built@1.0.0",
      file: "",
      digest: `sha512:${evil.sha512}`,
      registry: scene.kit.npm.url,
    };
    const listing = JSON.stringify({
      digests: [key.digest],
      file: null,
      yanked: null,
      repository: null,
      attestations: false,
      host: null,
    });
    const tampered: EvidencePack = {
      ...made,
      entries: [
        ...made.entries,
        { key, kind: "listing", value: listing, origin: scene.kit.npm.url, at: 1 },
        { key, kind: "published", value: "1", origin: scene.kit.npm.url, at: 1 },
      ],
    };
    expect(acceptableEntries(tampered, false).map(({ kind }) => kind)).not.toContain("listing");
    expect(acceptableEntries(tampered, false).map(({ kind }) => kind)).not.toContain("published");
    const offline = await check(tampered, false);
    expect(verdictOf(offline, "built")).toMatchObject({ level: "unlocked" });
    expect(offline).toExitWith(2);
    // Imported too, it changes nothing for a run with a network: the registry is asked.
    const environment = { ...scene.environment, ...cold(scene) };
    await importPack(tampered, false, environment);
    const online = await scene.run({}, environment);
    expect(codesOf(online)).toEqual(["attestation/digest-mismatch", "listing/mismatch", "signature/invalid"]);
    expect(online).toExitWith(1);
  });

  it("a self-made attestation brings no trust of its own", async () => {
    const made = await pack();
    const tampered = change(
      made,
      "attestations",
      forged({ defects: ["untrusted-ca", "foreign-log", "foreign-sct"], build: githubBuild() }),
    );
    const offline = await check(tampered, true);
    expect(offline).toExitWith(1);
    expect(verdictOf(offline, "built").outcome).toBe("refused");
  });

  it("a pack with further kinds, shapes or bombs is refused whole", async () => {
    const made = writePack(await pack());
    const json = JSON.parse(gunzipSync(made).toString()) as { entries: unknown[][] };
    const repack = (change: (document: typeof json) => unknown): Uint8Array =>
      gzipSync(JSON.stringify(change(structuredClone(json))));
    const [first = []] = json.entries;
    const bad: Uint8Array[] = [
      Buffer.from("no gzip"),
      made.subarray(0, made.length / 2),
      gzipSync("[".repeat(100_000)),
      gzipSync("null"),
      repack((document) => ({ ...document, schema: "countersign/evidence-pack/2" })),
      repack((document) => ({ ...document, entries: [...document.entries, first.with(4, "verdict")] })),
      repack((document) => ({ ...document, entries: [...document.entries, first.with(4, "__proto__")] })),
      repack((document) => ({ ...document, entries: [null] })),
      repack((document) => ({ ...document, entries: [...document.entries, [...first, "more"]] })),
      repack((document) => ({ ...document, entries: { length: 1 } })),
      repack((document) => ({ ...document, lockfile: null })),
      Buffer.from(gzipSync(JSON.stringify(json).replace('"schema"', '"schema":"x","schema"'))),
    ];
    for (const bytes of bad)
      expect(readPack("pack", bytes)).toMatchObject({
        ok: false,
        finding: { code: "evidence/pack-malformed", effect: "block" },
      });
  });

  it("a pack of another project offers nothing for this lock", async () => {
    const made = await pack();
    const third = scene.kit.npm.publish({ name: "third", provenance: true });
    rmSync(join(scene.directory, lock));
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [third] });
    const offline = await check(made, true);
    expect(offline).toExitWith(2);
    expect(codesOf(offline)).toEqual(["evidence/offline"]);
  });
});
