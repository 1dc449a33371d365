import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findingOf, partsOf, purlOf, sampleReport } from "../../test/report-sample.ts";
import { buildReport } from "./build-report.ts";
import { renderHuman, type HumanOptions } from "./human.ts";
import { columns, plain } from "./layout.ts";

const options: HumanOptions = { width: 80, palette: plain, verbose: false };
const lines = (text: string): string[] => text.split("\n");
const policy = (mode: "disabled" | "warn" | "strict") => ({ ...partsOf().policy, mode });

describe("the verdict line", () => {
  const first = (...args: Parameters<typeof sampleReport>) =>
    lines(renderHuman(sampleReport(...args), { ...options, width: 200 }))[0];

  it("comes first and says what fails, by how many, in which mode, by which policy", () => {
    const findings = [
      findingOf("signature/invalid", "a"),
      findingOf("signature/invalid", "b"),
      findingOf("listing/unavailable", "c"),
      findingOf("settings/weakens", null),
    ];
    expect(first(findings)).toBe(
      "✗ blocked: 2 of 5 packages fail, 1 could not be checked, 1 problem outside the packages (strict, .countersign/policy.yaml)",
    );
    expect(first(findings, { policy: policy("warn") })).toMatch(
      /^! allowed, but strict would block: 2 of 5 packages fail/,
    );
  });

  it("says when everything passes, and when nothing was checked", () => {
    expect(first([])).toBe("✓ allowed: 5 packages pass (strict, .countersign/policy.yaml)");
    expect(first([], { policy: policy("disabled") })).toMatch(/^- disabled: nothing was checked/);
    expect(first([], { policy: { ...policy("warn"), builtIn: true, layers: [] } })).toMatch(
      /\(warn, built-in policy\)$/,
    );
  });

  it("never passes for want of a lockfile", () => {
    expect(lines(renderHuman(buildReport(partsOf()), options))[0]).toMatch(/no lockfile/);
    const refused = [
      { path: "uv.lock", format: "uv-lock" as const, findings: [findingOf("lockfile/malformed", null)] },
    ];
    expect(lines(renderHuman(buildReport(partsOf({ refused })), options))[0]).toMatch(/^✗ blocked/);
  });
});

