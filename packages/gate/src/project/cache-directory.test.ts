import { describe, expect, it } from "vitest";
import { cacheDirectoryOf } from "./cache-directory.ts";

describe("the cache directory", () => {
  it.each<[NodeJS.Platform, Readonly<Record<string, string>>, string]>([
    ["linux", {}, "/users/a/.cache/countersign"],
    ["linux", { XDG_CACHE_HOME: "/xdg" }, "/xdg/countersign"],
    ["linux", { XDG_CACHE_HOME: "relative" }, "/users/a/.cache/countersign"],
    ["darwin", {}, "/users/a/Library/Caches/countersign"],
    ["darwin", { XDG_CACHE_HOME: "/xdg" }, "/xdg/countersign"],
    ["win32", { LOCALAPPDATA: "C:\\Local" }, "C:\\Local\\countersign\\Cache"],
    ["linux", { COUNTERSIGN_CACHE_DIR: "/own", XDG_CACHE_HOME: "/xdg" }, "/own"],
    ["linux", { COUNTERSIGN_CACHE_DIR: "own" }, "/project/own"],
  ])("on %s with %j is %s", (platform, variables, expected) =>
    expect(cacheDirectoryOf({ directory: "/project", home: "/users/a", platform, variables })).toBe(expected),
  );
});
