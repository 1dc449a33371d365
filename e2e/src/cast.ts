import {
  githubBuild,
  markedDistribution,
  markedPackage,
  mintDistribution,
  mintNpmPackage,
  type Distribution,
  type NpmPackage,
  type PublishedDistribution,
  type PublishedPackage,
  type PublishFileOptions,
  type PublishOptions,
  type Testkit,
} from "@countersign/testkit";
import type { SceneryName } from "./cell.ts";

/** Long ago for every minimum age, and the same in every scene, so that lockfiles differ in addresses alone. */
export const publishedAt: number = Date.UTC(2026, 0, 15);

export const releaseWorkflow = ".github/workflows/release.yml";
export const release: ReturnType<typeof githubBuild> = githubBuild({ workflow: releaseWorkflow });
export const fork: ReturnType<typeof githubBuild> = githubBuild({
  repository: "evil/widgets",
  repositoryId: "666001",
  ownerId: "666",
  workflow: releaseWorkflow,
});

/** Names that the policy of the scenery `provenance` demands provenance of. */
export const attestedNames: readonly string[] = ["leaf", "extra", "tool"];
export const goodNames = ["leaf", "trunk", "twig", "extra", "tool"] as const;
type GoodName = (typeof goodNames)[number];

/**
 * The packages of a registry: leaf and trunk (which requires twig) are the project's, extra is added, tool is run.
 * mallory is the attacker's, published and signed like any other; evil is leaf as the attacker made it, published nowhere.
 */
export type NpmCast = Record<GoodName | "mallory", PublishedPackage> & { evil: NpmPackage };
export type PythonCast = Record<GoodName | "mallory", PublishedDistribution> & { evil: Distribution };

/** twig is attested everywhere, and no rule asks for it. */
const isAttested = (name: string, scenery: SceneryName): boolean =>
  name === "twig" || (scenery === "provenance" && attestedNames.includes(name));

const requires = (name: string): string[] => (name === "trunk" ? ["twig"] : []);

export function publishNpm(kit: Testkit, scenery: SceneryName): NpmCast {
  const provenance = (name: string): Pick<PublishOptions, "provenance"> =>
    isAttested(name, scenery) ? { provenance: { build: release } } : {};
  const publish = (name: string): PublishedPackage =>
    kit.npm.publish({
      ...markedPackage({ name, evil: name === "mallory" }),
      dependencies: Object.fromEntries(requires(name).map((required) => [required, "1.0.0"])),
      publishedAt,
      ...provenance(name),
    });
  return {
    ...byName(publish),
    mallory: publish("mallory"),
    evil: mintNpmPackage(markedPackage({ name: "leaf", evil: true })),
  };
}

export function publishPython(kit: Testkit, scenery: SceneryName): PythonCast {
  const provenance = (name: string): Pick<PublishFileOptions, "provenance"> =>
    isAttested(name, scenery) ? { provenance: { build: release } } : {};
  const publish = (name: string): PublishedDistribution =>
    kit.pypi.publish({
      ...markedDistribution({ name, evil: name === "mallory" }),
      requires: requires(name).map((required) => `${required}==1.0.0`),
      uploadedAt: publishedAt,
      ...provenance(name),
    });
  return {
    ...byName(publish),
    mallory: publish("mallory"),
    evil: mintDistribution(markedDistribution({ name: "leaf", evil: true })),
  };
}

const byName = <T>(make: (name: GoodName) => T): Record<GoodName, T> => ({
  leaf: make("leaf"),
  trunk: make("trunk"),
  twig: make("twig"),
  extra: make("extra"),
  tool: make("tool"),
});