describe("failures", () => {
  it("each has package, lockfile line, what was found, who brings it in, the rule and the fix", () => {
    const text = renderHuman(sampleReport([findingOf("signature/invalid", "c")]), { ...options, width: 120 });
    expect(text).toContain(
      "blocked signature/invalid: the registry signature does not match the locked digest",
    );
    expect(text).toContain("c@1.0.0 package-lock.json:12\n");
    expect(text).toContain("through a@1.0.0 > b@1.0.0\n");
    expect(text).toContain("The signature is over other bytes");
    expect(text).toContain("demanded by require[0] of .countersign/policy.yaml\n");
    expect(text).toContain("fix: npm install c@1.0.0\n");
  });

  it("are ordered by gravity: contradiction, absence, what could not be had, warnings, notes", () => {
    const text = renderHuman(
      sampleReport([
        findingOf("lockfile/alias", "a", { effect: "note" }),
        findingOf("age/too-young", "a", { effect: "warn" }),
        findingOf("listing/unavailable", "b"),
        findingOf("signature/absent", "c"),
        findingOf("signature/invalid", "d"),
      ]),
      options,
    );
    const order = [
      "signature/invalid",
      "signature/absent",
      "listing/unavailable",
      "age/too-young",
      "lockfile/alias",
    ];
    const places = order.map((code) => text.indexOf(`${code}:`));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it("large groups are compacted, and every failing package is still named with its line", () => {
    for (const shared of [true, false]) {
      const findings = Array.from({ length: 300 }, (_, index) =>
        findingOf("signature/absent", `pkg-${index}`, {
          at: { path: "package-lock.json", line: 1000 + index, column: 1 },
          ...(shared ? { fix: "npm update" } : {}),
        }),
      );
      const text = renderHuman(sampleReport(findings), options).replaceAll(/\s+/g, " ");
      for (let index = 0; index < 300; index += 1) {
        expect(text).toContain(`pkg-${index}@1.0.0 package-lock.json:${1000 + index}`);
      }
      expect(lines(renderHuman(sampleReport(findings), options)).length).toBeLessThan(250);
    }
  });

  it("with verbose every member of a group has its own fix", () => {
    const findings = Array.from({ length: 40 }, (_, index) => findingOf("signature/absent", `pkg-${index}`));
    const text = renderHuman(sampleReport(findings), { ...options, verbose: true });
    for (let index = 0; index < 40; index += 1)
      expect(text).toContain(`fix: npm install pkg-${index}@1.0.0\n`);
  });

  it("a fix of several lines keeps its policy lines unbroken and indented", () => {
    const yaml = `exceptions:\n  - purl: "pkg:npm/a@1.0.0"\n    digest: "sha512:${"0".repeat(128)}"\n    codes: [signature/absent]`;
    const fix = `Lock a version that its registry signs. To accept it, add to .countersign/policy.yaml:\n${yaml}`;
    const text = renderHuman(sampleReport([findingOf("signature/absent", "a", { fix })]), options);
    expect(text).toContain(yaml.replaceAll(/^/gm, "      "));
    expect(text).toMatch(
      / {4}fix: Lock a version that its registry signs\. To accept it, add to\n {6}\.countersign\/policy\.yaml:\n/,
    );
  });

  it("in warn the groups say what would block", () => {
    const text = renderHuman(
      sampleReport([findingOf("signature/invalid", "a")], { policy: policy("warn") }),
      options,
    );
    expect(text).toContain("would block signature/invalid");
    expect(text).not.toContain("\nblocked");
  });

  it("what an exception accepted is named with its reason", () => {
    const accepted = findingOf("signature/absent", "b", { effect: "note", exception: "predates signatures" });
    expect(renderHuman(sampleReport([accepted]), options)).toContain(
      "accepted by exception: b@1.0.0 signature/absent (predates signatures)",
    );
  });
});

describe("what stands behind the verdict", () => {
  it("counts levels, outcomes and evidence, names bare registries, root, reach and requests", () => {
    const registries = [
      {
        registry: "https://npm.acme.example/",
        ecosystem: "npm",
        signatures: "none",
        attestations: "none",
      } as const,
    ];
    const text = renderHuman(sampleReport([], { registries, enforcement: "hook" }), {
      ...options,
      width: 200,
    });
    expect(text).toContain("0 provenance, 5 signed, 0 locked, 0 unlocked");
    expect(text).toContain("5 verified, 0 unverified, 0 unknown, 0 refused");
    expect(text).toContain("signatures: 1 not asked");
    expect(text).toContain("https://npm.acme.example/ (npm) offers no signatures and no attestations");
    expect(text).toContain("root from TUF cache, 3 days old");
    expect(text).toContain("hook: a change inside the project can remove it");
    expect(text).toMatch(/requests +7\n/);
  });

  it("says that a root is stale or missing", () => {
    const root = { source: "seeds", updated: 0, stale: true };
    expect(renderHuman(sampleReport([], { root }), options)).toContain("STALE");
    expect(renderHuman(sampleReport([], { root: null }), options)).toContain("no root:");
  });

  it("lists what is fine only when verbose", () => {
    expect(renderHuman(sampleReport([]), options)).not.toContain("a@1.0.0");
    const text = renderHuman(sampleReport([findingOf("signature/invalid", "b")]), {
      ...options,
      verbose: true,
    });
    expect(text).toContain("  a@1.0.0: signed\n");
    expect(text).not.toContain("  b@1.0.0: signed");
  });
});

describe("layout", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.constantFrom("\u001B[2J\u001B[1;1H✓ allowed", "\u202Etxt", "x\r\n✓ allowed: all fine", "\u009B31m"),
  );

  it("D39: hostile text in any field leaves no control or bidi character but line breaks, and adds no line start", () => {
    fc.assert(
      fc.property(hostile, fc.boolean(), (text, verbose) => {
        const report = sampleReport(
          [
            findingOf("signature/invalid", "a", {
              why: text,
              fix: text,
              requiredBy: text,
              at: { path: text, line: 1, column: 1 },
            }),
            findingOf("signature/absent", "b", { purl: text }),
            findingOf("signature/absent", "c", { effect: "note", exception: text }),
          ],
          {
            registries: [{ registry: text, ecosystem: "npm", signatures: "none", attestations: "none" }],
            root: { source: text, updated: null, stale: false },
            policy: { ...policy("strict"), layers: [{ kind: "head", path: text }] },
            refused: [{ path: text, format: "uv-lock", findings: [] }],
          },
        );
        const out = renderHuman(report, { ...options, verbose });
        expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(lines(out).filter((line) => line.startsWith("✓"))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it("is no wider than asked but for words, commands and paths, which are never broken", () => {
    const long =
      "`npm install --save-exact a-package-with-a-rather-long-name@1.0.0 another-one@2.0.0 --no-audit --no-fund`";
    const command = `npm install ${"a-long-name@1.0.0 ".repeat(8).trim()}`;
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 120 }), fc.lorem({ maxCount: 60 }), (width, why) => {
        const path =
          "packages/a-very/deep/folder/of-a-large/monorepo/with-long-names/somewhere/package-lock.json";
        const report = sampleReport([
          findingOf("signature/invalid", "a", {
            why,
            fix: `Run ${long} again.`,
            at: { path, line: 3, column: 1 },
          }),
          findingOf("signature/absent", "b", { why, fix: command }),
        ]);
        const out = renderHuman(report, { ...options, width });
        expect(out).toContain(`${path}:3`);
        expect(out).toContain(long);
        expect(out).toContain(`fix: ${command}\n`);
        for (const line of lines(out)) {
          const copyable = line.includes(path) || line.includes(long) || line.includes(command);
          expect(columns(line) <= width || copyable || !line.trim().includes(" ")).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("colours with the palette it is given and nothing else", () => {
    const red = (text: string): string => `<r>${text}</r>`;
    const report = sampleReport([findingOf("signature/invalid", "a")]);
    expect(lines(renderHuman(report, { ...options, width: 200, palette: { ...plain, red } }))[0]).toMatch(
      /^<r>✗ blocked.*<\/r>$/,
    );
    expect(renderHuman(report, options)).not.toContain("\u001B");
  });

  it("has a form in ASCII", () => {
    const report = sampleReport([
      findingOf("signature/invalid", "a"),
      findingOf("signature/absent", "b", { why: "x".repeat(3000) }),
    ]);
    const out = renderHuman(report, { ...options, ascii: true });
    expect(out).toMatch(/^x blocked/);
    expect(out).toMatch(/^[\n\x20-\x7e]*$/);
  });

  it("stays quick with the most findings that are kept", () => {
    const findings = Array.from({ length: 10_000 }, (_, index) => findingOf("signature/absent", `p${index}`));
    const started = performance.now();
    const out = renderHuman(sampleReport(findings), options);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(out).toContain(`p9999@1.0.0`);
    expect(purlOf("p9999")).toBe("pkg:npm/p9999@1.0.0");
  });
});
