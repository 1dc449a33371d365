import { generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { writeFiles } from "@countersign/testkit";
import { runCommand, type Ended } from "./process.ts";
import { executable, policyOf, type Scene } from "./scene.ts";

const limit = 60_000;
const repository = "https://forge.example/acme/app";

/** Private keys in PEM by signer, and the roots that say whose seals count. */
type Authority = { keys: Readonly<Record<string, string>>; roots: Readonly<Record<string, string>> };

let authorities: Promise<Record<"owners" | "attacker", Authority>> | null = null;

/** The owners' trust store and the one that an attacker makes for itself: they say nothing of a scene, so once is enough. */
export const trustStores = (): Promise<Record<"owners" | "attacker", Authority>> =>
  (authorities ??= (async () => ({
    owners: await startAuthority(),
    attacker: await startAuthority(),
  }))());

/** alice may approve, release-bot may summarise. */
async function startAuthority(): Promise<Authority> {
  const directory = mkdtempSync(join(tmpdir(), "countersign-authority-"));
  try {
    const keys: Record<string, string> = {};
    for (const name of ["root", "alice", "release-bot"]) {
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      keys[name] = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      writeKey(directory, name, keys[name]);
      writeFiles(directory, {
        [`${name}-public.pem`]: publicKey.export({ type: "spki", format: "pem" }).toString(),
      });
    }
    mkdirSync(join(directory, ".countersign"));
    for (const args of [
      ["init", "--signer", "alice=alice-public.pem", "--root-key", "root.pem", "--repository", repository],
      [
        "add",
        "release-bot",
        "--public-key",
        "release-bot-public.pem",
        "--predicates",
        "summary",
        "--key",
        "root.pem",
        "--yes",
      ],
    ]) {
      const { exitCode, output } = await runCommand(
        {
          command: process.execPath,
          args: [executable, "trust", ...args],
          directory,
          variables: { PATH: "/usr/bin:/bin", HOME: directory },
        },
        limit,
      );
      if (exitCode !== 0) throw new Error(`countersign trust ${args[0]} ended with ${exitCode}:\n${output}`);
    }
    const trust = join(directory, ".countersign", "trust");
    const roots = readdirSync(trust)
      .filter((name) => name.endsWith(".root.json"))
      .map((name) => [name, readFileSync(join(trust, name), "utf8")] as const);
    return { keys, roots: Object.fromEntries(roots) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One that others can read is refused. */
function writeKey(directory: string, name: string, pem: string): void {
  writeFiles(directory, { [`${name}.pem`]: pem });
  chmodSync(join(directory, `${name}.pem`), 0o600);
}

/** The managed policy of a scene, with the pin of the trust store beside it: out of every change's reach. */
export const managedPolicy = ({ root }: Scene): string => join(root, "managed", "policy.yaml");

const demands = {
  approval: "groups: { people: [alice] }\nseal: { approval: { threshold: 1, signers: [people] } }\n",
  summary: "groups: { ci: [release-bot] }\nseal: { summary: { signers: [ci], maxAge: 30d } }\n",
} as const;
type Claim = keyof typeof demands;

/** What a scene's managed policy asks for. */
const claimOf = ({ cell }: Scene): Claim => (cell.scenery === "summarised" ? "summary" : "approval");

/** Demands a seal as an organisation does: by a policy and a trust store that no change of the project reaches. */
export async function demandSeal(scene: Scene, mode: "strict" | "warn" = "strict"): Promise<void> {
  const { owners } = await trustStores();
  const claim = claimOf(scene);
  const managed = join(scene.root, "managed");
  mkdirSync(managed);
  scene.kit.writeTrust(managed);
  const policy = policyOf(scene.kit, scene.cell.scenery).replace("mode: strict", `mode: ${mode}`);
  writeFiles(managed, { "policy.yaml": `${policy}${demands[claim]}` });
  scene.write({ ".countersign/policy.yaml": policy });
  writeFiles(join(managed, "trust"), owners.roots);
  writeTrust(scene, owners);
}

/** Does something under a managed policy that demands neither signatures nor seals. */
export async function underLoosePolicy(scene: Scene, act: () => Promise<void>): Promise<void> {
  const path = managedPolicy(scene);
  const strict = readFileSync(path, "utf8");
  writeFileSync(
    path,
    strict.replaceAll("level: signed", "level: locked").replaceAll(/^(seal|groups):.*\n/gm, ""),
  );
  await act();
  writeFileSync(path, strict);
}

/** Replaces the project's own trust store. */
export function writeTrust(scene: Scene, { roots }: Authority): void {
  const trust = join(scene.project, ".countersign", "trust");
  rmSync(trust, { recursive: true, force: true });
  writeFiles(trust, roots);
}

/**
 * Demands an approval as a project without an administrator does: by its own policy, with the trust store that this
 * machine was told of once and remembers.
 */
export async function demandByProject(scene: Scene): Promise<void> {
  writeTrust(scene, (await trustStores()).owners);
  scene.edit(".countersign/policy.yaml", (text) => `${text}${demands.approval}`);
  const { exitCode, output } = await scene.run(
    [process.execPath, executable, "verify", ...pinOf(scene)],
    limit,
  );
  if (exitCode !== 1 || !output.includes("seal/approval-missing"))
    throw new Error(`countersign verify ended with ${exitCode}, and not for a missing approval:\n${output}`);
}

/** The project's own store as the pin, by somebody who has compared its fingerprint. */
export const pinOf = ({ project }: Scene): readonly string[] => [
  "--trust-root",
  join(project, ".countersign", "trust", "1.root.json"),
];

/**
 * Seals the lockfile as it stands, on the machine of whoever may. @throws where that is refused
 * @param pin what that machine trusts, by default the managed policy
 */
export async function seal(
  scene: Scene,
  pin: readonly string[] = ["--managed-policy", managedPolicy(scene)],
): Promise<void> {
  const { owners } = await trustStores();
  const by = claimOf(scene) === "approval" ? "alice" : "release-bot";
  await sealAs(scene, "office", owners, by, pin);
}

/** An approval by the attacker's alice, under the attacker's trust store in the project. */
export async function sealAsAttacker(scene: Scene): Promise<void> {
  const { attacker } = await trustStores();
  await sealAs(scene, "attacker", attacker, "alice", pinOf(scene));
}

async function sealAs(
  scene: Scene,
  machine: "office" | "attacker",
  { keys }: Authority,
  by: string,
  options: readonly string[],
): Promise<void> {
  const at = join(scene.root, machine);
  writeKey(at, "key", keys[by] ?? "");
  const claim = by === "alice" ? "--approve" : "--summary";
  const ended: Ended = await scene.run(
    [process.execPath, executable, "sign", claim, "--key", join(at, "key.pem"), "--yes", ...options],
    limit,
    { variables: { HOME: at, COUNTERSIGN_CACHE_DIR: join(at, "cache") } },
  );
  if (ended.exitCode !== 0)
    throw new Error(`countersign sign ${claim} ended with ${ended.exitCode}:\n${ended.output}`);
}

export const sealFolder = ".countersign/seals";

/** Takes every piece of evidence from the wrapper; the managers' caches stay. */
export function forgetEvidence({ variables }: Scene): void {
  const cache = variables["COUNTERSIGN_CACHE_DIR"] ?? "";
  // Where a summary counted, none was ever written.
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache))
    if (!["bun", "deno", "uv"].includes(name)) rmSync(join(cache, name), { recursive: true, force: true });
}
