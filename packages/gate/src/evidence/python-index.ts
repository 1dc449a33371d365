import {
  findIndexFile,
  normaliseProjectName,
  notAsked,
  readProvenance,
  readSimpleIndex,
  type AttestationDocument,
  type IndexFile,
  type Seen,
  type SimpleIndex,
} from "@countersign/core";
import { parseAddress } from "../registry/address.ts";
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

const simpleJson = "application/vnd.pypi.simple.v1+json";
const accepted = `${simpleJson}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1`;

/** Asks Python indexes (PEP 503, 691, 740). One instance serves one run: a project's page is fetched once. */
export class PythonIndex {
  readonly #asking: Asking;
  readonly #pages = new Once<Seen<SimpleIndex>>();

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  async ask(question: Question): Promise<Answer> {
    const { artefact, origin, needs, pkg } = question;
    const page = await this.#page(origin.registry, pkg.name);
    if (page.state !== "found") {
      const word = page.state === "absent" ? absentFrom(origin, origin.registry) : page;
      return this.#answer(question, word, null, needs.attestations === "no" ? notAsked : word, null);
    }
    const answer = findIndexFile(page.value, {
      name: pkg.name,
      version: pkg.version,
      file: artefact.file,
      digest: artefact.digest,
    });
    if (answer.state === "malformed") {
      const word: Seen<never> = { state: "unavailable", code: "listing/malformed", detail: answer.detail };
      return this.#answer(question, word, null, needs.attestations === "no" ? notAsked : word, null);
    }
    if (answer.state === "absent") {
      const word = absentFrom(origin, origin.registry);
      return this.#answer(question, word, null, needs.attestations === "no" ? notAsked : word, null);
    }
    const { file } = answer;
    const { document, text } = await this.#attestations(question, file);
    return this.#answer(
      question,
      { state: "found", value: file, origin: origin.registry },
      file,
      document,
      text,
    );
  }

  #answer(
    { origin, needs }: Question,
    listing: Seen<IndexFile>,
    file: IndexFile | null,
    attestations: Seen<AttestationDocument>,
    attestationText: string | null,
  ): Answer {
    const uploaded = file?.uploaded ?? null;
    return {
      evidence: {
        registry: origin.voice,
        binding: notAsked,
        listing:
          listing.state === "found"
            ? {
                ...listing,
                value: {
                  digests: listing.value.digests,
                  file: listing.value.filename,
                  yanked: listing.value.yanked,
                  repository: null,
                },
              }
            : listing,
        signatures: notAsked,
        attestations,
        published:
          uploaded !== null
            ? { state: "found", value: uploaded, origin: origin.registry }
            : needs.published
              ? { state: "unavailable", code: "age/unknown", detail: "the index gives no upload time" }
              : notAsked,
      },
      attestationText,
      fileHost: file === null ? null : hostOf(file.url, origin.registry),
      attestationsListed:
        file === null || file.provenance.state === "unsaid" ? null : file.provenance.state === "offered",
    };
  }

  #page(registry: string, project: string): Promise<Seen<SimpleIndex>> {
    const name = normaliseProjectName(project);
    const url = `${registry}${encodeURIComponent(name)}/`;
    return this.#pages.get(url, async () => {
      const fetched = await this.#asking.client.get({
        url,
        accept: accepted,
        maximumBytes: this.#asking.budget.documentBytes,
      });
      if (fetched.state !== "body") {
        return fetched.state === "status" && fetched.status === 404
          ? { state: "absent", origin: registry }
          : unavailable(fetched);
      }
      const read = readSimpleIndex(textOf(fetched.body), fetched.contentType, name, this.#asking.budget);
      return read.state === "found"
        ? { state: "found", value: read.index, origin: registry }
        : { state: "unavailable", code: read.code, detail: read.detail };
    });
  }

  /** PEP 740's Integrity API. Only an index that speaks of provenance can say that there is none. */
  async #attestations(
    question: Question,
    file: IndexFile,
  ): Promise<{ document: Seen<AttestationDocument>; text: string | null }> {
    const { origin, needs, pkg } = question;
    const word = file.provenance.state;
    if (needs.attestations === "no") return { document: notAsked, text: null };
    const silent: Seen<never> =
      word === "absent"
        ? absentFrom(origin, origin.registry)
        : {
            state: "unavailable",
            code: "attestation/unavailable",
            detail: "this index does not speak of provenance",
          };
    if (needs.attestations === "if-listed" && word !== "offered")
      return { document: word === "absent" ? silent : notAsked, text: null };
    const places = [...(word === "absent" ? [] : [origin.registry]), ...origin.evidenceFrom];
    let last: Seen<never> | null = null;
    for (const place of places) {
      const path = [normaliseProjectName(pkg.name), pkg.version, file.filename]
        .map(encodeURIComponent)
        .join("/");
      const url = `${integrityBase(place)}${path}/provenance`;
      const fetched = await this.#asking.client.get({
        url,
        accept: "application/vnd.pypi.integrity.v1+json",
        maximumBytes: this.#asking.budget.documentBytes,
      });
      if (fetched.state !== "body") {
        const missing = fetched.state === "status" && fetched.status === 404;
        const stripped: Seen<never> = {
          state: "unavailable",
          code: "attestation/unavailable",
          detail: "listed, but not served",
        };
        last = stillMissing(last, !missing ? unavailable(fetched) : word === "offered" ? stripped : silent);
        continue;
      }
      const text = textOf(fetched.body);
      const read = readProvenance(text, this.#asking.budget);
      if (read.state === "found")
        return { document: { state: "found", value: read.document, origin: place }, text };
      last = stillMissing(
        last,
        read.state === "absent"
          ? absentFrom(origin, place)
          : { state: "unavailable", code: read.code, detail: read.detail },
      );
    }
    return { document: last ?? silent, text: null };
  }
}

/** Files may be given relative to the page; only an address that could be fetched counts. */
function hostOf(url: string, page: string): string | null {
  const absolute = URL.canParse(url, page) ? parseAddress(new URL(url, page).href.replace(/#.*$/, "")) : null;
  return absolute === null ? null : `${absolute.origin}/`;
}

/** PEP 740: the Integrity API stands beside the index's `simple/`. */
export const integrityBase = (registry: string): string =>
  registry.endsWith("/simple/")
    ? `${registry.slice(0, -"simple/".length)}integrity/`
    : new URL("/integrity/", registry).href;
