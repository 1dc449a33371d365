import { mkdir } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import {
  encodeSealStatement,
  formatInstant,
  formatSealDocument,
  pae,
  sameDigest,
  sha256Of,
  shellWord,
  SignerError,
  type Code,
  type Instant,
  type LockfileClaim,
  type SealKind,
  type SealSigner,
  type SealVerdict,
  type Signer,
  sealTypes,
  type TrustRoot,
} from "@countersign/core";
import { staysWithin, systemSays } from "../project/bounded-file.ts";
import { writeWhole } from "../project/whole-file.ts";
import type { PreparedSeal, Preparation } from "./prepare-seals.ts";
import { unreadable } from "./resources.ts";
import { sealsFolder } from "./seal-files.ts";

export type Sealing = {
  kind: SealKind;
  /** `--as`: id of the signer in the trust store; null: whose key it is. */
  as: string | null;
  /** `--ref`; null: the only ref that the signer may sign for, else none. */
  ref: string | null;
  now: Instant;
  /** How long a summary counts, in milliseconds. */
  lifetime: number;
};

export type SealedLockfile = { path: string; mediaType: string; verdict: SealVerdict; claim: LockfileClaim };

/** Id that summaries carry where the trust store names none for their signer. */
const verifierId = "https://countersign.dev/verifier/v1";

/**
 * Signs one claim and writes it as a file of its own, so that parallel branches never conflict. What the signer
 * returned is verified as anybody would verify it; a seal that does not count is not written.
 * @throws SignerError where the signer is not of the trust store, or may not sign this
 */
export async function sealLockfile(
  { home, root, checker }: Extract<Preparation, { state: "ready" }>,
  prepared: PreparedSeal,
  signer: Signer,
  sealing: Sealing,
): Promise<SealedLockfile> {
  const uncovered = prepared.claim.resources.find(({ digest }) => sameDigest(digest, unreadable));
  if (uncovered !== undefined) {
    throw new SignerError(
      `${uncovered.name} cannot be read as a file of the repository, so no seal would cover what is in it`,
      "replace a link or folder by the file itself",
    );
  }
  const keyid = await signer.keyid();
  const named = signerOf(root, signer, keyid, sealing.as);
  const issuedAt = Math.floor(sealing.now / 1000) * 1000;
  const claim: LockfileClaim = {
    ...prepared.claim,
    signer: { id: named.id, keyid, algorithm: signer.algorithm },
    issuedAt,
    expires: sealing.kind === "summary" ? issuedAt + sealing.lifetime : null,
    ref: refOf(named, sealing.ref),
  };
  const payload = encodeSealStatement(
    { kind: sealing.kind, subject: prepared.subject, claim },
    named.verifierId ?? verifierId,
  );
  const signed = await signer.sign(pae(sealTypes.payload, payload), {
    type: sealTypes.payload,
    bytes: payload,
  });
  const text = formatSealDocument(sealTypes.payload, payload, signed);
  const name = `${sha256Of(payload).hex}.json`;
  const path = posix.join(sealsFolder, prepared.subject.digest.hex, name);
  const seal = { path, bytes: Buffer.from(text), problem: null };
  const [verdict] = await checker.verify([seal], prepared.file, prepared.subject);
  if (verdict?.outcome !== "verified") {
    throw new SignerError(
      `the seal would count for nothing: ${verdict?.detail ?? "it does not verify"} (${verdict?.code ?? "failed"})`,
      fixOf(verdict?.code ?? null, prepared.subject.path, root),
    );
  }
  const target = join(home, path);
  try {
    await mkdir(dirname(target), { recursive: true });
    if (!(await staysWithin(dirname(target), home)))
      throw new SignerError(`${path} would be written outside the project`, "replace the link by a folder");
    await writeWhole(target, text, 0o644);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new SignerError(`${path} cannot be written: ${systemSays(error)}`, "make the directory writable");
  }
  const { mediaType } = JSON.parse(text) as { mediaType: string };
  return { path, mediaType, verdict, claim };
}

function fixOf(code: Code | null, path: string, { notBefore }: TrustRoot): string {
  const floor = notBefore.get(path);
  if (code === "seal/closure-changed" || code === "seal/subject-mismatch")
    return "something changed meanwhile: look at it, and sign again";
  if (code === "seal/rollback" && floor !== undefined)
    return `sign after ${formatInstant(floor)}: the trust store takes no older seals of ${path}, by whatever key`;
  return "correct the signer in the trust store, or sign with another key";
}

/** The signer of the trust store that a key is, or may be, of. */
export function signerOf(root: TrustRoot, signer: Signer, keyid: string, as: string | null): SealSigner {
  const keyless = signer.algorithm === "sigstore-keyless";
  const holders = root.signers.filter(({ keys, identities }) =>
    keyless ? identities.length > 0 : keys.some((key) => key.keyid === keyid),
  );
  const candidates = holders.filter(({ id }) => as === null || id === as);
  const [only, another] = candidates;
  if (only !== undefined && another === undefined) return only;
  const known = root.signers.map(({ id }) => id).join(", ") || "nobody";
  if (only === undefined) {
    const what = keyless ? "a keyless identity" : "this key";
    throw new SignerError(
      `version ${root.version} of the trust store has no signer with ${what}${as === null ? "" : ` and the id ${as}`} (it knows ${known})`,
      holders.length > 0
        ? `leave out --as: ${keyless ? "a keyless identity" : "the key"} is that of ${holders.map(({ id }) => id).join(" or ")}`
        : `countersign trust add ${as === null ? "ID" : shellWord(as)} ${keyOption(signer)}`,
    );
  }
  throw new SignerError(
    `${candidates.map(({ id }) => id).join(" and ")} could both be meant`,
    `name one: --as ${only.id}`,
  );
}

function keyOption({ algorithm }: Signer): string {
  if (algorithm === "sigstore-keyless") return "--identity issuer=URL,san=IDENTITY";
  return algorithm === "hmac-sha256" ? "--hmac VARIABLE" : "--public-key FILE";
}

function refOf({ id, refs }: SealSigner, asked: string | null): string | null {
  if (asked !== null || refs.length === 0) return asked;
  const [only, another] = refs;
  if (only !== undefined && another === undefined && !only.includes("*")) return only;
  throw new SignerError(
    `${id} may sign for several refs (${refs.join(", ")})`,
    "name one: --ref refs/heads/main",
  );
}
