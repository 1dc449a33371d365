import { kindOf, type Code } from "../codes.ts";
import type { Effect, Finding } from "../finding.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { startOf, type Position } from "../position.ts";
import { parsePurl } from "../purl.ts";
import { builtInPath, builtInPolicy, defaultDrift, defaultSources, defaultTrust } from "./built-in.ts";
import { day, formatDuration } from "./duration.ts";
import { exceptionKey } from "./exception-index.ts";
import { matchNames } from "./glob.ts";
import {
  driftKinds,
  type Approval,
  type DriftKind,
  type Exception,
  type IdentityPattern,
  type LayerKind,
  type Mode,
  type Policy,
  type PolicyLayer,
  type RegistryRule,
  type Sources,
  type Stated,
  type Summary,
  type TrustBounds,
} from "./policy.ts";

/** Weakest first. */
export const modes: readonly Mode[] = ["disabled", "warn", "strict"];
const effects: readonly Effect[] = ["note", "warn", "block"];
const sourceOrder: { readonly [K in keyof Sources]: readonly Sources[K][] } = {
  git: ["allow", "warn", "deny"],
  url: ["allow", "warn", "deny"],
  path: ["allow", "workspace", "deny"],
  bundled: ["allow", "inspect", "deny"],
};
const authority: readonly LayerKind[] = ["managed", "base", "head"];

/**
 * Unites policy files into one policy. The highest layer counts as it stands, with the defaults for what it leaves
 * out; every lower one may only tighten it, field by field. Where a lower layer states something looser the stricter
 * value stays and `policy/loosens` says so. Without any layer the built-in policy holds, without registry keys.
 * @param layers in any order of kinds; files of one kind count in the order given
 * @param now a delegated exception may reach only so many days from here
 */
export function mergePolicy(layers: readonly PolicyLayer[], now: Instant): Policy {
  const [first, ...lower] = layers.toSorted((a, b) => authority.indexOf(a.kind) - authority.indexOf(b.kind));
  if (first === undefined) return builtInPolicy([]);
  const merger = new Merger(first);
  for (const layer of lower) merger.tighten(layer);
  return merger.policy([first, ...lower], now);
}

/**
 * The policy under a mode asked for by a flag or a variable, which may only tighten.
 * @param from what asks, for the finding: `--mode`
 */
export function tightenMode(policy: Policy, mode: Mode, from: string): Policy {
  if (modes.indexOf(mode) >= modes.indexOf(policy.mode)) return { ...policy, mode };
  const at = policy.origins.get("mode") ?? startOf(policy.layers[0]?.path ?? builtInPath);
  const why = `${from} asks for mode ${mode}; the policy says ${policy.mode}, and a flag or variable may only tighten it.`;
  const fix = `Leave ${from} out, or change mode in the policy.`;
  return {
    ...policy,
    problems: [...policy.problems, { code: "policy/loosens", effect: "block", at, why, fix }],
  };
}

class Merger {
  readonly #findings: Finding[] = [];
  readonly #origins = new Map<string, Position>();
  readonly #sources: Sources = { ...defaultSources };
  readonly #trust: TrustBounds = { ...defaultTrust };
  readonly #roots: readonly string[];
  /** A policy that names no mode is strict. */
  #mode: Mode = "strict";
  #registries: readonly RegistryRule[];
  #drift: Record<DriftKind, Effect> | null = null;
  #age: { minimum: number; unknown: Effect } | null = null;
  #approval: Approval | null = null;
  #summary: Summary | null = null;

