import { readYamlEvents } from "./yaml-events.ts";
import { scanYaml } from "./yaml-scanner.ts";
import type { YamlBounds, YamlResult, YamlSchema } from "./yaml-tree.ts";

export { maximumProblems } from "./yaml-events.ts";
export * from "./yaml-tree.ts";

/**
 * Reads every document of a text. Total: whatever the text holds, the outcome is a value. What package managers
 * write is read by the scanner; anything else, and whatever is wrong, by the parser of the whole language.
 */
export function readYaml(text: string, schema: YamlSchema, bounds: YamlBounds): YamlResult {
  const documents = scanYaml(text, schema, bounds);
  return documents === null ? readYamlEvents(text, schema, bounds) : { ok: true, documents };
}
