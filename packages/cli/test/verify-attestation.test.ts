import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Identity, Outcome } from "@countersign/core";
import { createTestDirectory } from "@countersign/testkit";
import { run, type Ran } from "./host.ts";
import { hasVectors, readVector, vectorsPath } from "./vectors.ts";

type Answer = {
  schema: string;
  outcome: Outcome;
  attestations: {
    index: number;
    predicateType: string | null;
    subject: string | null;
    outcome: Outcome;
    code: string | null;
    identity: Identity | null;
    logTime: string | null;
    checks: { name: string; status: string }[];
  }[];
};
type Instance = "production" | "staging";
type NpmCase = {
  file: string;
  trustRoot: Instance;
  bundles: { subject: string; outcome: Outcome; san: string | null }[];
};
type PypiCase = {
  file: string;
  trustRoot: Instance;
  distribution: { name: string; sha256: string };
  outcome: Outcome;
};

const npmCases: readonly NpmCase[] = hasVectors
  ? JSON.parse(readVector("npm", "attestations", "cases.json"))
  : [];
const pypiCases: readonly PypiCase[] = hasVectors ? JSON.parse(readVector("pypi", "cases.json")) : [];
const scratch = createTestDirectory("attestation");
const setting = { directory: scratch.path, scratch: scratch.path };
const trust = (instance: Instance): string[] => [
  "--trusted-root",
  vectorsPath("trust", `${instance}-trusted_root.json`),
  "--npm-keys",
  vectorsPath("trust", "npm-keys.json"),
];

async function verify(...args: string[]): Promise<Ran & { answer: Answer }> {
  const ran = await run(setting, "verify-attestation", "--json", ...args);
  return { ...ran, answer: ran.out === "" ? ({} as Answer) : (JSON.parse(ran.out) as Answer) };
}

function expectedExit({ attestations }: Answer): number {
  const outcomes = new Set(attestations.map(({ outcome }) => outcome));
  if (outcomes.has("refused")) return 1;
  if (outcomes.has("unknown")) return 2;
  return outcomes.has("verified") ? 0 : 1;
}

