import { LineIndex, startOf } from "../position.ts";
import { ok, refuse, type Result } from "../result.ts";
import { readYaml } from "../yaml.ts";
import { checkShape } from "./check-shape.ts";
import { forExample, LayerReader, malformed } from "./layer-reader.ts";
import type { LayerKind, PolicyLayer } from "./policy.ts";
import { policySchema } from "./schema.ts";

/** A policy is written by hand: what is larger than this is none. Characters, nesting and values. */
const bounds = { characters: 1024 * 1024, depth: 16, nodes: 200_000 };

/**
 * Reads one policy file: strict YAML of the published schema, then what a schema cannot say (dates, globs, names that
 * must exist). All mistakes are reported at once, each with its line, what was expected, what was found, an example.
 * @param path as it is to be shown, relative to the project where it lies in it
 * @param layer whose word the file is
 */
export function readPolicy(path: string, text: string, layer: LayerKind): Result<PolicyLayer> {
  const index = new LineIndex(path, text);
  if (text.length > bounds.characters) {
    return refuse(
      malformed(startOf(path), `The policy has more than ${bounds.characters} characters.`, "Shorten it."),
    );
  }
  const yaml = readYaml(text, "core", bounds);
  if (!yaml.ok) {
    return refuse(
      ...yaml.problems.map(({ rule, at, detail }) =>
        malformed(
          index.at(at),
          `Not strict YAML (${rule}): ${detail}.`,
          yamlAdvice[rule] ?? "Correct the line.",
        ),
      ),
    );
  }
  const root = yaml.documents[0];
  if (root === undefined || yaml.documents.length > 1) {
    const why = root === undefined ? "The policy is empty." : "The file holds several YAML documents.";
    return refuse(malformed(startOf(path), why, forExample("version: 1")));
  }
  const shape = checkShape(root, policySchema);
  if (shape.length > 0) {
    return refuse(
      ...shape.map(({ offset, why, example }) => malformed(index.at(offset), why, forExample(example))),
    );
  }
  const reader = new LayerReader(root, index, path, layer);
  const value = reader.read();
  return reader.problems.length > 0 ? refuse(...reader.problems) : ok(value);
}

const yamlAdvice: Readonly<Record<string, string>> = {
  "duplicate-key": "Keep one of the two.",
  anchor: "Write the value out at each place.",
  alias: "Write the value out at each place.",
  tag: "Leave the tag out; quote the value if it is text.",
};
