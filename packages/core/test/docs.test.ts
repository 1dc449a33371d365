import { Validator } from "@cfworker/json-schema";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { codes, isCode } from "../src/codes.ts";
import { readPolicy } from "../src/policy/read-policy.ts";
import { reportSchema } from "../src/report/schema.ts";

const root = resolve(import.meta.dirname, "../../..");
const areas = new Set(Object.keys(codes).map((code) => code.split("/")[0]));

/** One page, by its path from the repository's root. */
type Page = { path: string; text: string };
type Block = { language: string; text: string; line: number };

const pages: readonly Page[] = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(resolve(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`),
].map((path) => ({ path, text: readFileSync(resolve(root, path), "utf8") }));

function blocksOf({ text }: Page): Block[] {
  return [...text.matchAll(/^ *```([a-z]*)\n([\s\S]*?)^ *```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
    line: text.slice(0, match.index).split("\n").length,
  }));
}

const isPolicy = ({ language, text }: Block): boolean => language === "yaml" && text.startsWith("version:");

/** What is wrong with the examples of a page. */
function exampleProblems(page: Page): string[] {
  return blocksOf(page).flatMap((block) => {
    const place = `${page.path}:${block.line}`;
    if (isPolicy(block)) {
      const read = readPolicy(place, block.text, "managed");
      return read.ok ? [] : read.findings.map(({ why }) => `${place}: ${why}`);
    }
    if (block.language !== "json") return [];
    const value = JSON.parse(block.text) as { schema?: unknown };
    if (value.schema !== "countersign/report/1") return [];
    const { errors } = new Validator(reportSchema, "2020-12", false).validate(value);
    return errors.map(({ instanceLocation, error }) => `${place}: ${instanceLocation} ${error}`);
  });
}

/** Text in backticks, and list items of `codes:` in examples, that has the form of a code of a known area. */
function unknownCodes({ path, text }: Page): string[] {
  return [...text.matchAll(/(?<![\w./@-])([a-z]+)\/[a-z]+(?:-[a-z]+)*(?![\w./@*-])/g)]
    .filter((match) => {
      const before = text[match.index - 1] ?? "";
      return areas.has(match[1]) && /[`[ ,]/.test(before) && isQuoted(text, match.index);
    })
    .filter(([word]) => !isCode(word))
    .map(([word]) => `${path}: ${word}`);
}

/** Whether an offset lies in inline code or in a fenced block. */
function isQuoted(text: string, offset: number): boolean {
  const start = text.lastIndexOf("\n", offset) + 1;
  const ticks = text.slice(start, offset).split("`").length - 1;
  const fences = text.slice(0, start).split(/^ *```/m).length - 1;
  return ticks % 2 === 1 || fences % 2 === 1;
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .replaceAll(/[`*]/g, "")
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

