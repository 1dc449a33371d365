import type { Artefact, Budget, Evidence, LockedPackage, Seen } from "@countersign/core";
import type { Client, Fetched } from "../registry/client.ts";
import type { Needs } from "./needs.ts";
import type { Origin } from "./origin.ts";

/** One artefact about which a registry is asked. */
export type Question = {
  pkg: LockedPackage;
  artefact: Artefact;
  origin: Origin;
  needs: Needs;
  /** Whether a signature by this key says nothing without a publish time, because its validity has an end. */
  needsTime(keyid: string): boolean;
};

/** What came of it, with the document text that the store keeps. */
export type Answer = {
  evidence: Evidence;
  attestationText: string | null;
  /** Whether the listing says that there are attestations; null where its form cannot say. */
  attestationsListed: boolean | null;
  /** `https://files.example/`: where an index's own page puts the file; null for registries without such pages. */
  fileHost: string | null;
};

export type Asking = { client: Client; budget: Budget };

/** What a request that brought no body means, wherever a 404 is not an answer by itself. */
export function unavailable(fetched: Exclude<Fetched, { state: "body" }>): Seen<never> {
  return fetched.state === "failed"
    ? { state: "unavailable", code: fetched.code, detail: fetched.detail }
    : { state: "unavailable", code: "evidence/http-status", detail: `status ${fetched.status}` };
}

/** Absence counts only from a registry whose silence proves it. */
export const absentFrom = (origin: Origin, asked: string): Seen<never> =>
  origin.named
    ? { state: "absent", origin: asked }
    : { state: "unavailable", code: "evidence/source-unnamed", detail: asked };

/** Of several places asked in turn, absence holds only where all say so: one out of reach may be the one that has it. */
export const stillMissing = (before: Seen<never> | null, word: Seen<never>): Seen<never> =>
  before?.state === "unavailable" && word.state === "absent" ? before : word;

export const textOf = (body: Uint8Array): string => new TextDecoder("utf-8").decode(body);

/** Runs a task once for each key; later callers share the first one's promise. */
export class Once<T> {
  readonly #running = new Map<string, Promise<T>>();

  get(key: string, start: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) ?? start();
    this.#running.set(key, running);
    return running;
  }
}
