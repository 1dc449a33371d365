import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget } from "../src/budget.ts";
import { readAttestationDocument } from "../src/evidence/attestation-reader.ts";
import { readPackument } from "../src/evidence/packument.ts";
import { readRegistryKeys } from "../src/evidence/registry-keys.ts";
import { readSimpleIndex } from "../src/evidence/simple-index.ts";
import type { LockFormat } from "../src/lockfile/package-set.ts";
import { readLockfile } from "../src/lockfile/read-lockfile.ts";
import { readPolicy } from "../src/policy/read-policy.ts";
import { hasVectors, readVector, vectorsPath } from "./vectors.ts";

/**
 * Every parser on mutated real documents. `COUNTERSIGN_FUZZ_RUNS` says how many mutants a parser gets; the slices stay
 * small, so that the mutations hit, unless `COUNTERSIGN_FUZZ_BYTES` says otherwise.
 */
const runs = Number(
  process.env["COUNTERSIGN_FUZZ_RUNS"] ?? (process.env["CI"] === undefined ? 1_000 : 10_000),
);
const sliceBytes = Number(process.env["COUNTERSIGN_FUZZ_BYTES"] ?? 8192);
/** No mutant of a slice may take longer; a hang is a failure, not a slow test. */
const patience = 2000;

type Mutation = { at: number; length: number; insert: string };
const tokens = [
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  '"',
  "'",
  "\\",
  "\n",
  "\t",
  " ",
  "#",
  "&a",
  "*a",
  "!!",
  "---\n",
  "null",
  "-1",
  "1e999",
  "__proto__",
  "constructor",
  "\u0000",
  "\uFEFF",
  "\u202E",
  "\uD800",
  "sha512-",
  "@",
  "|",
  ">",
  "<!--",
  "<a href",
];
const mutations = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    length: fc.nat({ max: 24 }),
    insert: fc.oneof(fc.constantFrom(...tokens), fc.string({ maxLength: 12 })),
  }),
  { minLength: 1, maxLength: 8 },
);

function mutate(text: string, changes: readonly Mutation[]): string {
  let mutant = text;
  for (const { at, length, insert } of changes) {
    const start = Math.floor(at * mutant.length);
    mutant = mutant.slice(0, start) + insert + mutant.slice(start + length);
  }
  return mutant;
}

/** Slices that begin as the document does, so that the format is still recognised, and go on somewhere inside. */
function slices(text: string, head: number): string[] {
  const start = text.slice(0, head);
  const places = [
    head,
    Math.floor(text.length / 3),
    Math.floor(text.length / 2),
    Math.max(head, text.length - sliceBytes),
  ];
  return places.map((place) => start + text.slice(text.indexOf("\n", place) + 1, place + sliceBytes - head));
}

async function survives(sources: readonly string[], parse: (text: string) => unknown): Promise<void> {
  const property = fc.asyncProperty(fc.constantFrom(...sources), mutations, async (source, changes) => {
    const start = performance.now();
    await parse(mutate(source, changes));
    expect(performance.now() - start).toBeLessThan(patience);
  });
  await fc.assert(property, { numRuns: runs });
}

const evidence = (...parts: string[]): string[] =>
  readdirSync(vectorsPath(...parts))
    .filter((name) => !/index|cases|\.pem$/.test(name))
    .map((name) => readVector(...parts, name).slice(0, sliceBytes * 2));

describe.skipIf(!hasVectors)(
  "no mutant of a real document makes a parser throw or hang",
  { timeout: 900_000 },
  () => {
    const lockfiles: [LockFormat, string, number][] = [
      ["package-lock", "large.package-lock.json", 400],
      ["pnpm-lock", "vite.pnpm-lock.yaml", 700],
      ["yarn-berry", "jest.yarn.lock", 200],
      ["uv-lock", "attest-action.uv.lock", 260],
    ];
    it.each(lockfiles)("%s", async (format, file, head) => {
      const text = readVector("lockfiles", file);
      await survives(slices(text, head), (mutant) => readLockfile(format, "lock", Buffer.from(mutant)));
    });

    const others: LockFormat[] = ["bun-lock", "deno-lock", "yarn-classic", "pylock", "requirements"];
    it.each(others)("%s, from documents of the other formats", async (format) => {
      const sources = lockfiles.flatMap(([, file, head]) => slices(readVector("lockfiles", file), head));
      await survives(sources, (mutant) => readLockfile(format, "lock", Buffer.from(mutant)));
    });

    it("attestation documents of every format", async () => {
      await survives([...evidence("npm", "attestations"), ...evidence("pypi")], (mutant) =>
        readAttestationDocument(mutant, defaultBudget),
      );
    });
    it("packuments", async () => {
      await survives(evidence("npm", "packuments"), (mutant) =>
        readPackument(mutant, "sigstore", ["1.0.0"], defaultBudget),
      );
    });
    it("registry keys", async () => {
      await survives([readVector("trust", "npm-keys.json")], (mutant) =>
        readRegistryKeys(mutant, defaultBudget),
      );
    });
    it("simple index pages, JSON and HTML", async () => {
      const html =
        '<!DOCTYPE html><html><body><a href="a-1.0.tar.gz#sha256=00" data-yanked="x">a-1.0.tar.gz</a></body></html>';
      await survives([readVector("pypi", "derived--simple-sigstore.v1.json"), html], (mutant) => {
        readSimpleIndex(mutant, "application/vnd.pypi.simple.v1+json", "sigstore", defaultBudget);
        readSimpleIndex(mutant, "text/html", "a", defaultBudget);
      });
    });
    it("policies", async () => {
      const policy =
        'version: 1\nmode: strict\nrequire:\n  - { ecosystem: npm, names: ["**", "!@acme/**"], level: signed }\nage: { minimum: 72h }\n';
      await survives([policy], (mutant) => readPolicy("policy.yaml", mutant, "head"));
    });
  },
);
