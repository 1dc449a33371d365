import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  captureTool,
  modeOf,
  policyHome,
  runTool,
  verifyProject,
  type Environment,
  type ToolRun,
  type VerifyRequest,
  type WrapperHost,
} from "@countersign/gate";
import { wrappers } from "../src/wrapper.ts";
import { canRun, openScene, type Scene } from "./scene.ts";

let scene: Scene;
let said: string[];
let ran: string[][];

/** The doors of the command line, on the scene's own machine. */
function hostOf(args: readonly string[]): WrapperHost {
  const { directory } = scene;
  const variables = { ...scene.environment, ...scene.variables };
  const environment: Environment = {
    version: "0.0.0",
    now: Date.now(),
    home: variables["HOME"] ?? "",
    cacheDirectory: variables["COUNTERSIGN_CACHE_DIR"] ?? "",
    storeDirectory: variables["COUNTERSIGN_CACHE_DIR"] ?? "",
    variables,
    platform: process.platform,
    cpu: process.arch,
    signal: new AbortController().signal,
    // The policy has roots of its own.
    repository: () => ({ url: "", initialRoot: Buffer.alloc(0), targets: new Map(), seededAt: 0 }),
    progress: () => {},
  };
  const request: VerifyRequest = {
    directory,
    policyDirectory: null,
    lockfiles: [],
    mode: null,
    modeFrom: "--mode",
    offline: false,
    base: null,
    platform: "current",
    managedPolicy: null,
    trustedRoots: [],
    npmKeys: [],
    enforcement: "wrapper",
    trustRoot: null,
    ref: null,
  };
  const commandOf = ({ args: given, variables: more, directory: place }: ToolRun) => ({
    command: scene.executable,
    args: given,
    directory: place ?? directory,
    variables: { ...variables, ...more },
  });
  return {
    args,
    directory,
    environment,
    verify: (more) => verifyProject({ ...request, ...more }, environment),
    show: ({ report }) =>
      void said.push(...report.findings.filter(({ effect }) => effect === "block").map(({ code }) => code)),
    introduce: () => {},
    mode: () => modeOf({ ...request, policyDirectory: policyHome(directory) }, environment),
    say: (text) => void said.push(text),
    refuse: ({ code }) => void said.push(code),
    run: (_, run) => {
      ran.push([...run.args]);
      return runTool(commandOf(run));
    },
    capture: (_, run) => captureTool(commandOf(run), environment.signal),
  };
}

const yarn = (...args: string[]): Promise<number> => wrappers["yarn"]?.(hostOf(args)) ?? Promise.resolve(255);

describe.skipIf(!canRun)("countersign yarn", () => {
  beforeEach(async () => {
    [said, ran] = [[], []];
    scene = await openScene("strict");
    scene.edit("package.json", (text) => text.replace('"native":"1.0.0",', ""));
  });
  afterEach(() => scene.close());

  it("installs what is locked, frozen; adds by way of a copy; runs a throw-away project", async () => {
    expect(await scene.yarn("install")).toExitWith(0);
    scene.forget();
    expect(await yarn("install")).toBe(0);
    expect(ran).toEqual([["install", "--immutable"]]);
    expect(scene.linked()).toContain("leaf");
    expect([await yarn("add", "other"), said]).toEqual([0, []]);
    expect(ran.slice(1)).toEqual([["install", "--immutable"]]);
    expect(scene.linked()).toContain("other");
    expect(JSON.parse(scene.read("package.json"))).toMatchObject({ dependencies: { other: "^1.0.0" } });
    expect([await yarn("dlx", "tool"), existsSync(join(scene.directory, "tool-ran")), said]).toEqual([
      0,
      true,
      [],
    ]);
  });

  it("leaves the project as it was where what would be added is refused, and runs nothing", async () => {
    expect(await scene.yarn("install")).toExitWith(0);
    scene.forget();
    const before = [scene.read("yarn.lock"), scene.read("package.json")];
    expect([await yarn("add", "unsigned"), said]).toEqual([1, ["signature/absent"]]);
    expect([await yarn("dlx", "unsigned"), said]).toEqual([1, ["signature/absent", "signature/absent"]]);
    expect([scene.read("yarn.lock"), scene.read("package.json")]).toEqual(before);
    expect([ran, scene.linked(), existsSync(scene.mark)]).toEqual([[], [], false]);
  });

  it("refuses variables that weaken", async () => {
    scene.variables["YARN_CHECKSUM_BEHAVIOR"] = "ignore";
    expect([await yarn("install"), said, ran]).toEqual([1, ["settings/weakens"], []]);
  });
});
