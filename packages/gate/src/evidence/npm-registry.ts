import {
  notAsked,
  readNpmAttestations,
  readPackument,
  readVersionManifest,
  type AttestationDocument,
  type Listing,
  type PackumentResult,
  type RegistrySignature,
  type Seen,
  type VersionManifest,
  type VersionResult,
} from "@countersign/core";
import {
  absentFrom,
  Once,
  textOf,
  unavailable,
  stillMissing,
  type Answer,
  type Asking,
  type Question,
} from "./question.ts";

const publishPredicate = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

/** Asks npm-style registries. One instance serves one run: packuments are shared between versions. */
export class NpmRegistry {
  readonly #asking: Asking;
  readonly #packuments = new Once<Seen<string>>();

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  /**
   * As little as decides: the version manifest, the attestations where they are listed or demanded, and the full
   * packument only where a key's end needs a publish time or the manifest comes without signatures.
   */
  async ask(question: Question): Promise<Answer> {
    const { origin, needs, pkg } = question;
    const manifest = await this.#manifest(origin.registry, pkg.name, pkg.version);
    if (manifest.state !== "found") return this.#silent(question, manifest);
    let { value } = manifest;
    let signatures = needs.signatures ? signaturesOf(value, manifest.origin) : notAsked;
    if (needs.signatures && signatures.state === "absent") {
      const full = await this.#fromPackument(origin.registry, pkg.name, pkg.version);
      if (full.state === "found") {
        ({ value } = full);
        signatures = signaturesOf(value, full.origin);
      }
    }
    const listed = value.attestationsListed;
    const attestations = await this.#attestations(question, listed);
    const { document, text } = attestations;
    if (needs.signatures && signatures.state === "absent")
      signatures = await this.#signaturesElsewhere(question);
    return {
      evidence: {
        registry: origin.voice,
        binding: notAsked,
        listing: { state: "found", value: listingOf(value), origin: manifest.origin },
        signatures,
        attestations: document,
        published: await this.#published(question, value, signatures, document),
      },
      attestationText: text,
      attestationsListed: listed,
      fileHost: null,
    };
  }

