import { digestFromHex, sameDigest, type Digest } from "../digest.ts";
import { parseInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import { lockFormats, type LockFormat } from "../lockfile/package-set.ts";
import { levels, type Level } from "../verify/verdict.ts";
import {
  sealAlgorithms,
  sealTypes,
  type LockfileClaim,
  type Resource,
  type SealAlgorithm,
  type SealKind,
  type SealStatement,
} from "./claim.ts";

const mostResources = 20_000;
const mostCharacters = 4096;
const noDigest: Digest = { algorithm: "sha256", hex: "0".repeat(64) };

/** Keeps the first problem and reads on with empty values, which then go nowhere. */
export class ClaimReader {
  problem: string | null = null;

  statement(value: JsonObject, kind: SealKind): SealStatement {
    const subject = this.#subject(jsonMember(value, "subject"));
    const predicate = this.#object(jsonMember(value, "predicate"), "predicate");
    if (kind === "approval")
      return { kind, subject, claim: this.#claim(predicate, "predicate"), verifier: null };
    const at = `predicate[${JSON.stringify(sealTypes.extension)}]`;
    const claim = this.#claim(this.#object(jsonMember(predicate, sealTypes.extension), at), at);
    return { kind, subject, claim, verifier: this.#verifier(predicate, claim) };
  }

  /** What the VSA says outside of the lockfile extension must not contradict what it says inside. */
  #verifier(predicate: JsonObject, claim: LockfileClaim): NonNullable<SealStatement["verifier"]> {
    const verifier = this.#object(jsonMember(predicate, "verifier"), "verifier");
    const policy = this.#digest(
      jsonMember(this.#object(jsonMember(predicate, "policy"), "policy"), "digest"),
      "policy.digest",
    );
    const at = this.#instant(jsonMember(predicate, "timeVerified"), "timeVerified");
    if (!sameDigest(policy, claim.policy)) this.#fail("policy.digest differs from the lockfile extension's");
    if (at !== claim.issuedAt) this.#fail("timeVerified differs from the lockfile extension's issuedAt");
    return {
      id: this.#text(jsonMember(verifier, "id"), "verifier.id"),
      at,
      resource: this.#text(jsonMember(predicate, "resourceUri"), "resourceUri"),
      passed: jsonMember(predicate, "verificationResult") === "PASSED",
    };
  }

  #subject(value: unknown): SealStatement["subject"] {
    if (!Array.isArray(value) || value.length !== 1) {
      this.#fail("exactly one subject is expected");
      return { path: "", digest: noDigest };
    }
    const subject = this.#object(value[0], "subject[0]");
    return {
      path: this.#text(jsonMember(subject, "name"), "subject[0].name"),
      digest: this.#digest(jsonMember(subject, "digest"), "subject[0].digest"),
    };
  }

  #claim(value: JsonObject, at: string): LockfileClaim {
    const signer = this.#object(jsonMember(value, "signer"), `${at}.signer`);
    const tool = this.#object(jsonMember(value, "tool"), `${at}.tool`);
    return {
      format: this.#oneOf(lockFormats, jsonMember(value, "format"), `${at}.format`),
      formatVersion: this.#text(jsonMember(value, "formatVersion"), `${at}.formatVersion`),
      packages: this.#count(jsonMember(value, "packages"), `${at}.packages`),
      setDigest: this.#digest(jsonMember(value, "setDigest"), `${at}.setDigest`),
      resources: this.#resources(jsonMember(value, "resources"), `${at}.resources`),
      signer: {
        id: this.#text(jsonMember(signer, "id"), `${at}.signer.id`),
        keyid: this.#text(jsonMember(signer, "keyid"), `${at}.signer.keyid`, true),
        algorithm: this.#oneOf(sealAlgorithms, jsonMember(signer, "algorithm"), `${at}.signer.algorithm`),
      },
      issuedAt: this.#instant(jsonMember(value, "issuedAt"), `${at}.issuedAt`),
      expires: this.#orNull(jsonMember(value, "expires"), (given) => this.#instant(given, `${at}.expires`)),
      repository: this.#orNull(jsonMember(value, "repository"), (given) =>
        this.#text(given, `${at}.repository`),
      ),
      ref: this.#orNull(jsonMember(value, "ref"), (given) => this.#text(given, `${at}.ref`)),
      baseCommit: this.#orNull(jsonMember(value, "baseCommit"), (given) =>
        this.#text(given, `${at}.baseCommit`),
      ),
      policy: this.#digest(jsonMember(value, "policy"), `${at}.policy`),
      trust: this.#orNull(jsonMember(value, "trust"), (given) => this.#digest(given, `${at}.trust`)),
      evidence: this.#orNull(jsonMember(value, "evidence"), (given) => this.#digest(given, `${at}.evidence`)),
      levels: this.#levels(jsonMember(value, "levels"), `${at}.levels`),
      tool: {
        name: this.#text(jsonMember(tool, "name"), `${at}.tool.name`),
        version: this.#text(jsonMember(tool, "version"), `${at}.tool.version`),
      },
    };
  }

  /** Sorted and without a name twice, so that a list is equal to another exactly when their files are. */
  #resources(value: unknown, at: string): Resource[] {
    if (!Array.isArray(value) || value.length > mostResources) {
      this.#fail(`${at} is not a list of at most ${mostResources}`);
      return [];
    }
    const resources = value.map((item: unknown, index): Resource => {
      const resource = this.#object(item, `${at}[${index}]`);
      return {
        name: this.#text(jsonMember(resource, "name"), `${at}[${index}].name`),
        digest: this.#digest(jsonMember(resource, "digest"), `${at}[${index}].digest`),
      };
    });
    if (resources.some(({ name }, index) => index > 0 && name <= (resources[index - 1] as Resource).name))
      this.#fail(`${at} is not sorted by name, or has a name twice`);
    return resources;
  }

  #levels(value: unknown, at: string): Record<Level, number> {
    const object = this.#object(value, at);
    const counts: Record<Level, number> = { unlocked: 0, locked: 0, signed: 0, provenance: 0 };
    for (const level of levels) counts[level] = this.#count(jsonMember(object, level), `${at}.${level}`);
    return counts;
  }

  #fail(problem: string): void {
    this.problem ??= problem;
  }

  #object(value: unknown, at: string): JsonObject {
    if (isJsonObject(value)) return value;
    this.#fail(`${at} is not an object`);
    return {};
  }

  /** `undefined` is not null: every field of a claim is stated. */
  #orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
    return value === null ? null : read(value);
  }

  #text(value: unknown, at: string, mayBeEmpty = false): string {
    if (typeof value === "string" && value.length <= mostCharacters && (mayBeEmpty || value !== ""))
      return value;
    this.#fail(`${at} is not a text of at most ${mostCharacters} characters`);
    return "";
  }

  #oneOf<T extends LockFormat | SealAlgorithm>(choices: readonly T[], value: unknown, at: string): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.#fail(`${at} is none of ${choices.join(", ")}`);
    return found ?? (choices[0] as T);
  }

  #count(value: unknown, at: string): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.#fail(`${at} is not a count`);
    return 0;
  }

  #instant(value: unknown, at: string): Instant {
    const instant = typeof value === "string" ? parseInstant(value) : null;
    if (instant === null) this.#fail(`${at} is not an RFC 3339 date-time`);
    return instant ?? 0;
  }

  /** in-toto DigestSet; only sha256 is looked at. */
  #digest(value: unknown, at: string): Digest {
    const hex = isJsonObject(value) ? jsonMember(value, "sha256") : undefined;
    const digest =
      typeof hex === "string" && /^[0-9a-f]{64}$/.test(hex) ? digestFromHex("sha256", hex) : null;
    if (digest === null) this.#fail(`${at} has no sha256`);
    return digest ?? noDigest;
  }
}