describe.skipIf(!hasVectors)("verify-attestation", () => {
  it.each(npmCases.map((one) => [one.file, one] as const))(
    "D4 D19: npm %s",
    async (_file, { file, trustRoot, bundles }) => {
      const { answer, exitCode } = await verify(
        "--bundle",
        vectorsPath("npm", "attestations", file),
        ...trust(trustRoot),
      );
      expect(answer.schema).toBe("countersign/attestations/1");
      expect(answer.attestations.map(({ outcome }) => outcome)).toEqual(
        bundles.map(({ outcome }) => outcome),
      );
      expect(answer.attestations.map(({ index }) => index)).toEqual(bundles.map((_, index) => index));
      const good = bundles.every(({ outcome }) => outcome === "verified");
      expect(answer.outcome).toBe(good ? "verified" : "refused");
      expect(exitCode).toBe(good ? 0 : 1);
      for (const [index, { san, outcome }] of bundles.entries()) {
        const attestation = answer.attestations[index];
        if (outcome !== "verified") expect(attestation?.code).toMatch(/^[a-z]+\/[a-z-]+$/);
        else if (attestation?.identity) expect(attestation.identity.san).toBe(san);
        else expect(san).toMatch(/^keyed /);
      }
    },
  );

  it.each(pypiCases.map((one) => [one.file, one] as const))(
    "D7 D19: PyPI %s",
    async (_file, { file, trustRoot, distribution, outcome }) => {
      const { answer, exitCode } = await verify(
        "--bundle",
        vectorsPath("pypi", file),
        "--subject",
        distribution.name,
        "--digest",
        `sha256:${distribution.sha256}`,
        ...trust(trustRoot),
      );
      expect(answer.outcome === "verified").toBe(outcome === "verified");
      expect(exitCode === 0).toBe(outcome === "verified");
      expect(exitCode).toBe(expectedExit(answer));
    },
  );

  const sigstore = vectorsPath("npm", "attestations", "artifact-keeper--sigstore-5.0.0.json");

  it("needs no flag, file or network for the public instance", async () => {
    const { answer, exitCode } = await verify("--bundle", sigstore);
    expect(exitCode).toBe(0);
    expect(answer.attestations).toMatchObject([
      { subject: "pkg:npm/sigstore@5.0.0", identity: null, logTime: "2026-06-01T21:02:53Z" },
      { identity: { repository: "sigstore/sigstore-js", issuerName: "github" } },
    ]);
  });

  it("shows the checks that had nothing to compare as skipped", async () => {
    const { answer } = await verify("--bundle", sigstore);
    for (const { checks } of answer.attestations) {
      expect(checks.filter(({ status }) => status === "skipped").map(({ name }) => name)).toEqual([
        "subject",
        "digest",
      ]);
    }
    const named = await verify("--bundle", sigstore, "--subject", "pkg:npm/sigstore@5.0.0");
    expect(named.answer.attestations[0]?.checks.filter(({ status }) => status === "skipped")).toEqual([
      { name: "digest", status: "skipped" },
    ]);
  });

  it.each([
    ["pkg:npm/sigstore@5.0.1", 1],
    ["pkg:npm/%40evil/sigstore@5.0.0", 1],
    ["pkg:pypi/sigstore@5.0.0", 1],
    ["sigstore-5.0.0.tgz", 1],
    ["pkg:npm/sigstore", 2],
    ["pkg:jsr/@std/assert@1.0.0", 2],
  ])("refuses the subject %s", async (subject, exitCode) => {
    expect(await verify("--bundle", sigstore, "--subject", subject)).toExitWith(exitCode);
  });

  it("D5: hashes the artefact and refuses other bytes", async () => {
    const other = join(scratch.path, "other.tgz");
    writeFileSync(other, "other bytes");
    const { answer, exitCode } = await verify(other, "--bundle", sigstore);
    expect({ exitCode, codes: answer.attestations.map(({ code }) => code) }).toEqual({
      exitCode: 1,
      codes: ["attestation/digest-mismatch", "attestation/digest-mismatch"],
    });
    const wrong = await verify(other, "--bundle", sigstore, "--digest", `sha512:${"0".repeat(128)}`);
    expect(wrong).toMatchObject({
      exitCode: 1,
      out: expect.stringContaining("countersign/failure/1"),
      err: expect.stringContaining("not what --digest names"),
    });
    const right = createHash("sha512").update("other bytes").digest("hex");
    expect(await verify(other, "--bundle", sigstore, "--digest", `sha512:${right}`)).toExitWith(1);
  });

  it("accepts a signed file as path and as digest; without either it is unknown and ends 2", async () => {
    const suite = vectorsPath("conformance", "bundle-verify");
    const artefact = join(suite, "a.txt");
    const digest = `sha256:${createHash("sha256").update(readFileSync(artefact)).digest("hex")}`;
    const bundle = ["--bundle", join(suite, "happy-path-v0.3", "bundle.sigstore.json")];
    expect(await verify(artefact, ...bundle)).toExitWith(0);
    const named = await verify(...bundle, "--digest", digest);
    expect(named).toExitWith(0);
    expect(named.answer.attestations).toMatchObject([
      { predicateType: null, subject: null, outcome: "verified" },
    ]);
    const { answer, exitCode } = await verify(...bundle);
    expect({ exitCode, code: answer.attestations[0]?.code, outcome: answer.outcome }).toEqual({
      exitCode: 2,
      code: "bundle/artefact-missing",
      outcome: "unknown",
    });
  });

  it.each([
    ["repository=sigstore/sigstore-js", 0],
    ["repository=https://github.com/sigstore/sigstore-js", 0],
    ["repository=sigstore/*", 0],
    ["repository=sigstore/sigstore", 1],
    ["repository=Sigstore/sigstore-js", 1],
    ["workflow=.github/workflows/release.yml", 0],
    ["workflow=.github/workflows/release", 1],
    ["ref=refs/heads/main", 0],
    ["ref=refs/tags/v*", 1],
    ["slsaBuild=2", 0],
    ["slsaBuild=3", 1],
    ["issuer=gitlab", 1],
    ["issuer=https://token.actions.githubusercontent.com", 0],
    ["email=a@b.example", 1],
    ["colour=red", 2],
    ["repository", 2],
    ["slsaBuild=9", 2],
  ])("D6 D26: --identity %s ends %i", async (pair, exitCode) => {
    const ran = await verify("--bundle", sigstore, "--identity", pair);
    expect(ran).toExitWith(exitCode);
    if (exitCode === 1) expect(ran.answer.outcome).toBe("refused");
  });

  it("D6: a keyed attestation alone satisfies no identity", async () => {
    const publish = join(scratch.path, "publish.json");
    const document = JSON.parse(
      readVector("npm", "attestations", "artifact-keeper--sigstore-5.0.0.json"),
    ) as { attestations: unknown[] };
    writeFileSync(publish, JSON.stringify({ attestations: document.attestations.slice(0, 1) }));
    expect(await verify("--bundle", publish)).toExitWith(0);
    expect(
      (await verify("--bundle", publish, "--identity", "repository=sigstore/sigstore-js")).answer
        .attestations[0]?.code,
    ).toBe("identity/mismatch");
  });

  it.each([
    ["[]", "unverified", 1, 0],
    ["null", "unverified", 1, 0],
    ['{"attestations":[]}', "unverified", 1, 0],
    ['{"version":1,"attestation_bundles":[]}', "unverified", 1, 0],
    ["", "refused", 1, 1],
    ["{", "refused", 1, 1],
    ["not json", "refused", 1, 1],
    ['{"attestations":null}', null, 1, null],
    ['{"__proto__":{"attestations":[]}}', "refused", 1, 1],
    [`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`, "refused", 1, 1],
  ] as const)("D4: the document %s verifies nothing", async (text, outcome, exitCode, count) => {
    const path = join(scratch.path, "document.json");
    writeFileSync(path, text);
    const ran = await verify("--bundle", path);
    expect(ran).toExitWith(exitCode);
    if (outcome !== null) expect(ran.answer.outcome).toBe(outcome);
    if (count !== null) expect(ran.answer.attestations).toHaveLength(count);
  });

  it.each([
    [["--bundle", "no-such-file.json"], /no-such-file\.json cannot be read: there is no such file/],
    [["--bundle", "."], /cannot be read: it is a directory/],
    [["missing.tgz", "--bundle", sigstore], /missing\.tgz cannot be read/],
    [["--bundle", sigstore, "--digest", "sha1:00"], /no digest/],
    [["--bundle", sigstore, "--digest", "sha512-abc"], /no digest/],
    [["--bundle", sigstore, "--npm-keys", sigstore], /has no registry keys/],
    [["--bundle", sigstore, "--trusted-root", sigstore], /root/],
    [[], /required option '--bundle <file>'/],
  ])("ends 2 for %j, in one line with a fix", async (args, message) => {
    const ran = await run(setting, "verify-attestation", ...args);
    expect(ran).toExitWith(2);
    expect(ran.out).toBe("");
    expect(ran.err).toMatch(message);
    expect(ran.err).not.toMatch(/^ +at /m);
  });

  it("shows hostile text of a bundle escaped, for people and in JSON", async () => {
    const path = join(scratch.path, "hostile.json");
    const escape = "\u001b[2J\u202e";
    writeFileSync(
      path,
      JSON.stringify({ attestations: [{ predicateType: escape, bundle: { mediaType: escape } }] }),
    );
    for (const args of [[], ["--json"]]) {
      const { out, err } = await run(setting, "verify-attestation", "--bundle", path, ...args);
      expect(`${out}${err}`).not.toContain("\u001b");
      expect(`${out}${err}`).not.toContain("\u202e");
      expect(out).toContain("refused");
    }
    const named = await run(setting, "verify-attestation", "--bundle", `${escape}.json`);
    expect(named.err).not.toContain("\u001b");
  });
});
