import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "@countersign/core";
import { type PublishedPackage } from "@countersign/testkit";
import { lockPackages, openScene, policyOf, type Scene } from "./scene.ts";
import type { Ran } from "./host.ts";

let scene: Scene;
let widget: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  widget = scene.kit.npm.publish({ name: "@acme/widget", provenance: true });
});
afterEach(() => scene.close());

const project = (...more: PublishedPackage[]): void => lockPackages(scene, widget, ...more);
const policy = (mode: string, level?: string): void =>
  scene.write({ ".countersign/policy.yaml": policyOf(scene, mode, level) });
const reportOf = ({ out }: Ran): Report => JSON.parse(out) as Report;

describe("verify", () => {
  it("D20: reports in warn and ends 0 where strict would block; --mode strict blocks", async () => {
    project(scene.kit.npm.publish({ name: "unsigned", signature: false }));
    policy("warn");
    const warned = await scene.run("verify");
    expect(warned).toMatchObject({ exitCode: 0, err: "" });
    expect(warned.out).toContain("signature/absent");
    const strict = await scene.run("verify", "--mode", "strict");
    expect(strict).toExitWith(1);
    expect(
      (
        await scene.runWith(
          {
            variables: {
              COUNTERSIGN_MODE: "strict",
              COUNTERSIGN_CACHE_DIR: join(scene.setting.scratch, "other"),
            },
          },
          "verify",
        )
      ).exitCode,
    ).toBe(1);
  });

  it("D19 D21: strict ends 1 for a package with nothing, with signatures only, and with attestations that do not verify", async () => {
    project(scene.kit.npm.publish({ name: "nothing", signature: false }));
    policy("strict");
    expect(await scene.run("verify")).toExitWith(1);
    project(scene.kit.npm.publish({ name: "signed" }));
    policy("strict", "provenance");
    const signed = await scene.run("verify");
    expect(signed).toExitWith(1);
    expect(signed.out).toContain("attestation/absent");
    project(scene.kit.npm.publish({ name: "forged", provenance: { defects: ["broken-signature"] } }));
    policy("strict");
    const forged = await scene.run("verify");
    expect(forged).toExitWith(1);
  });

  it("D22: warn lives on without a sigstore root, strict ends 2", async () => {
    project();
    policy("warn", "provenance");
    scene.kit.sigstore.faults.add({ fault: { kind: "status", status: 404 } });
    const warned = await scene.run("verify");
    expect(warned).toExitWith(0);
    expect(warned.out).toContain("root/unavailable");
    const strict = await scene.run("verify", "--mode", "strict");
    expect(strict).toExitWith(2);
  });

  it("a flag or variable that would loosen is refused, not obeyed", async () => {
    project(scene.kit.npm.publish({ name: "unsigned", signature: false }));
    policy("strict");
    for (const ran of [
      await scene.run("verify", "--mode", "warn"),
      await scene.run("verify", "--mode", "disabled"),
      await scene.runWith(
        { variables: { ...scene.setting.variables, COUNTERSIGN_MODE: "disabled" } },
        "verify",
      ),
    ]) {
      expect(ran).toExitWith(1);
      expect(ran.out).toContain("policy/loosens");
      expect(ran.out).toContain("signature/absent");
    }
    const nonsense = await scene.runWith({ variables: { COUNTERSIGN_MODE: "lax" } }, "verify");
    expect(nonsense).toMatchObject({
      exitCode: 2,
      out: "",
      err: expect.stringContaining("COUNTERSIGN_MODE"),
    });
  });

  it("the stricter of flag and variable holds", async () => {
    project(scene.kit.npm.publish({ name: "unsigned", signature: false }));
    policy("warn");
    const ran = await scene.runWith(
      {
        variables: {
          COUNTERSIGN_MODE: "strict",
          COUNTERSIGN_CACHE_DIR: join(scene.setting.scratch, "cache"),
        },
      },
      "verify",
      "--mode",
      "warn",
    );
    expect(ran).toExitWith(1);
  });

  it.each(["warn", "strict"])(
    "a policy that cannot be understood ends 2 in %s, and nothing counts as allowed",
    async (mode) => {
      project();
      scene.write({ ".countersign/policy.yaml": `version: 1\nmode: ${mode}\nmoed: strict\n` });
      const ran = await scene.run("verify");
      expect(ran).toMatchObject({ exitCode: 2, out: "" });
      expect(ran.err).toMatch(/^\.countersign\/policy\.yaml:3:1: .+ \(policy\/malformed\)\n {2}fix: /);
      const json = await scene.run("verify", "--json");
      expect(json).toExitWith(2);
      expect(reportOf(json).findings.map(({ code }) => code)).toContain("policy/malformed");
      for (const args of [
        ["explain", "@acme/widget"],
        ["evidence", "fetch"],
      ]) {
        expect(await scene.run(...args)).toMatchObject({
          exitCode: 2,
          out: "",
          err: expect.stringContaining("policy.yaml:3"),
        });
      }
    },
  );

  it("ends 2 for a lockfile that is not there", async () => {
    project();
    policy("warn");
    expect(await scene.run("verify", "--lockfile", "elsewhere/package-lock.json")).toExitWith(2);
  });

  it("says in CI that it is CI", async () => {
    project();
    for (const [CI, enforcement] of [
      ["true", "ci"],
      ["1", "ci"],
      ["false", "command"],
      ["", "command"],
    ] as const) {
      const ran = await scene.runWith(
        { variables: { CI, COUNTERSIGN_CACHE_DIR: join(scene.setting.scratch, "cache") } },
        "verify",
        "--json",
        "--offline",
      );
      expect(reportOf(ran).enforcement).toBe(enforcement);
    }
  });

  it("keeps the machine format alone on stdout and speaks to people on stderr", async () => {
    project();
    policy("warn");
    const json = await scene.run("verify", "--json");
    expect(reportOf(json).schema).toBe("countersign/report/1");
    expect(json.err).toContain("1 artefact");
    const markdown = await scene.run("verify", "--format", "markdown");
    expect(markdown.out).toMatch(/^#/);
    expect(markdown.err).not.toBe("");
    expect((await scene.run("verify")).err).toBe("");
  });

  it("writes the format to --output and the summary to the terminal", async () => {
    project();
    policy("warn");
    const ran = await scene.run("verify", "--format", "json", "--output", "out.json");
    expect(ran.out).not.toContain("countersign/report/1");
    expect(ran.out).toContain("1 artefact");
    expect((JSON.parse(readFileSync(join(scene.directory, "out.json"), "utf8")) as Report).schema).toBe(
      "countersign/report/1",
    );
    const lost = await scene.run("verify", "--json", "--output", "no/such/directory.json");
    expect(lost).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("no/such/directory.json cannot be written"),
    });
  });

  it("asks nobody when warm, and nobody when offline", async () => {
    project();
    policy("strict");
    expect(await scene.run("verify")).toExitWith(0);
    scene.kit.requests.clear();
    expect(await scene.run("verify")).toExitWith(0);
    expect(await scene.run("verify", "--offline")).toExitWith(0);
    expect(scene.kit.requests.all).toEqual([]);
  });

  it("does nothing in mode disabled", async () => {
    project();
    policy("disabled");
    expect(await scene.run("verify")).toExitWith(0);
    expect(scene.kit.requests.all).toEqual([]);
    expect(existsSync(join(scene.setting.scratch, "cache"))).toBe(false);
  });

  it("shows hostile names of a lockfile escaped in every format", async () => {
    project();
    const path = join(scene.directory, "package-lock.json");
    const lock = JSON.parse(readFileSync(path, "utf8")) as { packages: Record<string, unknown> };
    lock.packages["node_modules/\u001b[2J\u202eevil"] = {
      version: "1.0.0\u0007",
      resolved: `${scene.kit.npm.url}evil/-/evil-1.0.0.tgz`,
    };
    writeFileSync(path, JSON.stringify(lock));
    for (const args of [[], ["--json"], ["--format", "markdown"], ["--verbose"]]) {
      const { out, err } = await scene.run("verify", ...args);
      expect(out.length).toBeGreaterThan(100);
      expect(`${out}${err}`).not.toMatch(/[\u0007\u001b\u202e]/);
    }
    const { out, err } = await scene.run("explain", "\u001b[2J");
    expect(`${out}${err}`).not.toMatch(/[\u0007\u001b\u202e]/);
  });

  it("D18: holds a project to a policy named on the command line, and prints details with --verbose", async () => {
    project();
    scene.write({ "spec.yaml": policyOf(scene, "strict", "provenance") });
    const brief = await scene.run("verify", "--managed-policy", "spec.yaml");
    const verbose = await scene.run("verify", "--managed-policy", "spec.yaml", "--verbose");
    expect([brief.exitCode, verbose.exitCode]).toEqual([0, 0]);
    expect(brief.out).not.toContain("fine in package-lock.json");
    expect(verbose.out).toMatch(/fine in package-lock\.json[^]+@acme\/widget/);
  });

  it("shows one line of what nobody expected, and its stack with --debug", async () => {
    const nowhere = { directory: join(scene.directory, "removed") };
    const plain = await scene.runWith(nowhere, "verify");
    expect(plain).toMatchObject({
      exitCode: 2,
      out: "",
      err: expect.stringMatching(/^countersign: something unexpected happened: .+\n {2}fix: .*--debug.*\n$/),
    });
    expect((await scene.runWith(nowhere, "verify", "--debug")).err).toMatch(/^ +at /m);
  });

  it("ends 130 when it is cancelled", async () => {
    project();
    scene.kit.npm.faults.add({ fault: { kind: "stall" } });
    const cancelled = new AbortController();
    setTimeout(() => cancelled.abort(), 100);
    expect(await scene.runWith({ signal: cancelled.signal }, "verify")).toMatchObject({
      exitCode: 130,
      out: "",
      err: "countersign: cancelled\n",
    });
  });
});

