import { quote } from "../evidence/document-text.ts";
import { formatInstant, parseInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import { globProblem } from "../policy/glob.ts";
import { sealKinds, type SealKind } from "./claim.ts";
import { trustLimits } from "./root-document.ts";
import type { KeylessIdentity, Revocation, SealKey, SealSigner } from "./trust-root.ts";

const mostCharacters = 1024;
const signerFields = [
  "id",
  "identities",
  "keyids",
  "paths",
  "predicates",
  "refs",
  "validFrom",
  "validTo",
  "verifierId",
];
const identityFields = ["issuer", "ownerId", "repositoryId", "san"];
const revocationFields = ["keyid", "reason", "signer", "since"];

/** A name that a policy's groups, messages and allowed_signers files can all carry without quotes. */
export const isSignerId = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/.test(text);

/**
 * Reads the custom fields of a root's signed part. Exact: a field that this version does not know might narrow what a
 * signer may do, so it is refused. The first problem is kept and reading goes on with empty values, which then go
 * nowhere.
 */
export class SignerReader {
  problem: string | null = null;
  readonly #keys: ReadonlyMap<string, SealKey>;

  constructor(keys: ReadonlyMap<string, SealKey>) {
    this.#keys = keys;
  }

  signers(value: unknown): SealSigner[] {
    const signers = this.#list(value, "signers").map((item, index) =>
      this.#signer(item, `signers[${index}]`),
    );
    const ids = new Set<string>();
    const owners = new Map<string, string>();
    for (const { id, keys } of signers) {
      if (ids.has(id)) this.#fail(`two signers have the id ${quote(id)}`);
      ids.add(id);
      for (const key of keys) {
        // Thresholds count signers: whoever is two of them could meet a threshold alone.
        const owner = owners.get(materialOf(key));
        if (owner !== undefined && owner !== id)
          this.#fail(
            `the key ${key.keyid} belongs to both ${owner} and ${id}, so one person would count twice`,
          );
        owners.set(materialOf(key), id);
      }
    }
    return signers;
  }

  revocations(value: unknown): Revocation[] {
    return this.#list(value, "revoked").map((item, index) => {
      const at = `revoked[${index}]`;
      const object = this.#object(item, at, revocationFields);
      const keyid = this.#optional(object, "keyid", (given) => this.#text(given, `${at}.keyid`));
      const signer = this.#optional(object, "signer", (given) => this.#text(given, `${at}.signer`));
      if ((keyid === null) === (signer === null))
        this.#fail(`${at} names not exactly one of keyid and signer`);
      const reason = jsonMember(object, "reason");
      if (reason !== "superseded" && reason !== "compromised")
        this.#fail(`${at}.reason is ${quote(reason)}; write "superseded" or "compromised"`);
      return {
        keyid,
        signer,
        since: this.#instant(jsonMember(object, "since"), `${at}.since`),
        reason: reason === "superseded" ? reason : "compromised",
      };
    });
  }

  /** By lockfile path. */
  notBefore(value: unknown): Map<string, Instant> {
    const times = new Map<string, Instant>();
    if (value === undefined) return times;
    if (!isJsonObject(value)) this.#fail(`notBefore is ${quote(value)}, not an object`);
    const paths = isJsonObject(value) ? Object.keys(value) : [];
    if (paths.length > trustLimits.entries)
      this.#fail(`notBefore has more than ${trustLimits.entries} paths`);
    for (const path of paths.slice(0, trustLimits.entries)) {
      if (!isLockPath(path))
        this.#fail(`the lockfile ${quote(path)} is no path in the repository with / between its parts`);
      times.set(path, this.#instant((value as JsonObject)[path], `notBefore[${quote(path)}]`));
    }
    return times;
  }

  #signer(value: unknown, place: string): SealSigner {
    const object = this.#object(value, place, signerFields);
    const id = this.#text(jsonMember(object, "id"), `${place}.id`);
    if (!isSignerId(id)) this.#fail(`${quote(id)} is no id of a signer; write letters, digits and . _ @ + -`);
    const at = `signer ${id}`;
    const keyids = this.#texts(jsonMember(object, "keyids") ?? [], `${at}: keyids`);
    const keys = keyids.flatMap((keyid) => {
      const key = this.#keys.get(keyid);
      if (key === undefined) this.#fail(`${at}: keyids has ${quote(keyid)}, which is not among keys`);
      return key === undefined ? [] : [key];
    });
    const identities = this.#list(jsonMember(object, "identities"), `${at}: identities`).map((item, index) =>
      this.#identity(item, `${at}: identity ${index + 1}`),
    );
    if (keys.length === 0 && identities.length === 0) this.#fail(`${at} has neither key nor identity`);
    const validFrom = this.#optional(object, "validFrom", (given) =>
      this.#instant(given, `${at}: validFrom`),
    );
    const validTo = this.#optional(object, "validTo", (given) => this.#instant(given, `${at}: validTo`));
    if (validFrom !== null && validTo !== null && validTo <= validFrom)
      this.#fail(
        `${at} is valid from ${formatInstant(validFrom)} to ${formatInstant(validTo)}, which is not later`,
      );
    return {
      id,
      keys,
      identities,
      predicates: this.#predicates(jsonMember(object, "predicates"), `${at}: predicates`),
      paths: this.#globs(jsonMember(object, "paths"), `${at}: paths`, false),
      refs: this.#globs(jsonMember(object, "refs") ?? [], `${at}: refs`, true),
      validFrom,
      validTo,
      verifierId: this.#optional(object, "verifierId", (given) => this.#text(given, `${at}: verifierId`)),
    };
  }

  #identity(value: unknown, at: string): KeylessIdentity {
    const object = this.#object(value, at, identityFields);
    const issuer = this.#text(jsonMember(object, "issuer"), `${at}: issuer`);
    const san = this.#text(jsonMember(object, "san"), `${at}: san`);
    if (!/^https?:\/\/[^\s*]+$/.test(issuer)) this.#fail(`${at}: issuer is ${quote(issuer)}, not an address`);
    if (!/[^*/:.@]/.test(san)) this.#fail(`${at}: san is ${quote(san)}, which would be anybody`);
    return {
      issuer,
      san,
      repositoryId: this.#optional(object, "repositoryId", (given) =>
        this.#text(given, `${at}: repositoryId`),
      ),
      ownerId: this.#optional(object, "ownerId", (given) => this.#text(given, `${at}: ownerId`)),
    };
  }

  #predicates(value: unknown, at: string): SealKind[] {
    const given = this.#texts(value, at);
    const wrong = given.find((text) => !sealKinds.some((kind) => kind === text));
    if (wrong !== undefined) this.#fail(`${at} has ${quote(wrong)}; write ${sealKinds.join(" or ")}`);
    if (given.length === 0) this.#fail(`${at} is empty, so the signer could sign nothing`);
    return sealKinds.filter((kind) => given.includes(kind));
  }

  #globs(value: unknown, at: string, mayBeEmpty: boolean): string[] {
    const globs = this.#texts(value, at);
    if (globs.length === 0) {
      if (!mayBeEmpty) this.#fail(`${at} is empty, so the signer could sign nothing; write ["**"]`);
      return globs;
    }
    const problem = globProblem(globs);
    if (problem !== null) this.#fail(`${at}: ${problem}`);
    return globs;
  }

  #object(value: unknown, at: string, fields: readonly string[]): JsonObject {
    if (!isJsonObject(value)) {
      this.#fail(`${at} is ${quote(value)}, not an object`);
      return {};
    }
    const unknown = Object.keys(value).find((name) => !fields.includes(name));
    if (unknown !== undefined)
      this.#fail(`${at} has the field ${quote(unknown)}, which this version does not know`);
    return value;
  }

  #list(value: unknown, at: string): readonly unknown[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length > trustLimits.entries) {
      this.#fail(`${at} is ${quote(value)}, not a list of at most ${trustLimits.entries}`);
      return [];
    }
    return value as readonly unknown[];
  }

  #texts(value: unknown, at: string): string[] {
    if (value === undefined) {
      this.#fail(`${at} is missing`);
      return [];
    }
    const texts = this.#list(value, at).map((item, index) => this.#text(item, `${at}[${index}]`));
    if (new Set(texts).size !== texts.length) this.#fail(`${at} has one entry twice`);
    return texts;
  }

  #text(value: unknown, at: string): string {
    if (typeof value === "string" && value !== "" && value.length <= mostCharacters) return value;
    this.#fail(`${at} is ${quote(value)}, not a text of at most ${mostCharacters} characters`);
    return "";
  }

  #instant(value: unknown, at: string): Instant {
    const instant = typeof value === "string" ? parseInstant(value) : null;
    if (instant === null)
      this.#fail(`${at} is ${quote(value)}, not a date-time such as 2027-06-30T00:00:00Z`);
    return instant ?? 0;
  }

  #optional<T>(object: JsonObject, name: string, read: (value: unknown) => T): T | null {
    const value = jsonMember(object, name);
    return value === undefined || value === null ? null : read(value);
  }

  #fail(problem: string): void {
    this.problem ??= problem;
  }
}

/** What makes two keys the same key, under whatever id or algorithm name. */
export function materialOf(key: SealKey): string {
  return key.algorithm === "hmac-sha256"
    ? `hmac ${key.keyid}`
    : `${key.key.export({ format: "der", type: "spki" }).toString("hex")} ${key.application ?? ""}`;
}

const isLockPath = (path: string): boolean =>
  path !== "" &&
  path.length <= mostCharacters &&
  !path.includes("\\") &&
  path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
