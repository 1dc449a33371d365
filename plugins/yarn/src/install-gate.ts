import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { npath } from "@yarnpkg/fslib";
import type { Digest } from "@countersign/core";
import { runHook, type HookResult, type PendingLockfile, type Verification } from "@countersign/gate";
import type { Archives, Decided } from "./archives.ts";
import { cacheKeyOf, pendingLockfile } from "./pending-lockfile.ts";
import { linesOf, stopsAfter, stopsBefore } from "./stops.ts";
import {
  messageCode,
  reported,
  type Fetcher,
  type InstallOptions,
  type Project,
  type ValidationReport,
} from "./yarn.ts";

const nothingLocked = "__metadata:\n  version: 8\n  cacheKey: 10c0\n";
const pendingOf = (text: string): PendingLockfile => ({
  path: "yarn.lock",
  format: "yarn-berry",
  manager: "yarn",
  bytes: Buffer.from(text),
});

/**
 * Stands in one install: decides on the lockfile before anything is fetched, on each tarball as it arrives, and on the
 * lockfile that came of it before Yarn writes it or links anything.
 */
export class InstallGate {
  readonly #project: Project;
  readonly #directory: string;
  readonly #signal: AbortSignal = new AbortController().signal;
  /** How many tarballs the first decision took from a listing, still to be seen. */
  #assumed = 0;

  constructor(project: Project) {
    this.#project = project;
    this.#directory = npath.fromPortablePath(project.cwd);
  }

