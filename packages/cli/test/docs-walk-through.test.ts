import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consoleBlocks, isNotRun, openDocsScene, stepsOf, type DocsScene } from "./docs-scene.ts";

const tools = ["git", "openssl", "ssh-keygen"].filter((name) => spawnSync(name, ["-h"]).error !== undefined);
if (tools.length > 0) console.warn(`SKIPPED: the walk-through needs ${tools.join(", ")}`);

const page = "walk-through-seals.md";
const steps = stepsOf(page);

describe(`docs/${page}`, () => {
  it("says of every block whose commands they are, or what they would need", () => {
    expect(steps.filter(({ language }) => language === "console")).toHaveLength(consoleBlocks(page));
    expect(steps.filter(isNotRun)).toHaveLength(1);
  });
});

describe.skipIf(tools.length > 0)("the walk-through, in its order", () => {
  let scene: DocsScene;
  beforeAll(async () => {
    scene = await openDocsScene(["alice", "bob", "ci", "deploy"], null);
  });
  afterAll(() => scene.close());

  const said = new Map<string, string>();

  it.each(steps.map((step) => [step.line, step.directive, step] as const))(
    "line %i: %s",
    async (_, __, step) => {
      if (isNotRun(step)) {
        const { npm } = scene.kit;
        scene.project("bob", npm.publish({ name: "leaf" }), npm.publish({ name: "newcomer" }));
        return;
      }
      const { out, err } = await scene.perform(step);
      const command = step.text.trimEnd().split("\n").at(-1) ?? "";
      said.set(`${step.directive}: ${command}`, out + err);
    },
  );

  it("came to what the page says", () => {
    const of = (key: string): string => said.get(key) ?? `nothing was said by ${key}`;
    const blocked = of("bob, exit 1: countersign verify --base origin/main");
    expect(blocked).toContain("seal/approval-missing");
    expect(blocked).toMatch(/1 added:\s+newcomer@1.0.0/);
    expect(of("ci: countersign verify --base origin/main")).toContain("approved by alice");
    expect(of("alice, exit 1: countersign verify --base origin/main")).toContain("policy/loosens");
    expect(of("deploy: countersign restore --dry-run --offline --base HEAD")).toContain("would install");
  });

  it("restores without a request", async () => {
    const before = scene.kit.requests.all.length;
    const offline = steps.findLast(({ directive }) => directive === "deploy");
    const { out } = await scene.perform({
      ...(offline as (typeof steps)[number]),
      text: "countersign verify --offline --base HEAD --json\n",
    });
    expect(JSON.parse(out)).toMatchObject({ lockfiles: [{ evidence: "summary" }], requests: 0 });
    expect(scene.kit.requests.all.length).toBe(before);
  });
});