function anchorsOf(text: string): Set<string> {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return new Set([...prose.matchAll(/^#{1,6} (.+)$/gm)].map((match) => anchorOf(match[1] ?? "")));
}

function brokenLinks({ path, text }: Page): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].flatMap((match) => {
    const target = match[1] ?? "";
    if (/^[a-z]+:/.test(target)) return [`${path}: ${target} leads out of the repository`];
    const [file = "", anchor] = target.split("#");
    const absolute = file === "" ? resolve(root, path) : resolve(root, dirname(path), file);
    if (relative(root, absolute).startsWith("..") || !existsSync(absolute))
      return [`${path}: ${target} is not there`];
    if (anchor === undefined) return [];
    const known = anchorsOf(readFileSync(absolute, "utf8"));
    return known.has(anchor) ? [] : [`${path}: ${target} has no such heading`];
  });
}

/** Spelled so that this file names no host either. */
const publicHosts: readonly RegExp[] = [
  /\bregistry\.(?:npm|yarn)[a-z]*\.[a-z]+/i,
  /\bnpm\.(?:jsr|pkg)\.[a-z]+/i,
  /\bpypi\.[a-z]{2,}/i,
  /\bpython[h]osted\b/i,
  /\bjsr\.[a-z]{2,}\b/i,
  /\bsigstore\.[d]ev\b/i,
];
const hostsIn = ({ path, text }: Page): string[] =>
  publicHosts.flatMap((host) => {
    const found = host.exec(text)?.[0];
    return found === undefined ? [] : [`${path}: ${found}`];
  });

const page = (text: string): Page => ({ path: "docs/example.md", text });

describe("documentation", () => {
  it("has policies that the reader takes, and reports of the published schema", () => {
    expect(pages.flatMap(exampleProblems)).toEqual([]);
  });

  it("has only whole policies in docs/policy.md, and one in the README", () => {
    const of = (path: string): Block[] => pages.filter((each) => each.path === path).flatMap(blocksOf);
    const yaml = of("docs/policy.md").filter(({ language }) => language === "yaml");
    expect(yaml.length).toBeGreaterThan(8);
    expect(yaml.filter((block) => !isPolicy(block))).toEqual([]);
    expect(of("README.md").filter(isPolicy)).toHaveLength(1);
  });

  it("has a transcript in the README: what passes and what is blocked, each with its exit code", () => {
    const { text } = pages.find(({ path }) => path === "README.md") as Page;
    const transcript = /<!-- transcript -->([\s\S]*)<!-- \/transcript -->/.exec(text)?.[1] ?? "";
    const acts = blocksOf(page(transcript)).map((block) => block.text);
    expect(acts).toHaveLength(2);
    expect(acts[0]).toMatch(/^\$ countersign verify\n\n✓ allowed: [\s\S]*\nexit code 0\n$/);
    expect(acts[1]).toMatch(/^\$ countersign verify\n\n✗ blocked: [\s\S]*\nexit code 1\n$/);
    const named = [...transcript.matchAll(/^blocked ([a-z]+\/[a-z-]+):/gm)].map(([, code]) => code ?? "");
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((code) => !isCode(code))).toEqual([]);
  });

  it("mentions only codes that exist", () => {
    expect(pages.flatMap(unknownCodes)).toEqual([]);
  });

  it("has links that lead to a file and heading of this repository", () => {
    expect(pages.flatMap(brokenLinks)).toEqual([]);
  });

  it("names no host of a public registry", () => {
    expect(pages.flatMap(hostsIn)).toEqual([]);
  });

  it("names in docs/dependencies.md every runtime dependency with its version, and no other", () => {
    const { text } = pages.find(({ path }) => path === "docs/dependencies.md") as Page;
    const rows = [...text.matchAll(/^\| `([^`]+)` +\| ([a-z, ]+?) +\| (\S+) +\|/gm)].map(
      ([, name, users, version]) => `${name} ${version} ${users}`,
    );
    const wanted = new Map<string, string[]>();
    const forTests = new Set(["rolldown", "@action-validator/core", "gitlab-ci-local"]);
    for (const folder of ["core", "gate", "cli"]) {
      const manifest = JSON.parse(
        readFileSync(resolve(root, "packages", folder, "package.json"), "utf8"),
      ) as Record<"dependencies" | "devDependencies", Record<string, string> | undefined>;
      // The executable is one bundle: what it is built from stands among its development dependencies.
      const listed = folder === "cli" ? manifest.devDependencies : manifest.dependencies;
      for (const [name, version] of Object.entries(listed ?? {})) {
        if (version.startsWith("workspace:") || forTests.has(name)) continue;
        const key = `${name} ${version}`;
        wanted.set(key, [...(wanted.get(key) ?? []), folder]);
      }
    }
    expect(rows.toSorted()).toEqual(
      [...wanted].map(([key, users]) => `${key} ${users.join(", ")}`).toSorted(),
    );
  });

  it("names in docs/architecture.md only files that are there", () => {
    const { text } = pages.find(({ path }) => path === "docs/architecture.md") as Page;
    const named = [...text.matchAll(/`((?:core|gate|cli|testkit|tools|packages)\/[^`\s]*)`/g)].map(
      ([, path]) => path ?? "",
    );
    expect(named.length).toBeGreaterThan(20);
    const gone = named.filter(
      (path) => ![path, `packages/${path}`].some((each) => existsSync(resolve(root, each))),
    );
    expect(gone).toEqual([]);
  });
});

describe("the checks of the documentation", () => {
  const fenced = (language: string, text: string): Page =>
    page(`# A\n\n\`\`\`${language}\n${text}\n\`\`\`\n`);

  it("see a policy with a mistake, and where", () => {
    expect(exampleProblems(fenced("yaml", "version: 1\nmodus: strict"))).toEqual([
      expect.stringMatching(/^docs\/example\.md:3: .*modus/),
    ]);
  });

  it("see a report that is not of the schema", () => {
    expect(exampleProblems(fenced("json", '{ "schema": "countersign/report/1" }'))).not.toEqual([]);
  });

  it("see a code that does not exist, in a sentence and in an example", () => {
    expect(unknownCodes(page("It is `signature/lost`, not `signature/absent`."))).toEqual([
      "docs/example.md: signature/lost",
    ]);
    expect(unknownCodes(fenced("yaml", "codes: [age/too-old, age/unknown]"))).toHaveLength(1);
  });

  it("see links to what is not there", () => {
    expect(
      brokenLinks(page("[a](nowhere.md) [b](policy.md#no-such-heading) [c](policy.md#layers)")),
    ).toHaveLength(2);
  });

  it("see a public host", () => {
    for (const host of [
      ["registry", "npmjs", "org"],
      ["files", ["python", "hosted"].join(""), "org"],
      ["pypi", "org"],
    ]) {
      expect([host, hostsIn(page(`https://${host.join(".")}/x`)).length > 0]).toEqual([host, true]);
    }
  });
});
