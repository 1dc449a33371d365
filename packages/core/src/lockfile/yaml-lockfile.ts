import type { Finding } from "../finding.ts";
import { LineIndex, type Position } from "../position.ts";
import { refuse, type Result } from "../result.ts";
import { scanYaml } from "../yaml-scanner.ts";
import { scalarValue, type YamlMap, type YamlNode, type YamlProblem, type YamlSchema } from "../yaml-tree.ts";
import type { Code } from "../codes.ts";
import { Problems, toFinding, type Problem } from "./problems.ts";
import type { ReaderInput } from "./reader.ts";

/** Nodes that the documents of one file may have: enough for the allowed entries, and at most 1.5 GB of memory. */
const nodesPerEntry = 32;
const maximumNodes = 4_000_000;

/**
 * A lockfile written in YAML while it is read: its documents, where things stand, and what is wrong. What has the
 * wrong shape makes the file one that was not understood, and it is refused; what was understood but must not be
 * trusted is a problem of the set.
 */
export class YamlLockfile {
  readonly documents: readonly YamlNode[];
  readonly problems: Problems;
  readonly #lines: LineIndex;
  readonly #schema: YamlSchema;
  readonly #regenerate: string;
  readonly #misshapen: Finding[] = [];
  readonly #limit: number;

  private constructor(
    input: ReaderInput,
    lines: LineIndex,
    schema: YamlSchema,
    regenerate: string,
    documents: readonly YamlNode[],
  ) {
    this.documents = documents;
    this.problems = new Problems(input.budget);
    this.#lines = lines;
    this.#schema = schema;
    this.#regenerate = regenerate;
    this.#limit = input.budget.findings;
  }

  /**
   * The parser of the whole language is loaded only for what no package manager writes.
   * @param regenerate the command that writes the file anew
   */
  static async open(
    input: ReaderInput,
    schema: YamlSchema,
    regenerate: string,
  ): Promise<Result<YamlLockfile>> {
    const lines = new LineIndex(input.path, input.text);
    const nodes = Math.min(maximumNodes, nodesPerEntry * input.budget.lockfileEntries + 1024);
    const bounds = { depth: input.budget.depth, nodes };
    const documents = scanYaml(input.text, schema, bounds);
    const read =
      documents === null
        ? (await import("../yaml-events.ts")).readYamlEvents(input.text, schema, bounds)
        : { ok: true as const, documents };
    if (!read.ok) return refuse(...read.problems.map((problem) => notRead(problem, lines, regenerate)));
    return { ok: true, value: new YamlLockfile(input, lines, schema, regenerate, read.documents) };
  }

  at(offset: number): Position {
    return this.#lines.at(offset);
  }

  /** What must not be trusted; the fix is to write the file anew unless another is given. */
  problem(problem: Omit<Problem, "fix"> & { fix?: string }): void {
    this.problems.add({ fix: `Regenerate the lockfile: ${this.#regenerate}`, ...problem });
  }

  /** The file is not what its format says: it will be refused. */
  refuse(node: { at: number }, why: string, code: Code = "lockfile/malformed"): void {
    if (this.#misshapen.length >= this.#limit) return;
    const fix = `Regenerate the lockfile: ${this.#regenerate}`;
    this.#misshapen.push(toFinding({ code, at: this.at(node.at), why, fix }));
  }

  /** The findings that refuse the file, if there are any. */
  refused(): { ok: false; findings: readonly Finding[] } | null {
    return this.#misshapen.length === 0 ? null : refuse(...this.#misshapen);
  }

  map(node: YamlNode, what: string): YamlMap | null {
    if (node.kind === "map") return node;
    this.refuse(node, `${what} is not a map.`);
    return null;
  }

  /** The map under a key, or null where there is none (`key:` with nothing counts as none). */
  mapIn(parent: YamlMap, key: string): YamlMap | null {
    const value = parent.entries.get(key)?.value;
    if (value === undefined || isNothing(value)) return null;
    return this.map(value, `\`${key}\``);
  }

  /** A scalar that every YAML parser reads as this string. */
  text(node: YamlNode, what: string): string | null {
    if (node.kind === "scalar") {
      if (this.#schema === "failsafe" || !node.plain || version.test(node.text)) return node.text;
      const value = scalarValue(node);
      if (typeof value === "string" && !(/^[-+.\d]/.test(value) && notStringInYaml11.test(value)))
        return value;
    }
    this.refuse(node, `${what} is not a string.`);
    return null;
  }

  textIn(parent: YamlMap, key: string): string | null {
    const value = parent.entries.get(key)?.value;
    return value === undefined ? null : this.text(value, `\`${key}\``);
  }

  /** One string or a list of them; none where the key is missing. */
  textsIn(parent: YamlMap, key: string): string[] {
    const value = parent.entries.get(key)?.value;
    if (value === undefined) return [];
    const nodes = value.kind === "sequence" ? value.items : [value];
    return nodes.flatMap((node) => this.text(node, `\`${key}\``) ?? []);
  }

  /** `true`, or nothing. */
  flagIn(parent: YamlMap, key: string): boolean {
    const value = parent.entries.get(key)?.value;
    if (value === undefined) return false;
    const flag = value.kind === "scalar" ? scalarValue(value) : null;
    if (typeof flag !== "boolean") this.refuse(value, `\`${key}\` is neither true nor false.`);
    return flag === true;
  }
}

/** What most plain scalars begin with; no number or date of any YAML does. */
const version = /^\d{1,9}\.\d{1,9}\.\d/;

/** Plain scalars that YAML 1.1 parsers take for dates and numbers. */
const notStringInYaml11 =
  /^(?:\d{4}-\d{1,2}-\d{1,2}(?:[Tt \t].*)?|[-+]?(?:0b[01_]+|0x[\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?|\.[\d_]+))$/;

const isNothing = (node: YamlNode): boolean => node.kind === "scalar" && node.plain && node.text === "";

function notRead(problem: YamlProblem, lines: LineIndex, regenerate: string): Finding {
  const at = lines.at(problem.at);
  const fix = `Restore the file from version control, or regenerate it: ${regenerate}`;
  switch (problem.rule) {
    case "duplicate-key": {
      const why = `The map holds ${problem.detail}: parsers disagree on which one counts.`;
      return toFinding({ code: "lockfile/duplicate-key", at, why, fix });
    }
    case "depth":
      return toFinding({ code: "budget/depth", at, why: "The file is nested deeper than its bound.", fix });
    case "nodes":
      return toFinding({ code: "budget/entries", at, why: `The file holds ${problem.detail}.`, fix });
    case "syntax":
      return toFinding({
        code: "lockfile/malformed",
        at,
        why: `Not well-formed YAML: ${problem.detail}.`,
        fix,
      });
    default: {
      const why = `The file holds ${problem.detail}: parsers read it differently, and no package manager writes it.`;
      return toFinding({ code: "lockfile/malformed", at, why, fix });
    }
  }
}
