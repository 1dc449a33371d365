import { array, assert, constantFrom, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { argumentOf, optionOf, parseOptions } from "./options.ts";

describe("options of npm", () => {
  it.each<[string, Record<string, string | boolean>, string[]]>([
    ["install", {}, ["install"]],
    ["--loglevel silent install", { loglevel: "silent" }, ["install"]],
    ["--loglevel=silent install x", { loglevel: "silent" }, ["install", "x"]],
    ["-s install", { loglevel: "silent" }, ["install"]],
    ["-gf i x", { global: true, force: true }, ["i", "x"]],
    ["i -g x", { global: true }, ["i", "x"]],
    ["i --no-save x", { save: false }, ["i", "x"]],
    ["i --no-no-save x", { save: true }, ["i", "x"]],
    ["i --save=false x", { save: false }, ["i", "x"]],
    ["i --save false x", { save: false }, ["i", "x"]],
    ["i --no-save false x", { save: true }, ["i", "x"]],
    ["i --save x", { save: true }, ["i", "x"]],
    ["-C dir ci", { prefix: "dir" }, ["ci"]],
    ["--prefix=dir ci", { prefix: "dir" }, ["ci"]],
    ["ci --color always", { color: "always" }, ["ci"]],
    ["ci --omit dev --omit=peer", { omit: "peer" }, ["ci"]],
    ["-w a ci", { workspace: "a" }, ["ci"]],
    ["exec -- tool --flag -x", {}, ["exec", "tool", "--flag", "-x"]],
    ["--location global i x", { location: "global" }, ["i", "x"]],
    ["-reg address i", { registry: "address" }, ["i"]],
  ])("%s", (line, options, positional) => {
    const parsed = parseOptions(line.split(" "));
    expect(parsed.positional).toEqual(positional);
    for (const [name, value] of Object.entries(options)) expect(optionOf(parsed, name)).toBe(value);
    expect(parsed.unclear).toEqual([]);
  });

  it.each(["--unknown ci", "--glob i x", "--allow-git all i", "--loglevel", "--cache -x ci"])(
    "%s is unclear",
    (line) => expect(parseOptions(line.split(" ")).unclear).not.toEqual([]),
  );

  it("an option written back reads as it was", () => {
    const names = constantFrom("save", "force", "omit", "registry", "prefix", "os");
    assert(
      property(array(tuple(names, constantFrom("x", "a b", "=", "-y"))), (given) => {
        const { options } = parseOptions(given.map(([name, value]) => `--${name}=${value}`));
        const again = parseOptions(options.map(argumentOf)).options;
        expect(again.map(argumentOf)).toEqual(options.map(argumentOf));
      }),
    );
  });
});
