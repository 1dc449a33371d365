import { existsSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import { readSealFiles, removeSealFile, sealsFolder } from "./seal-files.ts";

let root: TestDirectory;
let outside: TestDirectory;
beforeEach(() => {
  root = createTestDirectory("seals");
  outside = createTestDirectory("outside");
});
afterEach(() => {
  root.remove();
  outside.remove();
});
const hex = "a".repeat(64);
const seal = `${sealsFolder}/${hex}/${hex}.json`;

it("removes a seal, and a folder that is named like one", async () => {
  for (const name of [seal, `${seal}/inner`]) {
    writeFiles(root.path, { [name]: "{}" });
    await removeSealFile(root.path, seal);
    expect(existsSync(join(root.path, seal))).toBe(false);
  }
  await removeSealFile(root.path, seal);
});

it("removes a link, and never what it leads to or what lies behind one", async () => {
  writeFiles(outside.path, { [`${hex}.json`]: "{}" });
  mkdirSync(join(root.path, sealsFolder), { recursive: true });
  symlinkSync(outside.path, join(root.path, sealsFolder, hex));
  expect(await readSealFiles(root.path, hex)).toMatchObject({ files: [{ bytes: null }] });
  await removeSealFile(root.path, seal);
  expect(existsSync(join(outside.path, `${hex}.json`))).toBe(true);
  await removeSealFile(root.path, `${sealsFolder}/${hex}`);
  expect(lstatSync(join(root.path, sealsFolder, hex), { throwIfNoEntry: false })).toBeUndefined();
  expect(existsSync(join(outside.path, `${hex}.json`))).toBe(true);
});
