import {
  formatDigest,
  formatInstant,
  missingSignatures,
  type RootMetadata,
  type SealSigner,
  type TrustRoot,
} from "@countersign/core";

/** What one version of the trust store changes, a line each: what a person reads before signing it. */
export function changesOf(before: TrustRoot | null, after: TrustRoot): string[] {
  return [
    ...listChanges("signer", signersOf(before), signersOf(after)),
    ...listChanges("root key", keysOf(before), keysOf(after)),
    ...listChanges("revoked", revokedOf(before), revokedOf(after)),
    ...listChanges("seals count from", floorsOf(before), floorsOf(after)),
    ...valueChange("root threshold", before?.root.threshold.toString(), after.root.threshold.toString()),
    ...valueChange(
      "repository",
      before === null ? undefined : (before.repository ?? "any"),
      after.repository ?? "any",
    ),
    ...valueChange(
      "expires",
      before === null ? undefined : formatInstant(before.expires),
      formatInstant(after.expires),
    ),
  ];
}

export function describeSigner({
  keys,
  identities,
  predicates,
  paths,
  refs,
  validFrom,
  validTo,
  verifierId,
}: SealSigner): string {
  return [
    ...keys.map((key) => `${key.algorithm} ${key.keyid}`),
    ...identities.map(({ issuer, san, repositoryId, ownerId }) =>
      [
        `${san} of ${issuer}`,
        repositoryId && `repository id ${repositoryId}`,
        ownerId && `owner id ${ownerId}`,
      ]
        .filter((part) => part !== null && part !== "")
        .join(" "),
    ),
    `signs ${predicates.join(" and ")} of ${paths.join(" ")}`,
    ...(refs.length === 0 ? [] : [`for ${refs.join(" ")}`]),
    ...(validFrom === null ? [] : [`from ${formatInstant(validFrom)}`]),
    ...(validTo === null ? [] : [`until ${formatInstant(validTo)}`]),
    ...(verifierId === null ? [] : [`as ${verifierId}`]),
  ].join(", ");
}

/** Who still has to sign; [] when enough have. */
export function missingLines(metadata: RootMetadata, last: RootMetadata | null): string[] {
  const { complete, needs } = missingSignatures(metadata, last);
  if (complete) return [];
  return needs
    .filter(({ signed, threshold }) => signed.length < threshold)
    .map(
      ({ version, signed, threshold, missing }) =>
        `version ${version}'s root keys: ${threshold - signed.length} more of ${missing.join(" ")}`,
    );
}

export const fingerprintOf = ({ digest }: TrustRoot): string => formatDigest(digest);

type Rows = ReadonlyMap<string, string>;

const signersOf = (root: TrustRoot | null): Rows =>
  new Map((root?.signers ?? []).map((signer) => [signer.id, describeSigner(signer)]));
const keysOf = (root: TrustRoot | null): Rows =>
  new Map((root?.root.keyids ?? []).map((keyid) => [keyid, ""]));
const revokedOf = (root: TrustRoot | null): Rows =>
  new Map(
    (root?.revoked ?? []).map(({ keyid, signer, since, reason }) => [
      `${keyid ?? signer} as ${reason} since ${formatInstant(since)}`,
      "",
    ]),
  );
const floorsOf = (root: TrustRoot | null): Rows =>
  new Map([...(root?.notBefore ?? [])].map(([path, at]) => [path, formatInstant(at)]));

function listChanges(noun: string, before: Rows, after: Rows): string[] {
  const row = (sign: string, name: string, text: string): string =>
    `${sign} ${noun} ${name}${text === "" ? "" : `: ${text}`}`;
  return [
    ...[...before].filter(([name]) => !after.has(name)).map(([name, text]) => row("-", name, text)),
    ...[...after].flatMap(([name, text]) => {
      const old = before.get(name);
      if (old === undefined) return [row("+", name, text)];
      return old === text ? [] : [row("-", name, old), row("+", name, text)];
    }),
  ];
}

const valueChange = (noun: string, before: string | undefined, after: string): string[] => {
  if (before === after) return [];
  return [before === undefined ? `+ ${noun}: ${after}` : `~ ${noun}: ${before} -> ${after}`];
};
