import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasManager, programOf, writeFiles, writeProject } from "@countersign/testkit";
import type { Ran } from "./host.ts";
import { openScene, type Scene } from "./scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
  writeFiles(join(scene.setting.scratch, "hooks"), { "npm.mjs": "// npm\n" });
  const widget = scene.kit.npm.publish({ name: "widget" });
  writeProject(scene.directory, {
    lock: "package-lock.json",
    packages: [widget],
    registry: scene.kit.npm.url,
  });
});
afterEach(() => scene.close());

const init = (...args: readonly string[]): Promise<Ran> =>
  scene.runWith(
    { hooks: join(scene.setting.scratch, "hooks"), variables: { PATH: "" } },
    "init",
    "--yes",
    ...args,
  );
const at = (path: string): string => join(scene.directory, path);
const text = (path: string): string => readFileSync(at(path), "utf8");

describe("what init tells git and npm of lockfiles and seals", () => {
  it("keeps line breaks of the lockfile as they were sealed, and every other line of .gitattributes", async () => {
    writeFileSync(at(".gitattributes"), "*.png binary");
    expect(await init()).toExitWith(0);
    expect(text(".gitattributes")).toBe("*.png binary\n/package-lock.json text eol=lf");
    const once = text(".gitattributes");
    await init();
    expect(text(".gitattributes")).toBe(once);
    await init("--remove");
    expect(text(".gitattributes").trim()).toBe("*.png binary");
  });

  it("takes back all that it wrote", async () => {
    await init();
    expect(existsSync(at(".countersign/.npmignore"))).toBe(true);
    await init("--remove");
    expect(existsSync(at(".gitattributes"))).toBe(false);
    expect(existsSync(at(".countersign"))).toBe(false);
  });

  it.skipIf(!hasManager("npm-12"))(
    "npm pack leaves .countersign out, and what it packed before in",
    async () => {
      writeFiles(scene.directory, { "index.js": "", ".gitignore": "secret.txt\n", "secret.txt": "x" });
      const packed = (): string[] => {
        const out = execFileSync(
          process.execPath,
          [programOf("npm-12", "npm") as string, "pack", "--dry-run", "--json", "--ignore-scripts"],
          {
            cwd: scene.directory,
            encoding: "utf8",
            env: { HOME: scene.setting.scratch, PATH: process.env["PATH"] },
          },
        );
        const parsed = JSON.parse(out) as Record<string, { files: { path: string }[] }>;
        return (Object.values(parsed)[0]?.files ?? []).map(({ path }) => path).toSorted();
      };
      const before = packed();
      await init();
      writeFiles(scene.directory, { [`.countersign/seals/${"0".repeat(64)}/${"1".repeat(64)}.json`]: "{}" });
      expect(packed()).toEqual([".gitattributes", ...before]);
      expect(before).not.toContain("secret.txt");
    },
  );
});
