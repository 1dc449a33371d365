import { symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import {
  digestsPath,
  integrityOf,
  readRecord,
  vendoredFindings,
  writeRecord,
  yarnPluginPath,
} from "./vendored.ts";

const hook = ".countersign/hooks/npm.mjs";
const text = "export {};\n";

let project: TestDirectory;
beforeEach(() => {
  project = createTestDirectory("vendored");
});
afterEach(() => project.remove());

const write = (files: Readonly<Record<string, string>>): void => void writeFiles(project.path, files);
const record = (...paths: readonly string[]): string =>
  writeRecord({
    files: new Map(paths.map((path) => [path, integrityOf(Buffer.from(text))])),
    written: new Map(),
  });
const found = async (): Promise<string[]> =>
  (await vendoredFindings(project.path)).map(({ code, effect, at }) => `${code} ${effect} ${at.path}`);

describe("vendored hooks", () => {
  it("are fine where none is, and where each is as recorded", async () => {
    expect(await found()).toEqual([]);
    write({ [hook]: text, [yarnPluginPath]: text, [digestsPath]: record(hook, yarnPluginPath) });
    expect(await found()).toEqual([]);
  });

  it("block when one is edited, and both digests are shown", async () => {
    write({ [hook]: `${text}//`, [digestsPath]: record(hook) });
    const [finding] = await vendoredFindings(project.path);
    expect(finding).toMatchObject({
      code: "settings/hook-changed",
      effect: "block",
      fix: "countersign init",
    });
    expect(finding?.why).toContain(integrityOf(Buffer.from(text)));
    expect(finding?.why).toContain(integrityOf(Buffer.from(`${text}//`)));
  });

  it("block when a recorded one is gone, when one is not recorded, and when the record is no record", async () => {
    write({ [digestsPath]: record(hook) });
    expect(await found()).toEqual([`settings/hook-changed block ${hook}`]);
    write({ [hook]: text, ".countersign/hooks/other.mjs": text });
    expect(await found()).toEqual(["settings/hook-changed block .countersign/hooks/other.mjs"]);
    for (const broken of ["{", "[]", '{"version":2}', '{"version":1,"files":{"a":1}}', "{}"]) {
      write({ [digestsPath]: broken });
      expect([broken, await found()]).toEqual([broken, [`settings/hook-changed block ${digestsPath}`]]);
    }
  });

  it("warn when the record is gone", async () => {
    write({ [hook]: text, [yarnPluginPath]: text });
    expect(await found()).toEqual([
      `settings/hook-changed warn ${hook}`,
      `settings/hook-changed warn ${yarnPluginPath}`,
    ]);
  });

  it("are not read through a link out of the project, and the record reaches nothing but hooks", async () => {
    const outside = createTestDirectory("outside");
    writeFiles(outside.path, { "npm.mjs": text });
    write({ [hook]: text, [digestsPath]: record(hook) });
    unlinkSync(join(project.path, hook));
    symlinkSync(join(outside.path, "npm.mjs"), join(project.path, hook));
    expect(await found()).toEqual([`settings/hook-changed block ${hook}`]);
    unlinkSync(join(project.path, hook));
    write({ [digestsPath]: record("../npm.mjs", "package.json", "__proto__") });
    expect((await found()).length).toBe(3);
    outside.remove();
  });

  it("round-trip through a record that is sorted", async () => {
    const written = record(yarnPluginPath, hook);
    expect(written.indexOf(hook)).toBeLessThan(written.indexOf(yarnPluginPath));
    write({ [digestsPath]: written });
    const read = await readRecord(project.path);
    expect(read).toMatchObject({ state: "found" });
    expect(read.state === "found" && writeRecord(read.record)).toBe(written);
  });
});
