import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { writeFiles, type PublishedPackage } from "@countersign/testkit";
import type { Ran } from "./host.ts";
import { lockPackages, openScene, type Scene } from "./scene.ts";

export const repository = "https://forge.example/acme/app";

/** Writes a private key that only its owner can read, and its public half beside it. */
export function writeKey(scene: Scene, name: string, kind: "ed25519" | "p256" = "ed25519"): void {
  const pair =
    kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const folder = join(scene.setting.scratch, "keys");
  writeFiles(folder, {
    [`${name}-public.pem`]: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
  });
  writeFiles(folder, {
    [`${name}.pem`]: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  });
  execFileSync("chmod", ["600", join(folder, `${name}.pem`)]);
}

export const keyOf = (scene: Scene, name: string): string =>
  join(scene.setting.scratch, "keys", `${name}.pem`);
export const publicKeyOf = (scene: Scene, name: string): string =>
  join(scene.setting.scratch, "keys", `${name}-public.pem`);

/** A policy with the kit's registry, which wants seals. */
export const sealPolicy = (scene: Scene, seal: string, mode = "strict"): string => `version: 1
mode: ${mode}
registries:
  - { url: "${scene.kit.npm.url}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
groups: { maintainers: [alice, bob], ci: [release-bot] }
seal: ${seal}
`;
export const approvals = (threshold = 1): string =>
  `{ approval: { threshold: ${threshold}, signers: [maintainers] } }`;
export const summaries = "{ summary: { signers: [ci], maxAge: 30d } }";

export function git(scene: Scene, ...args: readonly string[]): string {
  const own = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"];
  return execFileSync("git", [...own, ...args], {
    cwd: scene.directory,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: scene.setting.scratch },
  }).trim();
}

export function commit(scene: Scene, message: string): string {
  git(scene, "add", "-A");
  git(scene, "commit", "-qm", message);
  return git(scene, "rev-parse", "HEAD");
}

/** A real repository with keys of everybody and a trust store that knows alice, bob and release-bot. */
export async function startSealing(scene: Scene): Promise<Ran> {
  execFileSync("rm", ["-rf", join(scene.directory, ".git")]);
  git(scene, "init", "-q");
  for (const name of ["root", "alice", "release-bot", "mallory"]) writeKey(scene, name);
  writeKey(scene, "bob", "p256");
  const made = await scene.run(
    "trust",
    "init",
    ...["alice", "bob"].flatMap((id) => ["--signer", `${id}=${publicKeyOf(scene, id)}`]),
    "--root-key",
    keyOf(scene, "root"),
    "--repository",
    repository,
  );
  if (made.exitCode !== 0) return made;
  return scene.run(
    "trust",
    "add",
    "release-bot",
    "--public-key",
    publicKeyOf(scene, "release-bot"),
    "--predicates",
    "summary",
    "--key",
    keyOf(scene, "root"),
    "--yes",
  );
}

/** A repository that locks an attested package and has a trust store, and what people do there; it has no policy. */
export type SealingScene = Scene & {
  /** Locks these besides. */
  project(...more: readonly PublishedPackage[]): void;
  /** Below the folder of seals. */
  seals(): string[];
  approve(name?: string, ...more: readonly string[]): Promise<Ran>;
  summarise(...more: readonly string[]): Promise<Ran>;
};

export async function openSealing(): Promise<SealingScene> {
  const scene = await openScene();
  const widget = scene.kit.npm.publish({ name: "@acme/widget", provenance: true });
  const folder = join(scene.directory, ".countersign/seals");
  const sign = (kind: string, name: string, more: readonly string[]): Promise<Ran> =>
    scene.run("sign", kind, "--key", keyOf(scene, name), "--yes", ...more);
  lockPackages(scene, widget);
  expect(await startSealing(scene)).toExitWith(0);
  return {
    ...scene,
    project: (...more) => lockPackages(scene, widget, ...more),
    seals: () =>
      existsSync(folder)
        ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))
        : [],
    approve: (name = "alice", ...more) => sign("--approve", name, more),
    summarise: (...more) => sign("--summary", "release-bot", more),
  };
}