  /**
   * The first decision.
   * @returns whether the rest of the install is watched
   */
  async begin(report: ValidationReport): Promise<boolean> {
    const file = await readFile(join(this.#directory, "yarn.lock"), "utf8").catch(() => "");
    // An empty file is how a new project is told apart from its surroundings.
    const locked = file.trim() === "" ? null : file;
    const first = await runHook({
      directory: this.#directory,
      lockfiles: ["yarn.lock"],
      ...(locked === null && { pending: pendingOf(nothingLocked) }),
      signal: this.#signal,
      tarballs: {
        assumed: true,
        of: (_, { form, url }, listing) => {
          if (form !== "yarn-zip" || listing.state !== "found") return null;
          if (url !== null && !/^https?:/i.test(url)) return null;
          this.#assumed += 1;
          return strongest(listing.value.digests);
        },
      },
    });
    if (first.mode === "disabled") return false;
    if (first.exitCode !== 0) {
      const stops = first.verification === null ? null : stopsBefore(first.verification);
      if (stops === null || stops.length > 0) {
        this.#stop(report, first, stops === null ? [] : linesOf(stops));
        return false;
      }
    }
    // Hashing and following what is fetched is loaded where something is to be watched.
    const { Archives: Kept } = await import("./archives.ts");
    const archives = new Kept();
    if (first.mode === "strict") archives.decided = decidedBy(first.verification);
    this.#standBetween(archives, first, locked);
    return true;
  }

  #standBetween(archives: Archives, first: HookResult, locked: string | null): void {
    const project = this.#project;
    const fetchEverything = project.fetchEverything.bind(project);
    const linkEverything = project.linkEverything.bind(project);
    const watched = (fetcher?: Fetcher): Fetcher =>
      archives.watch(fetcher ?? project.configuration.makeFetcher());
    const strict = first.mode === "strict";
    project.fetchEverything = async (options) => {
      try {
        await fetchEverything({ ...options, fetcher: watched(options.fetcher) });
      } catch (error) {
        if (strict) {
          failAtExit();
          await archives.discard();
          if (archives.contradicted) await this.#explain(options.report);
        }
        throw error;
      }
      await this.#decide(options, archives, first, locked);
    };
    // What the cache has lost since is fetched anew here, and has to be what was decided on.
    project.linkEverything = (options) => linkEverything({ ...options, fetcher: watched(options.fetcher) });
  }

  /** The decision that counts. */
  async #decide(
    { report }: InstallOptions,
    archives: Archives,
    first: HookResult,
    locked: string | null,
  ): Promise<void> {
    const { found } = archives;
    const text = this.#project.generateLockfile();
    const cacheKey = cacheKeyOf(text);
    const ignored = ignoredChecksums(first.verification, cacheKey);
    const unlocked = new Set<string>();
    for (const [hash, { name, version, zip }] of found)
      if (this.#project.conditionalLocators.has(hash) || ignored.has(`${name}@${version}`)) unlocked.add(zip);
    if (this.#assumed === 0 && unlocked.size === 0 && first.exitCode === 0 && sameText(text, locked)) {
      say(first.text);
      return;
    }
    const made = new Map<string, string>();
    for (const { name, zip, tarball } of found.values())
      if (tarball !== null) made.set(`${name} ${zip}`, tarball);
    const last = await runHook({
      directory: this.#directory,
      lockfiles: [],
      pending: pendingOf(pendingLockfile(this.#project, found, cacheKey)),
      signal: this.#signal,
      tarballs: {
        assumed: false,
        of: ({ name }, { digest }) => digestOf(made.get(`${name} ${digest?.hex ?? ""}`)),
      },
    });
    const { verification, mode } = last;
    const stops = verification === null ? [] : stopsAfter(verification, unlocked);
    if (last.exitCode === 0 && (mode !== "strict" || stops.length === 0)) {
      if (mode === "strict") archives.decided = decidedBy(verification);
      say(last.text);
      return;
    }
    this.#stop(report, last, linesOf(stops));
    await archives.discard();
    throw reported("countersign: stopped before anything was written or linked");
  }

  /**
   * Yarn's own check has stopped the install: lockfile and cache contradict each other. Where the lockfile is to blame,
   * that is said; the tarballs behind it are not assumed any more, but fetched.
   */
  async #explain(report: ValidationReport): Promise<void> {
    const result = await runHook({
      directory: this.#directory,
      lockfiles: ["yarn.lock"],
      signal: this.#signal,
    });
    const stops = result.verification === null ? [] : stopsBefore(result.verification);
    if (stops.length > 0) this.#stop(report, result, linesOf(stops));
  }

  #stop(report: ValidationReport, { text }: HookResult, lines: readonly string[]): void {
    failAtExit();
    const messages = lines.length > 0 ? lines : [text.trim()];
    for (const line of messages) report.reportError(messageCode, line);
    // A filter of the project can hide any of Yarn's messages.
    if (this.#project.configuration.get("logFilters").length > 0)
      process.stderr.write(`${messages.join("\n")}\n`);
  }
}

/** The wrapper has said as much already. */
function say(text: string): void {
  if ((process.env["COUNTERSIGN_WRAPPED"] ?? "") === "") process.stderr.write(text);
}

/** A filter that discards our message makes Yarn count no error and end with 0. */
function failAtExit(): void {
  process.on("exit", () => {
    process.exitCode = 1;
  });
}

/** Tarballs by package, of every artefact that a verdict ties to one. */
function decidedBy(verification: Verification | null): Decided {
  const decided = new Map<string, Set<string>>();
  for (const { set, verdicts } of verification?.lockfiles ?? []) {
    const names = new Map(set.packages.map(({ purl, name, version }) => [purl, `${name}@${version}`]));
    for (const { purl, claims } of verdicts) {
      const name = names.get(purl);
      const digest = claims.find((claim) => claim.name === "digest" && claim.status === "pass")?.actual;
      if (name === undefined || !digest?.startsWith("sha512:")) continue;
      decided.set(name, (decided.get(name) ?? new Set()).add(digest));
    }
  }
  return decided;
}

/** Packages whose checksum is missing or of another cache: Yarn takes whatever it is served and writes that down. */
function ignoredChecksums(verification: Verification | null, cacheKey: string): ReadonlySet<string> {
  const packages = (verification?.lockfiles ?? []).flatMap(({ set }) => set.packages);
  return new Set(
    packages
      .filter(({ artefacts }) =>
        artefacts.some((each) => each.digest === null || (each.cacheKey ?? cacheKey) !== cacheKey),
      )
      .map(({ name, version }) => `${name}@${version}`),
  );
}

const strongest = (digests: readonly Digest[]): Digest | null =>
  digests.toSorted((a, b) => b.hex.length - a.hex.length)[0] ?? null;

const digestOf = (formatted: string | undefined): Digest | null =>
  formatted === undefined ? null : { algorithm: "sha512", hex: formatted.slice("sha512:".length) };

const sameText = (text: string, other: string | null): boolean =>
  other !== null && text === other.replaceAll("\r\n", "\n");