  async #manifest(registry: string, name: string, version: string): Promise<Seen<VersionManifest>> {
    const url = `${registry}${encodeName(name)}/${encodeURIComponent(version)}`;
    const fetched = await this.#asking.client.get({
      url,
      accept: "application/json",
      maximumBytes: this.#asking.budget.documentBytes,
    });
    if (fetched.state === "body") {
      const read = readVersionManifest(textOf(fetched.body), name, version, this.#asking.budget);
      if (read.state === "found") return { state: "found", value: read.manifest, origin: registry };
      return { state: "unavailable", code: read.code, detail: read.detail };
    }
    // A registry that does not serve single versions answers 404 or 405 for ones that its packument lists.
    if (fetched.state === "status" && [404, 405].includes(fetched.status))
      return this.#fromPackument(registry, name, version);
    return unavailable(fetched);
  }

  async #fromPackument(registry: string, name: string, version: string): Promise<Seen<VersionManifest>> {
    const packument = await this.#packument(registry, name);
    if (packument.state !== "found") return packument;
    const read = this.#readVersion(packument.value, name, version);
    if (read.state === "found") return { state: "found", value: read.manifest, origin: registry };
    if (read.state === "absent") return { state: "absent", origin: registry };
    return { state: "unavailable", code: read.code, detail: read.detail };
  }

  #packument(registry: string, name: string): Promise<Seen<string>> {
    const url = registry + encodeName(name);
    return this.#packuments.get(url, async () => {
      const maximumBytes = this.#asking.budget.documentBytes;
      const fetched = await this.#asking.client.get({ url, accept: "application/json", maximumBytes });
      if (fetched.state === "body") return { state: "found", value: textOf(fetched.body), origin: registry };
      return fetched.state === "status" && fetched.status === 404
        ? { state: "absent", origin: registry }
        : unavailable(fetched);
    });
  }

  #readVersion(text: string, name: string, version: string): VersionResult {
    const read: PackumentResult = readPackument(text, name, [version], this.#asking.budget);
    return read.state === "found" ? (read.versions.get(version) ?? { state: "absent" }) : read;
  }

  /** Nothing of this version could be had: what was asked shares that fate, and attestations may still be had. */
  async #silent(
    question: Question,
    manifest: Exclude<Seen<VersionManifest>, { state: "found" }>,
  ): Promise<Answer> {
    const { origin, needs } = question;
    const word = manifest.state === "absent" ? absentFrom(origin, origin.registry) : manifest;
    const attestations =
      needs.attestations === "required"
        ? await this.#attestations(question, false)
        : { document: notAsked, text: null };
    return {
      evidence: {
        registry: origin.voice,
        binding: notAsked,
        listing: word,
        signatures: needs.signatures ? await this.#signaturesElsewhere(question, word) : notAsked,
        attestations: attestations.document,
        published: needs.published ? word : notAsked,
      },
      attestationText: attestations.text,
      attestationsListed: null,
      fileHost: null,
    };
  }

  async #signaturesElsewhere(
    question: Question,
    otherwise?: Seen<never>,
  ): Promise<Seen<readonly RegistrySignature[]>> {
    const { origin, pkg } = question;
    let last: Seen<never> = otherwise ?? absentFrom(origin, origin.registry);
    for (const place of origin.evidenceFrom) {
      const manifest = await this.#manifest(place, pkg.name, pkg.version);
      const signatures = manifest.state === "found" ? signaturesOf(manifest.value, place) : manifest;
      if (signatures.state === "found") return signatures;
      last = stillMissing(last, signatures);
    }
    return last;
  }

  async #attestations(
    question: Question,
    listed: boolean,
  ): Promise<{ document: Seen<AttestationDocument>; text: string | null }> {
    const { origin, needs, pkg } = question;
    if (needs.attestations === "no") return { document: notAsked, text: null };
    const places = [
      ...(listed || needs.attestations === "required" ? [origin.registry] : []),
      ...origin.evidenceFrom,
    ];
    let last: Seen<never> | null = null;
    for (const place of places) {
      // Built from what the lockfile names; an address in a document would be the registry's to choose.
      const url = `${place}-/npm/v1/attestations/${encodeName(pkg.name)}@${encodeURIComponent(pkg.version)}`;
      const fetched = await this.#asking.client.get({
        url,
        accept: "application/json",
        maximumBytes: this.#asking.budget.documentBytes,
      });
      if (fetched.state !== "body") {
        const missing = fetched.state === "status" && fetched.status === 404;
        // Listed and not served is not absence: the registry contradicts itself, or something on the way strips.
        const stripped: Seen<never> = {
          state: "unavailable",
          code: "attestation/unavailable",
          detail: "listed, but not served",
        };
        last = stillMissing(
          last,
          !missing ? unavailable(fetched) : listed ? stripped : absentFrom(origin, place),
        );
        continue;
      }
      const text = textOf(fetched.body);
      const read = readNpmAttestations(text, this.#asking.budget);
      if (read.state === "found")
        return { document: { state: "found", value: read.document, origin: place }, text };
      last = stillMissing(
        last,
        read.state === "absent"
          ? absentFrom(origin, place)
          : { state: "unavailable", code: read.code, detail: read.detail },
      );
    }
    return { document: last ?? absentFrom(origin, origin.registry), text: null };
  }

  async #published(
    question: Question,
    manifest: VersionManifest,
    signatures: Seen<readonly RegistrySignature[]>,
    attestations: Seen<AttestationDocument>,
  ): Promise<Seen<number>> {
    const { origin, needs, pkg } = question;
    if (manifest.published !== null)
      return { state: "found", value: manifest.published, origin: origin.registry };
    const logged =
      attestations.state === "found" &&
      attestations.value.attestations.some(({ predicateType }) => predicateType === publishPredicate);
    const expiring =
      !logged &&
      signatures.state === "found" &&
      signatures.value.some(({ keyid }) => question.needsTime(keyid));
    if (!needs.published && !expiring) return notAsked;
    for (const place of [origin.registry, ...origin.evidenceFrom]) {
      const full = await this.#fromPackument(place, pkg.name, pkg.version);
      if (full.state === "found" && full.value.published !== null)
        return { state: "found", value: full.value.published, origin: place };
    }
    return { state: "unavailable", code: "age/unknown", detail: "the registry gives no publish time" };
  }
}

/** `@scope%2fname`, as npm itself asks. */
const encodeName = (name: string): string =>
  name.split("/").map(encodeURIComponent).join("%2f").replace(/^%40/, "@");

function signaturesOf(manifest: VersionManifest, origin: string): Seen<readonly RegistrySignature[]> {
  const { signatures } = manifest;
  if (signatures.state === "found") return { state: "found", value: signatures.value, origin };
  if (signatures.state === "malformed")
    return { state: "unavailable", code: "signature/malformed", detail: signatures.detail };
  return { state: "absent", origin };
}

const listingOf = (manifest: VersionManifest): Listing => ({
  digests: manifest.digests,
  file: null,
  yanked: null,
  repository: manifest.repository,
});
