import { spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sealKeyOf } from "@countersign/core";
import { consoleBlocks, isNotRun, openDocsScene, stepsOf, type DocsScene } from "./docs-scene.ts";

const tools = ["git", "openssl", "ssh-keygen"].filter((name) => spawnSync(name, ["-h"]).error !== undefined);
if (tools.length > 0) console.warn(`SKIPPED: the commands of docs/keys.md need ${tools.join(", ")}`);

const steps = stepsOf("keys.md");

const policy = `version: 1
mode: strict
registries:
  - { url: "https://npm.acme.example/", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
groups: { maintainers: [alice, bob] }
seal: { approval: { threshold: 1, signers: [maintainers] } }
`;

describe("docs/keys.md", () => {
  it("says of every block whose commands they are, or what they would need", () => {
    expect(steps.filter(({ language }) => language === "console")).toHaveLength(consoleBlocks("keys.md"));
    expect(steps.filter(isNotRun).map(({ directive }) => directive)).toEqual([
      "not run: needs a FIDO security key",
      "not run: needs an AWS account",
      "not run: needs a CI job's identity and a Sigstore instance",
    ]);
  });
});

describe.skipIf(tools.length > 0)("the commands of docs/keys.md, in their order", () => {
  let scene: DocsScene;
  beforeAll(async () => {
    scene = await openDocsScene(["alice", "bob", "carol"], policy);
  });
  afterAll(() => scene.close());

  const keyid = (person: string, path: string) => (): string => {
    const key = createPublicKey(readFileSync(join(scene.home(person), path)));
    const read = sealKeyOf("ed25519", key);
    return read.ok ? read.key.keyid : read.detail;
  };
  const substitutions = {
    "BOBS-ROOT-KEYID": keyid("bob", "keys/bob-root.pem"),
    "BOBS-NEW-ROOT-KEYID": keyid("bob", "keys/bob-root-2.pem"),
    "ALICES-KEYID": keyid("alice", "keys/alice.pem"),
  };
  const said = new Map<string, string>();

  it.each(steps.filter((step) => !isNotRun(step)).map((step) => [step.line, step.directive, step] as const))(
    "line %i: %s",
    async (_, __, step) => {
      const { out, err } = await scene.perform(step, substitutions);
      const command = step.text.trimEnd().split("\n").at(-1) ?? "";
      said.set(`${step.directive}: ${command}`, out + err);
    },
  );

  it("came to what the page says", () => {
    const of = (key: string): string => said.get(key) ?? `nothing was said by ${key}`;
    expect(of("bob: countersign trust list --base origin/main")).toContain("pin: the base commit");
    expect(of("carol: countersign trust list --trust-root .countersign/trust/1.root.json")).toContain(
      "pin: --trust-root",
    );
    expect(of("bob: countersign sign --approve --ssh ~/.ssh/id_ed25519")).toContain(
      "approval by bob (sshsig-ed25519)",
    );
    expect(of("alice, exit 1: countersign seal verify --base origin/main")).toContain("trust/forked");
    expect(of("alice: countersign seal verify")).toContain("counts         approval by alice");
    expect(of("alice: countersign trust list")).toContain("pin: this machine's memory, up to version 2");
  });
});
