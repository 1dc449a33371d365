import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  approvals,
  commit,
  keyOf,
  sealPolicy,
  openSealing,
  summaries,
  type SealingScene,
} from "./sealing.ts";

let scene: SealingScene;
beforeEach(async () => {
  scene = await openSealing();
  policy(approvals());
});
afterEach(() => scene.close());

const policy = (seal: string): void => scene.write({ ".countersign/policy.yaml": sealPolicy(scene, seal) });
const variables = { SEAL_SECRET: "s".repeat(40) };
/** Makes bob approve with a shared secret too. */
async function approveBySecret(): Promise<void> {
  const root = keyOf(scene, "root");
  const added = await scene.runWith(
    { variables },
    "trust",
    "add",
    "bob",
    "--hmac",
    "SEAL_SECRET",
    "--key",
    root,
    "--yes",
  );
  expect(added).toExitWith(0);
  const signed = await scene.runWith({ variables }, "sign", "--approve", "--yes", "--hmac", "SEAL_SECRET");
  expect(signed).toExitWith(0);
}

describe("sign says what is sealed already", () => {
  it("who sealed these bytes", async () => {
    const { err } = await scene.approve();
    expect(err).toContain("1 provenance, 0 signed, 0 locked, 0 unlocked, 1 local\n");
    expect(err).toContain("package-lock.json: 2 packages; no seal of it counts yet\n");
    expect((await scene.approve("bob")).err).toContain(
      "package-lock.json: 2 packages; sealed already by alice",
    );
    commit(scene, "sealed");
    expect((await scene.approve()).err).toContain("sealed already by alice, bob");
  });

  it("and what changed since the last other bytes", async () => {
    await scene.approve();
    commit(scene, "sealed");
    scene.project(scene.kit.npm.publish({ name: "newcomer", version: "2.0.0" }));
    await scene.approve();
    const { err } = await scene.approve("bob");
    expect(err).toContain("3 packages; sealed already by alice");
    expect(err).toContain("since the last seal of other bytes (alice): 1 added: newcomer@2.0.0");
  });
});

describe("a summary is valid until", () => {
  const day = 86_400_000;
  const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString().slice(0, 10);

  it("the policy's maxAge, where it comes before its own word", async () => {
    policy(summaries);
    expect((await scene.summarise("--expires", "60")).err).toContain(
      `, valid until ${inDays(30)} by the policy's maxAge, though --expires says ${inDays(60)}\n`,
    );
    const ran = await scene.runWith({ width: 200 }, "verify", "--offline");
    expect(ran.out).toMatch(new RegExp(`valid until ${inDays(30)}T`));
  });

  it("its own word, where that comes first", async () => {
    policy(summaries);
    expect((await scene.summarise("--expires", "14")).err).toMatch(
      new RegExp(`, valid until ${inDays(14)}\n`),
    );
    const ran = await scene.runWith({ width: 200 }, "verify", "--offline");
    expect(ran.out).toMatch(new RegExp(`valid until ${inDays(14)}T`));
  });
});

describe("seal verify under a trust store that is refused", () => {
  it("counts the seals that nobody judged", async () => {
    await scene.approve();
    await scene.approve("bob");
    commit(scene, "sealed");
    const elsewhere = { scratch: join(scene.setting.scratch, "elsewhere") };
    for (const args of [["--base", "nope"], []]) {
      const ran = await scene.runWith(elsewhere, "seal", "verify", ...args);
      expect(ran.exitCode).not.toBe(0);
      expect(ran.out).toBe("package-lock.json\n  2 seals, not judged\n");
      const { lockfiles } = JSON.parse(
        (await scene.runWith(elsewhere, "seal", "verify", "--json", ...args)).out,
      ) as {
        lockfiles: unknown[];
      };
      expect(lockfiles).toMatchObject([{ unjudged: 2, seals: [] }]);
    }
    appendFileSync(join(scene.directory, "package-lock.json"), " ");
    expect((await scene.runWith(elsewhere, "seal", "verify")).out).toBe("package-lock.json\n  no seals\n");
    expect((await scene.run("seal", "verify", "--json")).out).toContain('"unjudged": 0');
  });
});

