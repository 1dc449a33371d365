import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { git } from "../sealing.ts";
import { reseal, sealFolder } from "./forging.ts";
import {
  allowed,
  openSealed,
  replaceIn,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./sealed-project.ts";

const name = "package-lock.json";
let project: SealedProject;
beforeAll(async () => {
  project = await openSealed();
});
afterAll(() => project.close());
beforeEach(async () => {
  expect(await project.verify()).toMatchObject(allowed);
});
afterEach(() => project.restore());

const bytes = (): Buffer => readFileSync(project.path(name));
const unapproved = { exitCode: 1, blocks: ["seal/approval-missing"], approvals: [] };

describe("the lockfile after it was approved", () => {
  it("is another one with one changed byte, whichever it is", async () => {
    const before = bytes();
    // A byte of white space, of a key and of a digest: what parsers ignore counts as much as what they read.
    for (const at of [
      before.indexOf("\n") + 1,
      before.indexOf("lockfileVersion"),
      before.indexOf("sha512-") + 9,
    ]) {
      const changed = Buffer.from(before);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(project.path(name), changed);
      const { exitCode, approvals, blocks } = await project.verify();
      expect({ exitCode, approvals }).toEqual({ exitCode: 1, approvals: [] });
      expect(blocks).not.toEqual([]);
    }
  });

  it("F15: an edited body is not covered by digests that it brings along", async () => {
    const { kit } = project.scene;
    writePackages(project.scene, [widgetOf(project.scene), kit.npm.publish({ name: "newcomer" })]);
    // A body may state any digest of itself; the approval is over the body.
    replaceIn(project, name, "{\n", `{\n  "digest": "${sealFolder("").slice(-64)}",\n`);
    const outcome = await project.verify();
    expect(outcome).toMatchObject(unapproved);
    expect(outcome.notes).toContain("lockfile/content-changed");
    expect(outcome.ran.out).toContain("1 added: newcomer@1.0.0");
  });

  it("is another one when its members are reordered or laid out anew, and it is said that the packages are the same", async () => {
    const lock = JSON.parse(project.read(name)) as Record<string, unknown>;
    const reordered = Object.fromEntries(Object.entries(lock).toReversed());
    for (const text of [
      `${JSON.stringify(reordered, null, 2)}\n`,
      JSON.stringify(lock),
      `${JSON.stringify(lock, null, "\t")}\n`,
    ]) {
      project.write(name, text);
      const outcome = await project.verify();
      expect(outcome).toMatchObject(unapproved);
      expect(outcome.notes).toContain("lockfile/reformatted");
    }
  });

  it("is another one with a member twice, and is refused before that", async () => {
    replaceIn(project, name, "{\n", '{\n  "lockfileVersion": 2,\n');
    const { exitCode, blocks } = await project.verify();
    expect(exitCode).toBe(1);
    expect(blocks).toEqual(["lockfile/duplicate-key"]);
  });

  it("is the same with CRLF", async () => {
    writeFileSync(project.path(name), project.read(name).replaceAll("\n", "\r\n"));
    expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
  });

  it("is the same in a checkout that git has turned into CRLF", async () => {
    git(project.scene, "config", "core.autocrlf", "true");
    try {
      rmSync(project.path(name));
      rmSync(project.path("package.json"));
      git(project.scene, "checkout", "-q", "--", name, "package.json");
      expect(bytes().includes("\r\n")).toBe(true);
      expect(readFileSync(project.path("package.json")).includes("\r\n")).toBe(true);
      expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
    } finally {
      git(project.scene, "config", "--unset", "core.autocrlf");
    }
  });
});

describe("bytes that two readers could read differently", () => {
  it.each([
    ["a byte order mark", (text: Buffer) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), text])],
    ["a NUL", (text: Buffer) => Buffer.concat([text, Buffer.of(0)])],
    ["invalid UTF-8", (text: Buffer) => Buffer.concat([text, Buffer.of(0xff)])],
    ["a lone carriage return", (text: Buffer) => Buffer.concat([Buffer.from("\r"), text])],
  ])("%s: no seal is over such a lockfile, not even one that was made for it", async (_, change) => {
    const changed = change(bytes());
    const [seal] = project.seals();
    writeFileSync(project.path(name), changed);
    const folder = sealFolder(changed);
    reseal(
      project.scene,
      seal ?? "",
      "alice",
      (statement) => statement.subject.splice(0, 1, { name, digest: { sha256: folder.slice(-64) } }),
      folder,
    );
    // Without the lockfile's reader, which refuses most of them too.
    const seals = await project.scene.run("seal", "verify", "--json");
    expect(seals).toExitWith(1);
    expect(JSON.parse(seals.out)).toMatchObject({
      valid: false,
      lockfiles: [
        {
          subject: null,
          approvals: [],
          seals: [],
          findings: expect.arrayContaining([expect.objectContaining({ code: "seal/malformed" })]) as unknown,
        },
      ],
    });
    expect(await project.verify()).toMatchObject({ exitCode: 1, approvals: [] });
    expect((await project.sign("alice")).exitCode).not.toBe(0);
  });
});

describe("a seal that is gone", () => {
  it("F6: is missed, whatever the lockfile or its folder claims", async () => {
    rmSync(project.path(project.seals()[0] ?? ""));
    const outcome = await project.verify();
    expect(outcome).toMatchObject({ ...unapproved, seals: [] });
    expect(outcome.ran.out).toContain("countersign sign --approve --key FILE --lockfile package-lock.json");
    // The folder named after the digest is there: an expected digest alone is no signature.
    appendFileSync(project.path(`${sealFolder(bytes())}/${"0".repeat(64)}.json`), "{}");
    expect(await project.verify()).toMatchObject({ ...unapproved, seals: ["seal/malformed"] });
  });
});
