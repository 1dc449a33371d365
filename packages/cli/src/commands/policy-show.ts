import {
  formatBinding,
  formatDuration,
  formatInstant,
  visible,
  type Policy,
  type Position,
} from "@countersign/core";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { readLayers, type LayerOptions } from "../policy-layers.ts";
import { json } from "../render.ts";

/** One value of the merged policy and who says so; null: nobody does, it is the default. */
type Row = { field: string; value: unknown; at: Position | null };

/** Shows the policy that holds after all layers, and where each value comes from. */
export async function showPolicy(host: Host, options: LayerOptions & { json?: boolean }): Promise<number> {
  const { policy, findings } = await readLayers(host, options);
  if (findings.length > 0) throw new CommandError("the policy has mistakes", "countersign policy check");
  const rows = rowsOf(policy);
  const problems = policy.problems.map(({ code, at, why, fix }) => ({ code, at, why, fix }));
  if (options.json === true) {
    host.terminal.out(
      json({
        schema: "countersign/policy/1",
        builtIn: policy.builtIn,
        layers: policy.layers,
        fields: rows,
        problems,
      }),
    );
  } else {
    const { dim, yellow } = host.terminal.palette("out");
    const layers = policy.layers.map(({ kind, path }) => `${kind}: ${visible(path)}`);
    const lines = rows.map(({ field, value, at }) => {
      const from = at === null ? "default" : `${visible(at.path)}:${at.line}`;
      return `${field}: ${visible(textOf(value))}  ${dim(`# ${from}`)}`;
    });
    const wrong = problems.map(({ at, why }) => yellow(`${visible(at.path)}:${at.line}: ${visible(why)}`));
    host.terminal.out(
      `${[dim(`# ${layers.length === 0 ? "no policy file: the built-in policy" : layers.join(", ")}`), ...lines, ...wrong].join("\n")}\n`,
    );
  }
  return problems.length === 0 ? 0 : 2;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function rowsOf(policy: Policy): Row[] {
  const at = (field: string): Position | null => policy.origins.get(field) ?? null;
  const row = (field: string, value: unknown): Row => ({ field, value, at: at(field) });
  const fields = <T extends object>(
    prefix: string,
    table: T,
    show: (value: T[keyof T]) => unknown = (value) => value,
  ): Row[] => Object.entries(table).map(([key, value]) => row(`${prefix}.${key}`, show(value as T[keyof T])));
  const { maxAge, roots, ...thresholds } = policy.trust;
  return [
    row("mode", policy.mode),
    ...policy.registries.map(({ at: place, layer, ...registry }, index) => ({
      field: `registries[${index}]`,
      value: { ...registry, layer },
      at: place,
    })),
    ...policy.require.map(({ at: place, ecosystem, names, level, identities, registries }, index) => ({
      field: `require[${index}]`,
      value: { ecosystem, names, level, identities, ...(registries === null ? {} : { registries }) },
      at: policy.builtIn ? null : place,
    })),
    ...[...policy.identities].flatMap(([name, patterns]) =>
      patterns.map(({ at: place, ...pattern }) => ({
        field: `identities.${name}`,
        value: Object.fromEntries(Object.entries(pattern).filter(([, value]) => value !== null)),
        at: place,
      })),
    ),
    ...fields("sources", policy.sources),
    ...(policy.drift === null ? [row("drift", "none")] : fields("drift", policy.drift)),
    ...(policy.age === null
      ? [row("age", "none")]
      : [row("age.minimum", formatDuration(policy.age.minimum)), row("age.unknown", policy.age.unknown)]),
    ...(policy.seal.approval === null ? [] : fields("seal.approval", policy.seal.approval)),
    ...(policy.seal.summary === null
      ? []
      : [
          row("seal.summary.signers", policy.seal.summary.signers),
          row("seal.summary.maxAge", formatDuration(policy.seal.summary.maxAge)),
        ]),
    row("trust.maxAge", formatDuration(maxAge)),
    ...fields("trust", thresholds),
    row("trust.roots", roots),
    ...policy.exceptions.map(({ at: place, purl, digest, codes, reason, owner, expires }, index) => ({
      field: `exceptions[${index}]`,
      value: { purl, digest: formatBinding(digest), codes, reason, owner, expires: formatInstant(expires) },
      at: place,
    })),
    ...(policy.delegate === null ? [] : [row("delegate.exceptions", policy.delegate)]),
  ];
}
