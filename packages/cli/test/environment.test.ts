import { describe, expect, it } from "vitest";
import { cacheDirectoryOf } from "../src/environment.ts";
import type { Setting } from "./host.ts";
import { hostOf } from "./host.ts";

const cacheOf = (platform: NodeJS.Platform, variables: Readonly<Record<string, string>>): string => {
  const setting: Setting = {
    directory: "/project",
    scratch: "/users/a",
    platform,
    variables: { COUNTERSIGN_CACHE_DIR: "", ...variables },
  };
  return cacheDirectoryOf(hostOf(setting).host);
};

describe("the cache directory", () => {
  it.each<[NodeJS.Platform, Readonly<Record<string, string>>, string]>([
    ["linux", {}, "/users/a/home/.cache/countersign"],
    ["linux", { XDG_CACHE_HOME: "/xdg" }, "/xdg/countersign"],
    ["linux", { XDG_CACHE_HOME: "relative" }, "/users/a/home/.cache/countersign"],
    ["darwin", {}, "/users/a/home/Library/Caches/countersign"],
    ["darwin", { XDG_CACHE_HOME: "/xdg" }, "/xdg/countersign"],
    ["win32", { LOCALAPPDATA: "C:\\Local" }, "C:\\Local\\countersign\\Cache"],
    ["linux", { COUNTERSIGN_CACHE_DIR: "/own", XDG_CACHE_HOME: "/xdg" }, "/own"],
    ["linux", { COUNTERSIGN_CACHE_DIR: "own" }, "/project/own"],
  ])("on %s with %j is %s", (platform, variables, expected) =>
    expect(cacheOf(platform, variables)).toBe(expected),
  );
});
