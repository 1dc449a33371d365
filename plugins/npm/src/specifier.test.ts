import { describe, expect, it } from "vitest";
import { nameOf, rangeOf, specifierKind } from "./specifier.ts";

describe("a specifier", () => {
  it.each([
    ["x", "registry"],
    ["x@1.0.0", "registry"],
    ["x@^1 || 2", "registry"],
    ["x@latest", "registry"],
    ["@s/x", "registry"],
    ["@s/x@1", "registry"],
    ["al@npm:x@1", "registry"],
    ["al@npm:@s/x", "registry"],
    ["owner/repository", "git"],
    ["owner/repository#main", "git"],
    ["x@owner/repository", "git"],
    ["github:owner/repository", "git"],
    ["git+https://host.example/x.git", "git"],
    ["git+ssh://git@host.example/x.git", "git"],
    ["git@host.example:owner/x.git", "git"],
    ["x@git+https://host.example/x.git", "git"],
    ["https://host.example/x.git", "git"],
    ["https://host.example/x.tgz", "url"],
    ["x@https://host.example/x.tgz", "url"],
    ["./x", "path"],
    ["../x", "path"],
    [".", "path"],
    ["..", "path"],
    ["/x", "path"],
    ["~/x", "path"],
    ["C:\\x", "path"],
    ["file:x", "path"],
    ["x@file:../x", "path"],
    ["x.tgz", "path"],
    ["folder/x.tgz", "path"],
    ["x@./y", "path"],
  ])("%s: %s", (specifier, kind) => expect(specifierKind(specifier)).toBe(kind));

  it.each([
    ["x", "x", "latest"],
    ["x@1", "x", "1"],
    ["x@", "x", "latest"],
    ["@s/x", "@s/x", "latest"],
    ["@s/x@^2", "@s/x", "^2"],
    ["al@npm:x@1", "al", "npm:x@1"],
  ])("%s: %s, %s", (specifier, name, range) => {
    expect(nameOf(specifier)).toBe(name);
    expect(rangeOf(specifier)).toBe(range);
  });
});