  /** The highest layer: its word is the measure, so nothing of it can loosen. */
  constructor(layer: PolicyLayer) {
    this.#mode = this.#take("mode", layer.mode) ?? this.#mode;
    this.#registries = layer.registries?.value ?? [];
    this.#sources.git = this.#take("sources.git", layer.sources.git) ?? this.#sources.git;
    this.#sources.url = this.#take("sources.url", layer.sources.url) ?? this.#sources.url;
    this.#sources.path = this.#take("sources.path", layer.sources.path) ?? this.#sources.path;
    this.#sources.bundled = this.#take("sources.bundled", layer.sources.bundled) ?? this.#sources.bundled;
    this.#addDrift(layer);
    this.#addAge(layer);
    this.#addApproval(layer.approval);
    this.#summary = this.#take("seal.summary", layer.summary);
    for (const key of trustKeys)
      this.#trust[key] = this.#take(`trust.${key}`, layer.trust[key]) ?? this.#trust[key];
    this.#roots = this.#take("trust.roots", layer.roots) ?? [];
  }

  tighten(layer: PolicyLayer): void {
    this.#mode = this.#stricter("mode", modes, this.#mode, layer.mode);
    this.#restrictRegistries(layer);
    this.#sources.git = this.#stricter("sources.git", sourceOrder.git, this.#sources.git, layer.sources.git);
    this.#sources.url = this.#stricter("sources.url", sourceOrder.url, this.#sources.url, layer.sources.url);
    this.#sources.path = this.#stricter(
      "sources.path",
      sourceOrder.path,
      this.#sources.path,
      layer.sources.path,
    );
    const { bundled } = this.#sources;
    this.#sources.bundled = this.#stricter(
      "sources.bundled",
      sourceOrder.bundled,
      bundled,
      layer.sources.bundled,
    );
    this.#tightenDrift(layer);
    this.#tightenAge(layer);
    this.#tightenApproval(layer.approval);
    this.#tightenSummary(layer.summary);
    this.#trust.maxAge = this.#atMost("trust.maxAge", this.#trust.maxAge, layer.trust.maxAge);
    for (const key of ["sct", "log", "time"] as const) {
      this.#trust[key] = this.#atLeast(`trust.${key}`, this.#trust[key], layer.trust[key], String);
    }
    if (layer.roots !== null && !sameSet(layer.roots.value, this.#roots)) {
      this.#loosens("trust.roots", layer.roots.at, "only the highest layer names sigstore roots");
    }
  }

  policy(layers: readonly PolicyLayer[], now: Instant): Policy {
    const identities = new Map<string, IdentityPattern[]>();
    for (const layer of layers) {
      for (const [name, pattern] of layer.identities)
        identities.set(name, [...(identities.get(name) ?? []), pattern]);
    }
    return {
      mode: this.#mode,
      layers: layers.map(({ kind, path }) => ({ kind, path })),
      registries: this.#registries,
      require: layers.flatMap((layer) => layer.require),
      identities,
      sources: this.#sources,
      drift: this.#drift,
      age: this.#age,
      seal: { approval: this.#approval, summary: this.#summary },
      trust: { ...this.#trust, roots: this.#roots },
      exceptions: this.#exceptions(layers, now),
      delegate: layers[0]?.delegate?.value ?? null,
      origins: this.#origins,
      problems: this.#findings,
      builtIn: false,
    };
  }

  /**
   * A lower list leaves registries out and narrows them; it adds none, for a registry of the policy is one that
   * credentials go to and evidence comes from.
   */
  #restrictRegistries(layer: PolicyLayer): void {
    if (layer.registries === null) return;
    const same = (a: RegistryRule, b: RegistryRule): boolean =>
      a.url === b.url && a.ecosystem === b.ecosystem;
    const stated = layer.registries.value;
    for (const rule of stated) {
      if (this.#registries.some((above) => same(above, rule))) continue;
      this.#loosens(`registries: ${rule.url}`, rule.at, "no higher layer names this registry");
    }
    this.#registries = this.#registries.map((above) => {
      const rule = stated.find((candidate) => same(above, candidate));
      return rule === undefined ? { ...above, withdrawn: true } : this.#restrictRegistry(above, rule);
    });
  }

  #restrictRegistry(above: RegistryRule, rule: RegistryRule): RegistryRule {
    for (const key of ["speaksFor", "keys"] as const) {
      if (rule[key] === null || rule[key] === above[key]) continue;
      this.#loosens(
        `${key} of ${above.url}`,
        rule.at,
        `it is for the higher layer to say, and that says ${above[key] ?? "nothing"}`,
      );
    }
    return {
      ...above,
      evidenceFrom: this.#subset(
        `evidenceFrom of ${above.url}`,
        above.evidenceFrom,
        rule.evidenceFrom,
        rule.at,
      ),
      files: this.#subset(`files of ${above.url}`, above.files, rule.files, rule.at),
      scopes: [...new Set([...above.scopes, ...rule.scopes])],
    };
  }

  #addDrift(layer: PolicyLayer): void {
    if (layer.drift === null) return;
    this.#drift = { ...defaultDrift };
    this.#origins.set("drift", layer.drift.at);
    for (const kind of driftKinds) this.#drift[kind] = layer.drift.value[kind]?.value ?? this.#drift[kind];
  }

  #tightenDrift(layer: PolicyLayer): void {
    if (this.#drift === null || layer.drift === null) {
      this.#addDrift(layer);
      return;
    }
    for (const kind of driftKinds) {
      this.#drift[kind] = this.#stricter(
        `drift.${kind}`,
        effects,
        this.#drift[kind],
        layer.drift.value[kind],
      );
    }
  }

  /** A publish time that nobody knows blocks unless the file says otherwise: missing is not verified. */
  #addAge(layer: PolicyLayer): void {
    if (layer.age === null) return;
    this.#age = { minimum: layer.age.minimum.value, unknown: layer.age.unknown?.value ?? "block" };
    this.#origins.set("age.minimum", layer.age.minimum.at);
  }

  #tightenAge(layer: PolicyLayer): void {
    if (this.#age === null || layer.age === null) {
      this.#addAge(layer);
      return;
    }
    this.#age = {
      minimum: this.#atLeast("age.minimum", this.#age.minimum, layer.age.minimum, formatDuration),
      unknown: this.#stricter("age.unknown", effects, this.#age.unknown, layer.age.unknown),
    };
  }

  #addApproval(stated: PolicyLayer["approval"]): void {
    if (stated === null) return;
    this.#approval = { threshold: stated.value.threshold ?? 1, signers: stated.value.signers };
    this.#origins.set("seal.approval", stated.at);
  }

  #tightenApproval(stated: PolicyLayer["approval"]): void {
    if (this.#approval === null || stated === null) {
      this.#addApproval(stated);
      return;
    }
    const { threshold } = stated.value;
    const statedThreshold = threshold === null ? null : { value: threshold, at: stated.at };
    this.#approval = {
      threshold: this.#atLeast("seal.approval.threshold", this.#approval.threshold, statedThreshold, String),
      signers: this.#subset("seal.approval.signers", this.#approval.signers, stated.value.signers, stated.at),
    };
  }

  /** A summary stands in for evidence, so accepting one where the higher layer does not would loosen it. */
  #tightenSummary(stated: Stated<Summary> | null): void {
    if (stated === null) return;
    if (this.#summary === null) {
      this.#loosens("seal.summary", stated.at, "the higher layer accepts no summary in place of evidence");
      return;
    }
    this.#summary = {
      signers: this.#subset("seal.summary.signers", this.#summary.signers, stated.value.signers, stated.at),
      maxAge: this.#atMost("seal.summary.maxAge", this.#summary.maxAge, {
        value: stated.value.maxAge,
        at: stated.at,
      }),
    };
  }

  /**
   * The codes of each exception that it may except. A lower layer may repeat what a higher one excepts, for no longer
   * (the same is dropped);
   * anything else must lie within what the highest layer delegates and no layer in between narrows. An expired one allows nothing,
   * so it is left for the report to name.
   */
  #exceptions(layers: readonly PolicyLayer[], now: Instant): Exception[] {
    const granted = new Map<string, Instant>();
    return layers.flatMap((layer, depth) => {
      // A layer in between may narrow what the highest delegates; it has nothing of its own to give away.
      const delegates =
        (layers[0]?.delegate ?? null) === null
          ? []
          : layers.slice(0, depth).flatMap(({ delegate }) => (delegate === null ? [] : [delegate.value]));
      const kept = layer.exceptions.flatMap((exception) => {
        const codes = exception.codes.filter((code) => {
          if (depth === 0 || now >= exception.expires) return true;
          const until = granted.get(exceptionKey(exception, code)) ?? -Infinity;
          if (until >= exception.expires) return until > exception.expires;
          const why = notDelegated(exception, code, delegates, now);
          if (why !== null)
            this.#loosens(`the exception of ${code} for ${exception.purl}`, exception.at, why);
          return why === null;
        });
        return codes.length === 0 ? [] : [{ ...exception, codes }];
      });
      for (const exception of kept) {
        for (const code of exception.codes) {
          const key = exceptionKey(exception, code);
          granted.set(key, Math.min(granted.get(key) ?? Infinity, exception.expires));
        }
      }
      return kept;
    });
  }

  #take<T>(field: string, stated: Stated<T> | null): T | null {
    if (stated !== null) this.#origins.set(field, stated.at);
    return stated === null ? null : stated.value;
  }

  #stricter<T extends string>(field: string, order: readonly T[], above: T, stated: Stated<T> | null): T {
    if (stated === null || stated.value === above) return above;
    if (order.indexOf(stated.value) > order.indexOf(above)) return this.#take(field, stated) ?? above;
    this.#loosens(field, stated.at, `it says ${stated.value}, the higher layer ${above}`);
    return above;
  }

  #atLeast(
    field: string,
    above: number,
    stated: Stated<number> | null,
    show: (value: number) => string,
  ): number {
    if (stated === null || stated.value === above) return above;
    if (stated.value > above) return this.#take(field, stated) ?? above;
    this.#loosens(
      field,
      stated.at,
      `it says ${show(stated.value)}, the higher layer at least ${show(above)}`,
    );
    return above;
  }

  #atMost(field: string, above: number, stated: Stated<number> | null): number {
    if (stated === null || stated.value === above) return above;
    if (stated.value < above) return this.#take(field, stated) ?? above;
    this.#loosens(
      field,
      stated.at,
      `it says ${formatDuration(stated.value)}, the higher layer at most ${formatDuration(above)}`,
    );
    return above;
  }

  #subset(
    field: string,
    above: readonly string[],
    stated: readonly string[],
    at: Position,
  ): readonly string[] {
    if (stated.length === 0) return above;
    const more = stated.filter((item) => !above.includes(item));
    if (more.length > 0) this.#loosens(field, at, `the higher layer does not name ${more.join(", ")}`);
    return more.length === stated.length ? above : above.filter((item) => stated.includes(item));
  }

  #loosens(field: string, at: Position, detail: string): void {
    this.#findings.push({
      code: "policy/loosens",
      effect: "block",
      at,
      why: `${field}: ${detail}. A lower layer may only tighten.`,
      fix: "Take the line out here, or have the higher layer changed first.",
    });
  }
}

const trustKeys = ["maxAge", "sct", "log", "time"] as const;

function notDelegated(
  exception: Exception,
  code: Code,
  delegates: readonly NonNullable<Policy["delegate"]>[],
  now: Instant,
): string | null {
  if (kindOf(code) === "refused") return "only the highest layer may except what contradicts";
  if (delegates.length === 0) return "the higher layer delegates no exceptions";
  const named = parsePurl(exception.purl);
  for (const delegate of delegates) {
    if (!delegate.codes.includes(code)) return `delegated are ${delegate.codes.join(", ")}`;
    const latest = now + delegate.maxDays * day;
    if (exception.expires > latest)
      return `it may expire on ${formatInstant(latest).slice(0, 10)} at the latest`;
    if (named === null || !matchNames(delegate.names, named.name, named.ecosystem)) {
      return `delegated are the names ${delegate.names.join(", ")}`;
    }
  }
  return null;
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.every((item) => b.includes(item)) && b.every((item) => a.includes(item));
