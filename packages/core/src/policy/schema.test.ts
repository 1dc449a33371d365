import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { expect, it } from "vitest";
import { readYaml, yamlValue } from "../yaml.ts";
import { checkShape } from "./check-shape.ts";
import { policySchema } from "./schema.ts";

const file = resolve(import.meta.dirname, "../../schema/policy-1.json");
const text = `${JSON.stringify(policySchema, null, 2)}\n`;

it("is published as it is used: COUNTERSIGN_UPDATE=1 rewrites the file", () => {
  if (process.env["COUNTERSIGN_UPDATE"] === "1") writeFileSync(file, text);
  expect(readFileSync(file, "utf8")).toBe(text);
});

const documents = [
  "version: 1",
  "version: 2",
  'version: "1"',
  "mode: warn",
  "version: 1\nmode: stric",
  "version: 1\nrequire: []",
  "version: 1\nrequire: [{ names: ['**'], level: locked }]",
  "version: 1\nrequire: [{ names: '**', level: locked }]",
  "version: 1\nrequire: [{ names: ['**'], level: locked, extra: 1 }]",
  "version: 1\nrequire: [{ level: locked }]",
  "version: 1\nidentities: { release: { issuer: github, repositoryId: 42 } }",
  "version: 1\nidentities: { release: { issuer: github, repositoryId: '42', slsaBuild: 4 } }",
  "version: 1\nidentities: { 'a b': { issuer: github } }",
  "version: 1\nage: { minimum: 72h }",
  "version: 1\nage: { minimum: 3 weeks }",
  "version: 1\ntrust: { sct: 0 }",
  "version: 1\ntrust: { sct: 1.5 }",
  "version: 1\nregistries: [{ url: 'ftp://a.example/', ecosystem: npm }]",
  "version: 1\ndelegate: { exceptions: { codes: [signature/absent], maxDays: 30, names: ['**'] } }",
  "[]",
  "~",
];

it.each(documents)("the reader and a JSON Schema validator agree on %j", (document) => {
  const yaml = readYaml(document, "core", { depth: 16, nodes: 1000 });
  const root = yaml.ok ? yaml.documents[0] : undefined;
  if (root === undefined) throw new Error("a broken test document");
  const value: unknown = JSON.parse(JSON.stringify(yamlValue(root)));
  const { valid } = new Validator(policySchema as object, "2020-12").validate(value);
  expect(checkShape(root, policySchema).length === 0).toBe(valid);
});

it("describes what is expected wherever a message may need it", () => {
  const visit = (schema: typeof policySchema): void => {
    if (schema.$ref === undefined) expect(schema.description).toBeTruthy();
    for (const property of Object.values(schema.properties ?? {})) visit(property);
    if (schema.items !== undefined) visit(schema.items);
    if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
  };
  visit(policySchema);
  for (const definition of Object.values(policySchema.$defs ?? {})) visit(definition);
});