describe("seal prune says what it keeps", () => {
  it("all count", async () => {
    await scene.approve();
    const ran = await scene.run("seal", "prune", "--dry-run");
    expect(ran).toMatchObject({ exitCode: 0, out: "" });
    expect(ran.err).toBe("countersign: no seal is to be removed\n  kept: 1 seal that counts\n");
  });

  it("no seals at all", async () => {
    expect((await scene.run("seal", "prune", "--dry-run")).err).toBe("countersign: there are no seals\n");
  });

  it("seals of a lockfile that has changed since", async () => {
    await scene.approve();
    await scene.approve("bob");
    appendFileSync(join(scene.directory, "package-lock.json"), " ");
    const ran = await scene.run("seal", "prune", "--dry-run");
    expect(ran).toMatchObject({ exitCode: 0, out: "" });
    expect(ran.err).toBe(
      "countersign: no seal is to be removed\n  kept: 2 seals of other bytes, until every lockfile as it stands has a seal that counts\n",
    );
  });

  it("seals of other bytes where one lockfile is named", async () => {
    await scene.approve();
    appendFileSync(join(scene.directory, "package-lock.json"), " ");
    await scene.approve();
    const ran = await scene.run("seal", "prune", "--dry-run", "--lockfile", "package-lock.json");
    expect(ran.err).toContain("  kept: 1 seal that counts\n");
    expect(ran.err).toContain("  kept: 1 seal of other bytes, since --lockfile names only some lockfiles\n");
    expect((await scene.run("seal", "prune", "--yes")).err).toBe(
      "countersign: removed 1 seal\n  kept: 1 seal that counts\n",
    );
    expect(scene.seals()).toHaveLength(1);
  });

  it("seals by a secret that is not here", async () => {
    await approveBySecret();
    const ran = await scene.run("seal", "prune", "--dry-run");
    expect(ran).toMatchObject({ exitCode: 0, out: "" });
    expect(ran.err).toBe(
      "countersign: no seal is to be removed\n  kept: 1 seal that cannot be checked here: there is no secret in SEAL_SECRET\n",
    );
  });
});

describe("sign refuses", () => {
  it("a folder for seals that cannot be written", async () => {
    scene.write({ ".countersign/seals": "a file" });
    const ran = await scene.approve();
    expect(ran).toExitWith(2);
    expect(ran.err).toMatch(
      /\.countersign\/seals\/[^ ]+ cannot be written: the system says E[A-Z]+\n {2}fix: make the directory writable\n/,
    );
  });

  it("a ref that is not named in full", async () => {
    const ran = await scene.approve("alice", "--ref", "main");
    expect(ran).toMatchObject({
      exitCode: 2,
      err: "countersign: --ref main is no full name of a ref\n  fix: --ref refs/heads/main\n",
    });
    expect((await scene.approve("alice", "--ref", "a b")).err).toContain("fix: --ref 'refs/heads/a b'\n");
    expect(scene.seals()).toEqual([]);
    expect(await scene.approve("alice", "--ref", "refs/heads/main")).toExitWith(0);
  });
});

describe("what is not there is no verdict", () => {
  it("seal verify ends 2 without lockfile or base", async () => {
    await scene.approve();
    commit(scene, "sealed");
    for (const args of [
      ["--lockfile", "nope"],
      ["--base", "nope"],
    ])
      expect(await scene.run("seal", "verify", ...args)).toExitWith(2);
    const asJson = await scene.run("seal", "verify", "--lockfile", "nope", "--json");
    expect([asJson.exitCode, JSON.parse(asJson.out)]).toMatchObject([2, { valid: false, lockfiles: [] }]);
    rmSync(join(scene.directory, "package-lock.json"));
    expect(await scene.run("seal", "verify")).toExitWith(2);
    for (const args of [[], ["--lockfile", "nope"]]) {
      const pruned = await scene.run("seal", "prune", "--dry-run", ...args);
      expect(pruned).toMatchObject({ exitCode: 2, out: "" });
      expect(pruned.err).toContain("lockfile/not-found");
    }
  });

  it("seal inspect says which is missing, the lockfile or its seals", async () => {
    const none = await scene.run("seal", "inspect");
    expect(none).toMatchObject({ exitCode: 1, out: "" });
    expect(none.err).toBe(
      "countersign: no lockfile here has a seal\n  fix: countersign sign --approve --key FILE\n",
    );
    const asJson = await scene.run("seal", "inspect", "--json");
    expect([asJson.exitCode, JSON.parse(asJson.out)]).toEqual([
      1,
      { schema: "countersign/seals/1", verified: false, seals: [] },
    ]);
    await scene.approve();
    const missing = await scene.run("seal", "inspect", "--lockfile", "nope");
    expect(missing).toMatchObject({ exitCode: 2, out: "" });
    expect(missing.err).toContain("lockfile/not-found");
    rmSync(join(scene.directory, "package-lock.json"));
    expect((await scene.run("seal", "inspect")).err).toContain("lockfile/not-found");
  });
});

