import { formatInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import type { TrustProblem } from "./root-document.ts";
import { readRootMetadata, type RootMetadata, type RootMetadataResult } from "./root-metadata.ts";
import { formatSealKey } from "./seal-key.ts";
import type { KeylessIdentity, Revocation, SealKey, SealSigner } from "./trust-root.ts";

/**
 * Edits of the trust store. Each takes a root and gives another one of the same version without signatures, read again
 * as any reader would, so that nothing is written that would be refused later. A problem's detail is a sentence for
 * the person who asked.
 */
export type EditResult = RootMetadataResult;

const specVersion = "1.0.31";

export type NewRoot = {
  rootKeys: readonly SealKey[];
  threshold: number;
  expires: Instant;
  /** Normalised; null: bound to no repository. */
  repository: string | null;
  signers: readonly SealSigner[];
};

/** Version 1 of a new trust store. */
export function createRoot({ rootKeys, threshold, expires, repository, signers }: NewRoot): EditResult {
  const unnamed: JsonObject = {
    _type: "root",
    spec_version: specVersion,
    consistent_snapshot: false,
    version: 1,
    expires: formatInstant(expires),
    keys: {},
    roles: {},
    signers: signers.map(signerForm),
    revoked: [],
    ...(repository === null ? {} : { repository }),
  };
  const keys = [...rootKeys, ...signers.flatMap((signer) => signer.keys)];
  return unsigned({
    ...withKeys(unnamed, keys),
    roles: rolesOf(
      rootKeys.map(({ keyid }) => keyid),
      threshold,
    ),
  });
}

/** The version after a root, as it is and unsigned. */
export function nextRoot({ document: { signed }, root }: RootMetadata, expires: Instant): EditResult {
  return unsigned({ ...signed, version: root.version + 1, expires: formatInstant(expires) });
}

/** The same version with another expiry. */
export function renewRoot({ document: { signed } }: RootMetadata, expires: Instant): EditResult {
  return unsigned({ ...signed, expires: formatInstant(expires) });
}

/** What is given of a signer; null keeps what it has, or takes the default: approvals of any lockfile on any ref. */
export type SignerEdit = {
  id: string;
  keys: readonly SealKey[];
  identities: readonly KeylessIdentity[];
} & {
  [Field in "predicates" | "paths" | "refs" | "validFrom" | "validTo" | "verifierId"]:
    | SealSigner[Field]
    | null;
};

/** Adds a signer, or gives another key, identity or scope to the one that has this id. */
export function putSigner({ document: { signed }, root }: RootMetadata, edit: SignerEdit): EditResult {
  const known = root.signers.find(({ id }) => id === edit.id);
  const held = new Set(known?.keys.map(({ keyid }) => keyid));
  const signer: SealSigner = {
    id: edit.id,
    keys: [...(known?.keys ?? []), ...edit.keys.filter(({ keyid }) => !held.has(keyid))],
    identities: [
      ...(known?.identities ?? []).filter(
        (old) => !edit.identities.some((identity) => sameIdentity(old, identity)),
      ),
      ...edit.identities,
    ],
    predicates: edit.predicates ?? known?.predicates ?? ["approval"],
    paths: edit.paths ?? known?.paths ?? ["**"],
    refs: edit.refs ?? known?.refs ?? [],
    validFrom: edit.validFrom ?? known?.validFrom ?? null,
    validTo: edit.validTo ?? known?.validTo ?? null,
    verifierId: edit.verifierId ?? known?.verifierId ?? null,
  };
  const form = signerForm(signer);
  const forms = signerForms(signed);
  const signers =
    known === undefined
      ? [...forms, form]
      : forms.map((each) => (isJsonObject(each) && jsonMember(each, "id") === edit.id ? form : each));
  return unsigned(withKeys({ ...signed, signers }, edit.keys));
}

/** Takes a signer out, with its keys where nobody else has them. What it signed counts for nothing from then on. */
export function removeSigner({ document: { signed }, root }: RootMetadata, id: string): EditResult {
  if (!root.signers.some((signer) => signer.id === id)) return noSigner(root, id);
  const signers = signerForms(signed).filter(
    (each) => !(isJsonObject(each) && jsonMember(each, "id") === id),
  );
  return unsigned(withoutUnused({ ...signed, signers }));
}

export type RootRotation = {
  add: readonly SealKey[];
  /** Key ids. */
  remove: readonly string[];
  /** null: as it is. */
  threshold: number | null;
};

/** Changes who signs the next versions. The old keys still have to sign this one. */
export function rotateRoot({ document: { signed }, root }: RootMetadata, rotation: RootRotation): EditResult {
  const { add, remove, threshold } = rotation;
  const stranger = remove.find((keyid) => !root.root.keyids.includes(keyid));
  if (stranger !== undefined)
    return refused(`${stranger} is no root key; there are ${root.root.keyids.join(", ")}`);
  const kept = root.root.keyids.filter((keyid) => !remove.includes(keyid));
  const keyids = [...new Set([...kept, ...add.map(({ keyid }) => keyid)])];
  const roles = rolesOf(keyids, threshold ?? root.root.threshold);
  return unsigned(withoutUnused({ ...withKeys(signed, add), roles }));
}

/** Revokes a key or a signer as a whole. A key stays listed, so that what it signed is known to be revoked. */
export function revoke(
  { document: { signed }, root, keys }: RootMetadata,
  revocation: Revocation,
): EditResult {
  const { keyid, signer, since, reason } = revocation;
  if (signer !== null && !root.signers.some(({ id }) => id === signer)) return noSigner(root, signer);
  if (keyid !== null && !keys.has(keyid)) return refused(`the trust store has no key ${keyid}`);
  const form = {
    ...(keyid === null ? { signer } : { keyid }),
    since: formatInstant(since),
    reason,
  };
  const twice = root.revoked.some(
    (known) =>
      known.keyid === keyid && known.signer === signer && known.since <= since && known.reason === reason,
  );
  if (twice) return refused(`${keyid ?? signer} is revoked already, as ${reason}`);
  return unsigned({ ...signed, revoked: [...listOf(signed, "revoked"), form] });
}

/** Seals of a lockfile that were issued before a moment count for nothing: the floor that stateless machines have. */
export function setNotBefore(
  { document: { signed }, root }: RootMetadata,
  path: string,
  at: Instant,
): EditResult {
  const known = root.notBefore.get(path);
  if (known !== undefined && at < known)
    return refused(
      `seals of ${path} count from ${formatInstant(known)}; an earlier moment would bring old ones back`,
    );
  const times = new Map([...root.notBefore, [path, at]]);
  const notBefore = Object.fromEntries([...times].map(([each, instant]) => [each, formatInstant(instant)]));
  return unsigned({ ...signed, notBefore });
}

const unsigned = (signed: JsonObject): EditResult => readRootMetadata({ signed, signatures: [] });

const refused = (detail: string): TrustProblem => ({ ok: false, code: "trust/malformed", detail });
const noSigner = ({ signers }: RootMetadata["root"], id: string): TrustProblem =>
  refused(`there is no signer ${id}; there are ${signers.map((signer) => signer.id).join(", ") || "none"}`);

const listOf = (signed: JsonObject, name: string): readonly unknown[] =>
  (jsonMember(signed, name) ?? []) as readonly unknown[];
const signerForms = (signed: JsonObject): readonly unknown[] => listOf(signed, "signers");

/** The fields that say something; what is not stated is the default. */
function signerForm(signer: SealSigner): JsonObject {
  const { id, keys, identities, predicates, paths, refs, validFrom, validTo, verifierId } = signer;
  return {
    id,
    ...(keys.length === 0 ? {} : { keyids: keys.map(({ keyid }) => keyid) }),
    ...(identities.length === 0 ? {} : { identities: identities.map(identityForm) }),
    predicates,
    paths,
    ...(refs.length === 0 ? {} : { refs }),
    ...(validFrom === null ? {} : { validFrom: formatInstant(validFrom) }),
    ...(validTo === null ? {} : { validTo: formatInstant(validTo) }),
    ...(verifierId === null ? {} : { verifierId }),
  };
}

const identityForm = ({ issuer, san, repositoryId, ownerId }: KeylessIdentity): JsonObject => ({
  issuer,
  san,
  ...(repositoryId === null ? {} : { repositoryId }),
  ...(ownerId === null ? {} : { ownerId }),
});

const sameIdentity = (a: KeylessIdentity, b: KeylessIdentity): boolean =>
  a.issuer === b.issuer && a.san === b.san;

const rolesOf = (keyids: readonly string[], threshold: number): JsonObject => {
  const role = { keyids, threshold };
  return { root: role, snapshot: role, targets: role, timestamp: role };
};

function withKeys(signed: JsonObject, keys: readonly SealKey[]): JsonObject {
  const forms = keys.map((key) => [key.keyid, formatSealKey(key)] as const);
  return { ...signed, keys: { ...(jsonMember(signed, "keys") as JsonObject), ...Object.fromEntries(forms) } };
}

/** Keys that no role, signer or revocation names any more go. */
function withoutUnused(signed: JsonObject): JsonObject {
  const used = new Set<unknown>(
    [...signerForms(signed), jsonMember(jsonMember(signed, "roles") as JsonObject, "root")].flatMap(
      (holder) => (isJsonObject(holder) ? listOf(holder, "keyids") : []),
    ),
  );
  for (const revocation of listOf(signed, "revoked"))
    if (isJsonObject(revocation)) used.add(jsonMember(revocation, "keyid"));
  const keys = Object.entries(jsonMember(signed, "keys") as JsonObject).filter(([keyid]) => used.has(keyid));
  return { ...signed, keys: Object.fromEntries(keys) };
}
