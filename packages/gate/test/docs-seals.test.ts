import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { sealedClosureOf } from "../src/closure/closure.ts";
import { mostSeals } from "../src/seal/seal-files.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/seals.md"), "utf8");

describe("docs/seals.md", () => {
  it.each(["npm", "pnpm", "yarn", "bun", "deno", "uv", "pip"] as const)(
    "names the closure of %s",
    (manager) => {
      const row = new RegExp(`^\\| ${manager} +\\| (.+) \\|$`, "im").exec(page)?.[1] ?? "";
      const { files, folders, workspace, tracked = [] } = sealedClosureOf(manager);
      // Extensions of one name are listed behind it.
      const named = (name: string): boolean =>
        row.includes(`\`${name}\``) || row.includes(`\`${name.slice(name.lastIndexOf("."))}\``);
      const lockfiles = /(?:^|\/)(?:pnpm-lock\.yaml|yarn\.lock|(?:bun|deno|uv)\.lock)$/;
      for (const name of [
        ...files.filter((file) => !lockfiles.test(file)),
        ...folders,
        ...workspace,
        ...tracked,
      ])
        expect([name, named(name)]).toEqual([name, true]);
    },
  );

  it("names the files of ours, and the bounds", () => {
    const { ours, hooks } = sealedClosureOf("npm");
    for (const name of [...ours, hooks]) expect(page).toContain(`\`${name}\``);
    expect(page).toContain(`At most ${mostSeals} for one lockfile`);
  });
});