describe("explain", () => {
  it.each(["@acme/widget", "@acme/widget@1.0.0", "pkg:npm/%40acme/widget@1.0.0"])(
    "finds %s",
    async (name) => {
      project();
      policy("warn");
      const ran = await scene.run("explain", name, "--json");
      const { schema, packages } = JSON.parse(ran.out) as {
        schema: string;
        packages: { purl: string; rules: unknown[]; verdicts: unknown[] }[];
      };
      expect({ exitCode: ran.exitCode, schema }).toEqual({
        exitCode: 0,
        schema: "countersign/explanations/1",
      });
      expect(packages).toMatchObject([
        {
          purl: "pkg:npm/%40acme/widget@1.0.0",
          rules: [{ level: "signed" }],
          verdicts: [{ level: "provenance" }],
        },
      ]);
    },
  );

  it("shows commit, run, log and the rule to people", async () => {
    project();
    policy("warn");
    const { out } = await scene.run("explain", "@acme/widget");
    for (const part of ["sha512:", "commit", "/actions/runs/", "index ", "require[0]", "package-lock.json:"])
      expect(out).toContain(part);
  });

  it("ends 2 for what is not locked, and names what is near", async () => {
    project();
    const ran = await scene.run("explain", "widget");
    expect(ran).toMatchObject({
      exitCode: 2,
      out: "",
      err: expect.stringContaining("countersign explain @acme/widget@1.0.0"),
    });
    expect(await scene.run("explain", "@acme/widget@9.9.9")).toExitWith(2);
  });
});

describe("doctor", () => {
  it("shows what verification rests on, and ends 1 where a setting weakens it", async () => {
    project();
    policy("warn");
    const good = await scene.run("doctor", "--json");
    const diagnosis = JSON.parse(good.out) as {
      lockfiles: unknown;
      registries: unknown;
      root: unknown;
      configuration: string[];
      weakens: unknown[];
    };
    expect(good).toExitWith(0);
    expect(diagnosis).toMatchObject({
      lockfiles: [{ path: "package-lock.json", manager: "npm", registries: [scene.kit.npm.url] }],
      registries: [{ registry: scene.kit.npm.url, signatures: "offered", attestations: "offered" }],
      root: { source: "tuf", stale: false },
      weakens: [],
    });
    expect(diagnosis.configuration).toEqual([".countersign/policy.yaml", "package.json", ".npmrc"]);
    scene.write({ ".npmrc": `registry=${scene.kit.npm.url}\nstrict-ssl=false\n` });
    const weak = await scene.run("doctor", "--offline");
    expect(weak).toExitWith(1);
    expect(weak.out).toContain("settings/weakens .npmrc:2");
  });
});
