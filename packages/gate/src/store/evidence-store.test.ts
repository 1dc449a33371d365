import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEvidenceStore, type StoreEntry, type StoreKey } from "./evidence-store.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const now = 1_795_000_000_000;
const keyOf = (name: string): StoreKey => ({
  purl: `pkg:npm/${name}@1.0.0`,
  file: "",
  digest: "sha512:00",
  registry: "https://registry.example/",
});
const entry = (name: string, value = "{}"): StoreEntry => ({
  key: keyOf(name),
  kind: "signatures",
  value,
  origin: "https://registry.example/",
  at: now,
});

describe("evidence store", () => {
  it("D36: keeps evidence across runs, by purl, file, digest and registry", async () => {
    const first = await openEvidenceStore(directory, now);
    first.write([entry("a", "[1]")]);
    first.close();
    const second = await openEvidenceStore(directory, now);
    expect(second.read(keyOf("a"))).toEqual({
      signatures: { value: "[1]", origin: "https://registry.example/", at: now },
    });
    expect(second.read({ ...keyOf("a"), digest: "sha512:01" })).toEqual({});
    expect(second.read({ ...keyOf("a"), registry: "https://other.example/" })).toEqual({});
    expect(second.read({ ...keyOf("a"), file: "a.whl" })).toEqual({});
    expect(second.notices()).toEqual([]);
    second.close();
  });

  it("replaces what a newer answer said", async () => {
    const store = await openEvidenceStore(directory, now);
    store.write([entry("a", "[1]")]);
    store.write([{ ...entry("a", "[2]"), at: now + 1 }]);
    expect(store.read(keyOf("a")).signatures?.value).toBe("[2]");
    store.close();
  });

  it.skipIf(process.platform === "win32")("is readable by its user alone", async () => {
    (await openEvidenceStore(directory, now)).close();
    expect(statSync(join(directory, "evidence-1.db")).mode & 0o077).toBe(0);
  });

  it("a file that is no database is rebuilt, and said", async () => {
    writeFileSync(join(directory, "evidence-1.db"), "not a database ".repeat(1000));
    const store = await openEvidenceStore(directory, now);
    store.write([entry("a")]);
    expect(store.read(keyOf("a")).signatures).toBeDefined();
    expect(store.notices().map(({ code }) => code)).toEqual(["evidence/store-rebuilt"]);
    store.close();
  });

  it("pages corrupted behind a good header cost a notice, never an error", async () => {
    const first = await openEvidenceStore(directory, now);
    first.write(Array.from({ length: 500 }, (_, index) => entry(`p${index}`, "x".repeat(400))));
    first.close();
    const path = join(directory, "evidence-1.db");
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096 * 2);
    writeFileSync(path, bytes);
    const second = await openEvidenceStore(directory, now);
    for (let index = 0; index < 500; index += 1) second.read(keyOf(`p${index}`));
    second.close();
    expect(second.notices().map(({ code }) => code)).toEqual(["evidence/store-rebuilt"]);
    const third = await openEvidenceStore(directory, now);
    third.write([entry("a")]);
    expect(third.read(keyOf("a")).signatures).toBeDefined();
    expect(third.notices()).toEqual([]);
    third.close();
  });

  it("a directory that cannot be one costs a notice, never an error", async () => {
    const path = join(directory, "file");
    writeFileSync(path, "");
    const store = await openEvidenceStore(path, now);
    store.write([entry("a")]);
    expect(store.read(keyOf("a"))).toEqual({});
    expect(store.notices().map(({ code }) => code)).toEqual(["evidence/store-unavailable"]);
    store.close();
  });

  it("is bounded: the least recently used goes first", async () => {
    const limits = { bytes: 200_000, entryBytes: 50_000 };
    for (let index = 0; index < 20; index += 1) {
      const store = await openEvidenceStore(directory, now + index, limits);
      store.write([entry(`p${index}`, "x".repeat(20_000)), entry("huge", "x".repeat(50_001))]);
      store.close();
    }
    const store = await openEvidenceStore(directory, now + 100, limits);
    expect(store.read(keyOf("p19")).signatures).toBeDefined();
    expect(store.read(keyOf("p0"))).toEqual({});
    expect(store.read(keyOf("huge"))).toEqual({});
    store.close();
  });

  it("serves concurrent processes", async () => {
    const script = join(directory, "writer.ts");
    writeFileSync(
      script,
      `import { openEvidenceStore } from ${JSON.stringify(join(import.meta.dirname, "evidence-store.ts"))};
       const who = process.argv[2];
       const store = await openEvidenceStore(${JSON.stringify(directory)}, ${now});
       for (let i = 0; i < 50; i++) store.write([{ key: { purl: who + i, file: "", digest: "d", registry: "r" }, kind: "listing", value: "{}", origin: "o", at: 1 }]);
       console.log(JSON.stringify(store.notices()));
       store.close();`,
    );
    const runs = ["a", "b", "c", "d"].map(
      (who) =>
        new Promise<string>((resolve) => {
          const child = spawn(process.execPath, ["--conditions=@countersign/source", script, who], {
            cwd: import.meta.dirname,
          });
          let output = "";
          child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
          child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
          child.on("close", () => resolve(output.trim()));
        }),
    );
    expect(await Promise.all(runs)).toEqual(["[]", "[]", "[]", "[]"]);
    const store = await openEvidenceStore(directory, now);
    for (const who of ["a", "b", "c", "d"]) {
      for (let index = 0; index < 50; index += 1) {
        expect(
          store.read({ purl: `${who}${index}`, file: "", digest: "d", registry: "r" }).listing,
        ).toBeDefined();
      }
    }
    store.close();
  });
});
