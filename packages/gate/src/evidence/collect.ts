import { noEvidence, notAsked, type Budget, type Evidence, type PackageSet } from "@countersign/core";
import type { Client } from "../registry/client.ts";
import type { EvidenceStore, StoreEntry } from "../store/evidence-store.ts";
import { Binder, isBindable } from "../tarball/binding.ts";
import { JsrRegistry } from "./jsr-registry.ts";
import type { Needs } from "./needs.ts";
import { NpmRegistry } from "./npm-registry.ts";
import type { Origin } from "./origin.ts";
import { PythonIndex } from "./python-index.ts";
import type { Answer, Question } from "./question.ts";
import type { KnownTarballs } from "../run.ts";
import { bindingEntry, fromStore, restore, storedFileHost, storeKeyOf, toEntries } from "./stored.ts";

export type Collecting = {
  /** Whether archives are fetched to tie digests that no statement can name to the tarballs they come from. */
  bind: boolean;
  /** What the caller knows of them; null: nothing. */
  tarballs: KnownTarballs | null;
  /** null: offline, only the store is asked. */
  client: Client | null;
  store: EvidenceStore;
  budget: Budget;
  now: number;
  originOf(pkg: PackageSet["packages"][number]): Origin | null;
  needsOf(pkg: PackageSet["packages"][number]): Needs;
  /** Whether a key's validity has an end, by the registry whose key it is. */
  keyEnds(registry: string, keyid: string): boolean;
  progress(done: number, total: number): void;
};

export type Collected = {
  /** Of every artefact, aligned with `set.packages[i].artefacts[j]`. */
  evidence: readonly (readonly Evidence[])[];
  /** Hosts on which the pages of a registry put their files, by that registry. */
  fileHosts: ReadonlyMap<string, ReadonlySet<string>>;
};

/**
 * Collects what the policy needs: from the store where it suffices, else from the registries, all at once
 * within the client's bounds. One package's failure is that package's `unavailable` and nobody else's.
 */
export async function collectEvidence(set: PackageSet, collecting: Collecting): Promise<Collected> {
  const { client, store, budget, now, tarballs } = collecting;
  const registries = client === null ? null : openRegistries(client, budget);
  const binder = client === null || !collecting.bind ? null : new Binder(client);
  const collected: Evidence[][] = set.packages.map(({ artefacts }) => artefacts.map(() => noEvidence));
  const fileHosts = new Map<string, Set<string>>();
  const noteHost = ({ registry }: Origin, host: string | null): void => {
    if (host !== null) fileHosts.set(registry, (fileHosts.get(registry) ?? new Set()).add(host));
  };
  const answers: { question: Question; answer: Answer }[] = [];
  const bindings: StoreEntry[] = [];
  const pending: (() => Promise<void>)[] = [];
  for (const [packageIndex, pkg] of set.packages.entries()) {
    const origin = collecting.originOf(pkg);
    const needs = collecting.needsOf(pkg);
    if (
      origin === null ||
      !(needs.listing || needs.signatures || needs.published || needs.attestations === "required")
    )
      continue;
    for (const [artefactIndex, artefact] of pkg.artefacts.entries()) {
      const question: Question = {
        pkg,
        artefact,
        origin,
        needs,
        needsTime: (keyid) => collecting.keyEnds(origin.voice, keyid),
      };
      const key = storeKeyOf(question);
      if (key === null) continue;
      const row = collected[packageIndex] as Evidence[];
      const stored = store.read(key);
      noteHost(origin, storedFileHost(stored));
      const sufficient = fromStore(question, stored, budget);
      const kept = restore(question, stored, budget);
      const bind = async (listing: Evidence["listing"]): Promise<Evidence["binding"]> => {
        if (!isBindable(artefact) || kept.binding.state === "found") return kept.binding;
        const known = tarballs?.of(pkg, artefact, listing) ?? null;
        const binding: Evidence["binding"] =
          known !== null
            ? { state: "found", value: known, origin: "the package manager" }
            : ((await binder?.bind({ pkg, artefact, registry: origin.registry, listing })) ??
              (registries === null ? kept.binding : notAsked));
        if (tarballs?.assumed !== true) bindings.push(...bindingEntry(question, binding, now));
        return binding;
      };
      if (sufficient !== null && (!isBindable(artefact) || kept.binding.state === "found"))
        row[artefactIndex] = { ...sufficient, binding: kept.binding };
      else if (registries === null) row[artefactIndex] = { ...kept, binding: await bind(kept.listing) };
      else {
        pending.push(async () => {
          const answer = sufficient === null ? await registries.ask(question) : null;
          const evidence = answer?.evidence ?? (sufficient as Evidence);
          const binding = await bind(evidence.listing);
          row[artefactIndex] = { ...evidence, binding };
          if (answer === null) return;
          answers.push({ question, answer: { ...answer, evidence: { ...evidence, binding } } });
          noteHost(origin, answer.fileHost);
        });
      }
    }
  }
  let done = 0;
  await Promise.all(
    pending.map(async (task) => {
      await task();
      collecting.progress((done += 1), pending.length);
    }),
  );
  const entries = answers.flatMap(({ question, answer }) => toEntries(question, answer, now));
  if (entries.length + bindings.length > 0) store.write([...entries, ...bindings]);
  return { evidence: collected, fileHosts };
}

function openRegistries(client: Client, budget: Budget): { ask(question: Question): Promise<Answer> } {
  const asking = { client, budget };
  const npm = new NpmRegistry(asking);
  const python = new PythonIndex(asking);
  const jsr = new JsrRegistry(asking);
  return {
    ask: (question) => {
      const { source } = question.pkg;
      const ecosystem = source.kind === "registry" ? source.ecosystem : "npm";
      return ecosystem === "pypi"
        ? python.ask(question)
        : ecosystem === "jsr"
          ? jsr.ask(question)
          : npm.ask(question);
    },
  };
}
