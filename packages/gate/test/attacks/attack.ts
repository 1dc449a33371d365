import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Code } from "@countersign/core";
import { codesOf, type Scene } from "../scene.ts";
import type { Environment, VerifyRequest } from "../../src/run.ts";
import type { Verification } from "../../src/verify-project.ts";

/** What stops an attack: every blocking code, and the line of the project's file that the first one points at. */
export type Stopped = {
  codes: readonly [Code, ...Code[]];
  /** File, and a text that stands on the line first; left out where no line is to blame. */
  at?: { path: string; line: string };
  /** 2 where evidence is merely out of reach. */
  exit?: 1 | 2;
  request?: Partial<VerifyRequest>;
  environment?: Partial<Environment>;
};

/** A strict policy that names the kit's registry and index. */
export const strictPolicy = (
  { kit }: Scene,
  options: { npm?: string; pypi?: string; more?: string } = {},
): string => `version: 1
mode: strict
registries:
  - { url: "${kit.npm.url}", ecosystem: npm }
  - { url: "${kit.pypi.simpleUrl}", ecosystem: pypi }
require:
  - { ecosystem: npm, names: ["**"], level: ${options.npm ?? "signed"} }
  - { ecosystem: pypi, names: ["**"], level: ${options.pypi ?? "locked"} }
${options.more ?? ""}`;

/** The project as it is, without the attack, passes in strict. */
export async function expectControl(
  scene: Scene,
  given: Pick<Stopped, "request" | "environment"> = {},
): Promise<Verification> {
  const verification = await scene.run(given.request, given.environment);
  expect(verification.report.findings.filter(({ effect }) => effect === "block")).toEqual([]);
  expect(verification.exitCode).toBe(0);
  expect(verification.report.decision).toMatchObject({ mode: "strict", outcome: "allow", strict: "allow" });
  return verification;
}

let caches = 0;
/** Nothing stored of any earlier run; the sigstore root is there already, where one was fetched. */
export const cold = ({ environment }: Scene): { storeDirectory: string } => ({
  storeDirectory: `${environment.cacheDirectory}-${(caches += 1)}`,
});

/** A machine that has never run us: nothing stored, nothing trusted from before. */
export function newMachine(scene: Scene): { cacheDirectory: string; storeDirectory: string } {
  const { storeDirectory } = cold(scene);
  return { cacheDirectory: storeDirectory, storeDirectory };
}

/**
 * Strict stops the attack with these codes and no others, at that line; `warn` lets it pass and reports the same,
 * with what the first run stored of it.
 * @returns the strict verification, from cold caches
 */
export async function expectStopped(scene: Scene, stopped: Stopped): Promise<Verification> {
  const { codes, at, exit = 1 } = stopped;
  const environment = { ...cold(scene), ...stopped.environment };
  const strict = await scene.run(stopped.request, environment);
  expect(codesOf(strict)).toEqual(codes.toSorted());
  expect(strict.exitCode).toBe(exit);
  if (at !== undefined) {
    const [first] = codes;
    const lines = strict.report.findings
      .filter(({ code, effect }) => code === first && effect === "block")
      .map((finding) => finding.at);
    expect(lines).toContainEqual(expect.objectContaining({ path: at.path, line: lineOf(scene, at) }));
  }
  const path = join(scene.directory, ".countersign/policy.yaml");
  const policy = readFileSync(path, "utf8");
  scene.policy(policy.replace("mode: strict", "mode: warn"));
  const warn = await scene.run(stopped.request, environment);
  scene.policy(policy);
  expect(warn.exitCode).toBe(0);
  expect(warn.report.decision).toMatchObject({
    mode: "warn",
    outcome: "allow",
    strict: exit === 1 ? "block" : "incomplete",
  });
  expect(codesOf(warn)).toEqual(codes.toSorted());
  return strict;
}

/** The same attack against a store that the control has filled. */
export async function expectStoppedWarm(
  scene: Scene,
  { codes, exit = 1, request, environment }: Stopped,
): Promise<void> {
  const warm = await scene.run(request, environment);
  expect(codesOf(warm)).toEqual(codes.toSorted());
  expect(warm.exitCode).toBe(exit);
}

/** 1-based number of the first line that contains a text. */
export function lineOf(scene: Scene, { path, line }: { path: string; line: string }): number {
  const index = readFileSync(join(scene.directory, path), "utf8")
    .split("\n")
    .findIndex((text) => text.includes(line));
  if (index === -1) throw new Error(`no line of ${path} has ${line}`);
  return index + 1;
}

/** Rewrites a file of the project; an edit that changes nothing is a mistake in the test. */
export function rewrite(scene: Scene, path: string, edit: (text: string) => string): void {
  const before = readFileSync(join(scene.directory, path), "utf8");
  const after = edit(before);
  if (after === before) throw new Error(`the attack left ${path} as it was`);
  scene.write({ [path]: after });
}
