import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatDigest, type DecidedLockfile, type Finding, type LockedPackage } from "@countersign/core";
import type { Environment, VerifyRequest } from "../run.ts";
import { acceptableEntries, type EvidencePack } from "../store/evidence-pack.ts";
import { openEvidenceStore, storedKinds, type StoreEntry } from "../store/evidence-store.ts";
import { verifyProject, type Verification } from "../verify-project.ts";
import { nothingNeeded } from "./needs.ts";
import type { Origin } from "./origin.ts";
import { storeKeyOf } from "./stored.ts";

type Verified = DecidedLockfile & { origins: (pkg: LockedPackage) => Origin | null };

/** All that the store holds about one verified lockfile, as a pack. Run `verifyProject` first: it fills the store. */
export async function packEvidence(
  { set, origins }: Verified,
  environment: Environment,
): Promise<EvidencePack> {
  const store = await openEvidenceStore(environment.storeDirectory, environment.now);
  const entries: StoreEntry[] = [];
  for (const pkg of set.packages) {
    const origin = origins(pkg);
    if (origin === null) continue;
    for (const artefact of pkg.artefacts) {
      const key = storeKeyOf({ pkg, artefact, origin, needs: nothingNeeded, needsTime: () => false });
      if (key === null) continue;
      const stored = store.read(key);
      for (const kind of storedKinds) {
        const value = stored[kind];
        if (value !== undefined) entries.push({ key, kind, ...value });
      }
    }
  }
  store.close();
  const { path, digest } = set.lockfile;
  return {
    schema: "countersign/evidence-pack/1",
    lockfile: { path, digest: formatDigest(digest) },
    createdAt: environment.now,
    entries,
  };
}

/**
 * Puts a pack's evidence into the store.
 * @param vouchedFor whether the person gave the digest of this very file; else only what proves itself is taken
 * @returns how many entries were taken and how many left
 */
export async function importPack(
  pack: EvidencePack,
  vouchedFor: boolean,
  environment: Environment,
): Promise<{ taken: number; left: number; notices: readonly Finding[] }> {
  const entries = acceptableEntries(pack, vouchedFor);
  const store = await openEvidenceStore(environment.storeDirectory, environment.now);
  store.write(entries);
  store.close();
  return { taken: entries.length, left: pack.entries.length - entries.length, notices: store.notices() };
}

/** Verifies a project offline with nothing but the pack's evidence, in a store of its own that is thrown away. */
export async function checkPack(
  pack: EvidencePack,
  vouchedFor: boolean,
  request: VerifyRequest,
  environment: Environment,
): Promise<Verification> {
  const storeDirectory = mkdtempSync(join(tmpdir(), "countersign-pack-"));
  try {
    const alone = { ...environment, storeDirectory };
    await importPack(pack, vouchedFor, alone);
    return await verifyProject({ ...request, offline: true }, alone);
  } finally {
    rmSync(storeDirectory, { recursive: true, force: true });
  }
}