describe("fixes that work", () => {
  const verifyText = async (): Promise<string> => (await scene.runWith({ width: 1000 }, "verify")).out;
  const trust = async (...args: string[]): Promise<void> => {
    const ran = await scene.run("trust", ...args, "--key", keyOf(scene, "root"), "--yes");
    expect(ran).toExitWith(0);
  };

  it("of a missing approval: a key, and only signers that can approve", async () => {
    expect(await verifyText()).toContain(
      "Have 1 of alice, bob review the change and run: countersign sign --approve --key FILE --lockfile package-lock.json",
    );
    await trust("revoke", "alice", "--reason", "compromised");
    expect(await verifyText()).toContain("Have bob review the change and run: countersign sign");
    await trust("revoke", "bob", "--reason", "superseded");
    const none = await verifyText();
    expect(none).not.toContain("review the change");
    expect(none).toContain(
      "None of alice, bob can approve under version 4 of the trust store. Name other signers in the policy, or add them: countersign trust add ID --public-key FILE",
    );
  });

  it("of a floor in the future: no key can help", async () => {
    const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    await trust("revoke", "--path", "package-lock.json", "--not-before", day);
    const ran = await scene.approve();
    expect(ran).toExitWith(2);
    expect(ran.err).toContain(
      `fix: sign after ${day}T00:00:00Z: the trust store takes no older seals of package-lock.json, by whatever key`,
    );
  });

  it("of an unknown key", async () => {
    const hmac = await scene.runWith({ variables }, "sign", "--yes", "--hmac", "SEAL_SECRET");
    expect(hmac.err).toContain("fix: countersign trust add ID --hmac VARIABLE\n");
    expect((await scene.approve("mallory")).err).toContain(
      "fix: countersign trust add ID --public-key FILE\n",
    );
    expect((await scene.approve("mallory", "--as", "bob")).err).toContain(
      "fix: countersign trust add bob --public-key FILE\n",
    );
    expect((await scene.approve("alice", "--as", "bob")).err).toContain(
      "fix: leave out --as: the key is that of alice\n",
    );
  });

  it("of a base that is not there", async () => {
    await scene.approve();
    commit(scene, "sealed");
    for (const command of [["verify"], ["seal", "verify"]]) {
      const ran = await scene.run(...command, "--base", "nope");
      expect(ran).toExitWith(2);
      expect(ran.err).toContain(
        ".countersign/policy.yaml:1:1: The policy of the base nope cannot be read: there is no commit nope here",
      );
    }
  });
});

describe("a secret that is not here", () => {
  it("is what the findings say", async () => {
    policy(summaries);
    const root = keyOf(scene, "root");
    const key = ["--hmac", "SEAL_SECRET", "--predicates", "summary", "--key", root, "--yes"];
    await scene.runWith({ variables }, "trust", "add", "release-bot", ...key);
    const signed = await scene.runWith({ variables }, "sign", "--summary", "--yes", "--hmac", "SEAL_SECRET");
    expect(signed).toExitWith(0);
    const { out } = await scene.runWith({ width: 1000 }, "verify", "--verbose");
    expect(out).not.toContain("is signed with a key that");
    expect(out).not.toContain("No summary seals these bytes");
    expect(out).not.toContain("Sign again, or remove it");
    expect(out).toContain("No summary counts (there is no secret in SEAL_SECRET");
    expect(out).toContain("Give this machine the secret");
  });
});

describe("what a seal is for", () => {
  it("names the ref", async () => {
    await scene.approve();
    const { out } = await scene.run("seal", "verify", "--ref", "refs/heads/main");
    expect(out).toContain("it is for no ref in particular (seal/ref-mismatch)");
    expect((await scene.run("seal", "inspect")).out).toContain(", 2 packages\n");
  });
});

describe("sign shows the files that it is over besides the lockfile", () => {
  it("by name the first time, then what has changed since the last seal, of the same bytes too", async () => {
    scene.write({ ".npmrc": "ignore-scripts=true\n" });
    expect((await scene.approve()).err).toMatch(/ {2}closure: \.npmrc, package\.json\n/);
    // Seals tell the time in seconds, and bob's is to be the later one.
    await setTimeout(1001);
    expect((await scene.approve("bob")).err).toContain(
      "closure since the last seal (alice): no file changed\n",
    );
    scene.write({ ".npmrc": "script-shell;:_authToken=./evil.sh\n" });
    const { err } = await scene.approve();
    expect(err).toContain("no seal of it counts yet\n");
    expect(err).toContain("  closure since the last seal (bob): 1 changed: .npmrc\n");
  });

  it("not by the word of a key that is revoked", async () => {
    scene.write({ ".npmrc": "ignore-scripts=true\n" });
    await scene.approve("bob");
    const root = keyOf(scene, "root");
    const revoked = await scene.run(
      "trust",
      "revoke",
      "bob",
      "--reason",
      "compromised",
      "--key",
      root,
      "--yes",
    );
    expect(revoked).toExitWith(0);
    expect((await scene.approve()).err).toMatch(/ {2}closure: \.npmrc, package\.json\n/);
  });
});
