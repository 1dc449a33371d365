import { existsSync } from "node:fs";
import { join } from "node:path";
import { markedDistribution, markedPackage, type RealManager } from "@countersign/testkit";
import { publishedAt } from "./cast.ts";
import type { SceneryName } from "./cell.ts";
import { openScene, type Scene } from "./scene.ts";

/** `evil`: as it is locked where the registry serves the attacker's leaf; `with mallory`: where the project requires that too. */
export type LockKind = "good" | "evil" | "with mallory";

const templates = new Map<string, Promise<string>>();
const resolveLimit = 60_000;

/** The lockfile that the manager's own resolution makes of the scene's project, with this scene's addresses. */
export async function lockOf(scene: Scene, kind: LockKind = "good"): Promise<string> {
  const key = `${scene.cell.manager} ${kind} ${scene.cell.gate === "audit" ? "tls" : ""}`;
  let template = templates.get(key);
  if (template === undefined) {
    template = resolveLock(scene.cell.manager, kind, scene.cell.gate);
    templates.set(key, template);
  }
  let text = await template;
  for (const [placeholder, address] of addresses(scene)) text = text.replaceAll(placeholder, address);
  return withHook(scene, text);
}

/** Adds mallory to the manifest. */
export function requireMallory(scene: Scene): void {
  const [manifest, leaf] =
    scene.adapter.family === "uv"
      ? ["pyproject.toml", '"leaf==1.0.0", "mallory==1.0.0"']
      : ["package.json", '"leaf": "1.0.0",\n    "mallory": "1.0.0"'];
  scene.edit(manifest, (text) => text.replace(/"leaf(": "|==)1\.0\.0"/, leaf));
}

/** pnpm compares a checksum of its hooks, which whoever rewrites the rest leaves as it is. */
function withHook(scene: Scene, text: string): string {
  const { adapter, project } = scene;
  const current = existsSync(join(project, adapter.lockfile)) ? scene.read(adapter.lockfile) : "";
  const [checksum] = /^pnpmfileChecksum: .*\n\n?/m.exec(current) ?? [];
  return checksum === undefined
    ? text
    : text.replace("importers:\n", `${checksum.trimEnd()}\n\nimporters:\n`);
}

/** A leaf that the registry vouches for, in place of the one that is there. */
export function publishLeaf({ kit }: Scene, evil: boolean): void {
  kit.npm.publish({ ...markedPackage({ name: "leaf", evil }), publishedAt });
  kit.pypi.publish({ ...markedDistribution({ name: "leaf", evil }), uploadedAt: publishedAt });
}

async function resolveLock(
  manager: RealManager,
  kind: LockKind,
  gate: Scene["cell"]["gate"],
): Promise<string> {
  const scenery: SceneryName = "signed";
  const scene = await openScene({ attack: null, scenery, manager, gate, flow: "install", state: "cold" });
  try {
    if (kind === "evil") {
      publishLeaf(scene, true);
    }
    if (kind === "with mallory") {
      requireMallory(scene);
    }
    const { exitCode, output } = await scene.run(scene.adapter.resolve, resolveLimit);
    if (exitCode !== 0) throw new Error(`${manager} could not lock the project (${exitCode}):\n${output}`);
    let text = scene.read(scene.adapter.lockfile);
    for (const [placeholder, address] of addresses(scene)) text = text.replaceAll(address, placeholder);
    return text;
  } finally {
    await scene.close();
  }
}

const addresses = ({ kit }: Scene): [placeholder: string, address: string][] => [
  ["{npm}", kit.npm.url],
  ["{npm-host}", kit.npm.host],
  ["{index}", kit.pypi.url],
  ["{files}", kit.pypi.filesUrl],
];
