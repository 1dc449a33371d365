import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { allowed, openSealed, widgetOf, writePackages, type SealedProject } from "./sealed-project.ts";

let project: SealedProject;
let folder: string;
beforeAll(async () => {
  project = await openSealed();
  folder = dirname(project.seals()[0] ?? "");
});
afterAll(() => project.close());
beforeEach(async () => {
  expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
});
afterEach(() => project.restore());

const hex = (number: number): string => number.toString(16).padStart(64, "0");

/** How many of the project's seals a run has read; null where this file system does not tell. */
async function readBy(run: () => Promise<unknown>): Promise<number | null> {
  const files = project.seals().map((seal) => project.path(seal));
  const [probe = "", ...others] = files;
  for (const file of files) utimesSync(file, 0, new Date());
  readFileSync(probe);
  if (statSync(probe).atimeMs === 0) return null;
  await run();
  return others.filter((file) => statSync(file).atimeMs !== 0).length;
}

describe("junk among the seals", () => {
  it("a seal of 10 MB is not read, and does not take the good one along", async () => {
    project.write(`${folder}/${hex(1)}.json`, Buffer.alloc(10 * 1024 * 1024, 0x20));
    const outcome = await project.verify();
    expect(outcome).toMatchObject({ ...allowed, approvals: ["alice"] });
    expect(new Set(outcome.seals)).toEqual(new Set([null, "seal/malformed"]));
  });

  it("files of other names, folders, pipes and links out are left alone or count for nothing", async () => {
    project.write(`${folder}/README.md`, "x");
    project.write(`${folder}/${"F".repeat(64)}.json`, "{}");
    project.write(`${folder}/${hex(2)}.json.tmp`, "{}");
    project.write(`${folder}/${hex(3)}.json/inner.json`, "{}");
    execFileSync("mkfifo", [project.path(`${folder}/${hex(4)}.json`)]);
    symlinkSync(
      join(project.scene.setting.scratch, "keys/alice.pem"),
      project.path(`${folder}/${hex(5)}.json`),
    );
    symlinkSync("/dev/zero", project.path(`${folder}/${hex(6)}.json`));
    symlinkSync("nowhere", project.path(`${folder}/${hex(7)}.json`));
    writeFileSync(project.path(`${folder}/evil\u001b[2J\n.json`), "{}");
    const outcome = await project.verify();
    expect(outcome).toMatchObject({ ...allowed, approvals: ["alice"] });
    expect(outcome.seals.filter((code) => code === null)).toHaveLength(1);
    expect(outcome.ran.out).not.toContain("PRIVATE");
    const human = await project.scene.run("seal", "verify");
    expect(human).toExitWith(0);
    expect(human.out).not.toContain("\u001b[2J");
  });

  it.each(["a pipe", "a file", "a link out"])(
    "%s where the folder of seals is: they are missing",
    async (what) => {
      rmSync(project.path(folder), { recursive: true });
      if (what === "a pipe") execFileSync("mkfifo", [project.path(folder)]);
      if (what === "a file") project.write(folder, "x");
      if (what === "a link out") {
        const elsewhere = join(project.scene.setting.scratch, "elsewhere");
        mkdirSync(elsewhere, { recursive: true });
        symlinkSync(elsewhere, project.path(folder));
      }
      expect(await project.verify()).toMatchObject({
        exitCode: 1,
        blocks: ["seal/approval-missing"],
        approvals: [],
      });
    },
  );

  it("good seals behind a link that leads out of the project count for nothing", async () => {
    const elsewhere = join(project.scene.setting.scratch, "linked");
    cpSync(project.path(".countersign/seals"), elsewhere, { recursive: true });
    rmSync(project.path(".countersign/seals"), { recursive: true });
    symlinkSync(elsewhere, project.path(".countersign/seals"));
    expect(await project.verify()).toMatchObject({ exitCode: 1, approvals: [], seals: ["seal/malformed"] });
  });
});

describe("prune among junk", () => {
  it("removes what is named like a seal and is none, and nothing outside of the project", async () => {
    const outside = join(project.scene.setting.scratch, "other-project");
    const kept = join(outside, `${hex(8)}.json`);
    mkdirSync(outside, { recursive: true });
    writeFileSync(kept, "{}");
    project.write(`${folder}/${hex(3)}.json/inner.json`, "{}");
    project.write(`${folder}/${hex(4)}.json`, "{}");
    symlinkSync(outside, project.path(`.countersign/seals/${hex(9)}`));
    const ran = await project.scene.run("seal", "prune", "--yes");
    expect(ran).toExitWith(0);
    expect(existsSync(kept)).toBe(true);
    expect(existsSync(project.path(`${folder}/${hex(3)}.json`))).toBe(false);
    expect(existsSync(project.path(`${folder}/${hex(4)}.json`))).toBe(false);
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"], seals: [null] });
  });
});

describe("more seals than anybody needs", () => {
  it("of ten thousand of one lockfile none is read, and it is said", async (test) => {
    for (let number = 0; number < 10_000; number += 1) project.write(`${folder}/${hex(number)}.json`, "{}");
    const count = await readBy(async () => {
      const outcome = await project.verify();
      expect(outcome).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing"], seals: [] });
      expect(outcome.notes).toContain("seal/too-many");
    });
    if (count === null) return test.skip("reads are not recorded here");
    expect(count).toBe(0);
  });

  it("of ten thousand of other lockfiles few are read, though one is looked for that sealed it last", async (test) => {
    for (let number = 0; number < 200; number += 1)
      for (let each = 0; each < 50; each += 1)
        project.write(`.countersign/seals/${hex(number)}/${hex(each)}.json`, "{}");
    expect(await project.verify()).toMatchObject(allowed);
    writePackages(project.scene, [
      widgetOf(project.scene),
      project.scene.kit.npm.publish({ name: "newcomer" }),
    ]);
    const count = await readBy(async () => {
      expect(await project.verify()).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing"] });
    });
    if (count === null) return test.skip("reads are not recorded here");
    expect(count).toBeLessThanOrEqual(5 * 256);
  });

  it("a seal nested too deeply, or with too many members, is an error", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const wide = `{${Array.from({ length: 50_000 }, (_, index) => `"${index}":0`).join(",")}}`;
    for (const [index, text] of [deep, wide].entries()) project.write(`${folder}/${hex(index)}.json`, text);
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
  });

  it("more files in the closure than anybody has end in no pass, and in a report", async () => {
    for (let number = 0; number < 20_001; number += 1) project.write(`patches/${number}`, "");
    const outcome = await project.verify();
    expect(outcome).toMatchObject({ exitCode: 1, seals: ["seal/closure-changed"], approvals: [] });
    expect(outcome.ran.out).toContain("more than 20000 files");
    expect((await project.sign("alice")).err).toContain("more than 20000 files");
  });
});
