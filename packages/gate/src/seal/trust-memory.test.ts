import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDirectory } from "@countersign/testkit";
import { TrustMemory, type KnownVersion } from "./trust-memory.ts";

let scratch: ReturnType<typeof createTestDirectory>;
let project: string;
beforeEach(() => {
  scratch = createTestDirectory("memory");
  project = join(scratch.path, "project");
  mkdirSync(project);
});
afterEach(() => scratch.remove());

async function open(): Promise<TrustMemory> {
  const place = { home: join(scratch.path, "home"), variables: {}, platform: "linux" as const };
  const memory = await TrustMemory.open(project, place, Promise.resolve(null));
  if (memory === null) throw new Error("the memory lies in the project");
  return memory;
}
const known = (version: number): KnownVersion => ({
  version,
  digest: { algorithm: "sha256", hex: version.toString(16).padStart(64, "0") },
});

it("T9: a run with an older store, side by side, does not take back what a newer one has seen", async () => {
  const versions = Array.from({ length: 20 }, (_, index) => known(index + 1));
  await Promise.all(versions.map(async (each) => (await open()).remember([each])));
  expect(await (await open()).recall()).toEqual({ state: "known", versions });
});

it("keeps the digest that was seen first", async () => {
  const memory = await open();
  await memory.remember([known(1)]);
  expect(await memory.remember([{ ...known(2), version: 1 }])).toBeNull();
  expect(await memory.recall()).toEqual({ state: "known", versions: [known(1)] });
});

it("is not failed by what a crash left beside it", async () => {
  const memory = await open();
  await memory.remember([known(1)]);
  writeFileSync(join(memory.path, "2.json.b6f0"), '{"schema"');
  expect(await memory.recall()).toEqual({ state: "known", versions: [known(1)] });
});

it("says why it could not be written", async () => {
  const memory = await open();
  mkdirSync(dirname(memory.path), { recursive: true });
  writeFileSync(memory.path, "");
  expect(await memory.remember([known(1)])).toMatch(/^the system says E[A-Z]+$/);
  expect(await memory.recall()).toEqual({ state: "none" });
});
