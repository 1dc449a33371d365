import { notAsked, sha256Of } from "@countersign/core";
import { absentFrom, unavailable, type Answer, type Asking, type Question } from "./question.ts";

/**
 * Asks a JSR registry. deno.lock pins the SHA-256 of the version's manifest, whose bytes anybody can fetch: that
 * is the listing. JSR serves no signature, and its provenance names the module files, not this digest.
 */
export class JsrRegistry {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  async ask({ origin, needs, pkg }: Question): Promise<Answer> {
    const url = `${origin.registry}${pkg.name}/${encodeURIComponent(pkg.version)}_meta.json`;
    const fetched = await this.#asking.client.get({
      url,
      accept: "application/json",
      maximumBytes: this.#asking.budget.documentBytes,
    });
    const listing =
      fetched.state === "body"
        ? {
            state: "found" as const,
            value: { digests: [sha256Of(fetched.body)], file: null, yanked: null, repository: null },
            origin: origin.registry,
          }
        : fetched.state === "status" && fetched.status === 404
          ? absentFrom(origin, origin.registry)
          : unavailable(fetched);
    const silent = absentFrom(origin, origin.registry);
    return {
      evidence: {
        registry: origin.voice,
        binding: notAsked,
        listing,
        signatures: notAsked,
        attestations: needs.attestations === "required" ? silent : notAsked,
        published: needs.published
          ? { state: "unavailable", code: "age/unknown", detail: "JSR gives no publish time here" }
          : notAsked,
      },
      attestationText: null,
      attestationsListed: null,
      fileHost: null,
    };
  }
}
