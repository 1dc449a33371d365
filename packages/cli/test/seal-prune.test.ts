import { existsSync, rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import {
  openSealed,
  succeed,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./attacks/sealed-project.ts";
import { approvals, keyOf } from "./sealing.ts";

let project: SealedProject;
afterEach(() => project.close());

const name = "package-lock.json";
const prune = (folder = ""): ReturnType<SealedProject["sign"]> =>
  project.scene.runWith({ directory: project.path(folder) }, "seal", "prune", "--yes").then(succeed);

describe("prune leaves what counts for somebody else", () => {
  it("seals of another project of the repository", async () => {
    project = await openSealed({
      signed: false,
      project: (scene) => {
        writePackages(scene, [widgetOf(scene)], name, "apps/a");
        writePackages(scene, [scene.kit.npm.publish({ name: "other" })], name, "apps/b");
      },
    });
    const sign = (folder: string): ReturnType<SealedProject["sign"]> =>
      project.scene
        .runWith(
          { directory: project.path(folder) },
          "sign",
          "--approve",
          "--yes",
          "--key",
          keyOf(project.scene, "alice"),
        )
        .then(succeed);
    await sign("apps/a");
    await sign("apps/b");
    const before = project.seals();
    expect(before).toHaveLength(2);
    await prune("apps/a");
    expect(project.seals()).toEqual(before);
    // Control: a lockfile that is gone takes its seals along.
    rmSync(project.path(`apps/b/${name}`));
    await prune("apps/a");
    expect(project.seals()).toHaveLength(1);
    expect(project.seals().every((path) => existsSync(project.path(path)))).toBe(true);
  });

  it("a seal by a shared secret that this machine does not have", async () => {
    const variables = { SEAL_SECRET: "s".repeat(40) };
    project = await openSealed({
      seal: approvals(),
      prepare: async (scene) => {
        const args = ["trust", "add", "bob", "--hmac", "SEAL_SECRET", "--key", keyOf(scene, "root"), "--yes"];
        succeed(await scene.runWith({ variables }, ...args));
      },
      stage: async ({ scene }) => {
        succeed(await scene.runWith({ variables }, "sign", "--approve", "--yes", "--hmac", "SEAL_SECRET"));
      },
    });
    expect(await project.verifyWith({ variables })).toMatchObject({ approvals: ["alice", "bob"] });
    expect(project.seals()).toHaveLength(2);
    await prune();
    expect(project.seals()).toHaveLength(2);
    expect(await project.verifyWith({ variables })).toMatchObject({ approvals: ["alice", "bob"] });
  });
});
