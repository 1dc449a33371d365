import { readLockfile } from "@countersign/core";
import { describe, expect, it } from "vitest";
import { batched } from "./batch.ts";
import { reachOf } from "./command.ts";
import { failure } from "./failure.ts";
import { lockfileOf } from "./resolutions.ts";
import { unsoundNode, unsoundPnpm } from "./unsound.ts";

describe("what a command reaches", () => {
  it.each([
    "install",
    "i",
    "ci",
    "add leaf",
    "update",
    "remove leaf",
    "dedupe",
    "fetch",
    "rebuild",
    "deploy out",
    "link x",
  ])("%s: the lockfile", (typed) => {
    expect(reachOf(typed.split(" "))).toBe("lockfile");
  });
  it.each(["run build", "exec vite", "list", "build", "install --lockfile-only", "config get registry"])(
    "%s: nothing",
    (typed) => {
      expect(reachOf(typed.split(" "))).toBe("nothing");
    },
  );
  it.each(["dlx leaf", "add -g leaf", "create vite"])("%s: what is newly resolved", (typed) => {
    expect(reachOf(typed.split(" "))).toBe("resolutions");
  });
  it("takes an unknown command line for one that installs", () => {
    expect(reachOf(null)).toBe("lockfile");
  });
});

describe("versions in which a hook cannot hold", () => {
  it.each(["pnpm/12.0.0 npm/?", "pnpm/12.15.3 npm/? node/?"])("refuses %s", (agent) => {
    expect(unsoundPnpm(agent)?.fix).toContain("12.16");
  });
  it.each([
    "pnpm/10.34.9 npm/?",
    "pnpm/11.0.0 npm/?",
    "pnpm/12.16.0 npm/?",
    "pnpm/13.0.0 npm/?",
    undefined,
    1,
  ])("accepts %s", (agent) => {
    expect(unsoundPnpm(agent)).toBeNull();
  });
  it.each(["20.19.0", "22.22.1", "23.11.0", "24.14.9", "25.0.0"])("refuses Node.js %s", (version) => {
    expect(unsoundNode(version)).not.toBeNull();
  });
  it.each(["22.22.2", "22.23.0", "24.15.0", "26.0.0", "27.1.0"])("accepts Node.js %s", (version) => {
    expect(unsoundNode(version)).toBeNull();
  });
});

describe("the lockfile of what is newly resolved", () => {
  const integrity = `sha512-${"A".repeat(86)}==`;
  const read = (manifests: Parameters<typeof lockfileOf>[0]): ReturnType<typeof readLockfile> =>
    readLockfile("pnpm-lock", "pnpm-lock.yaml", Buffer.from(lockfileOf(manifests)));

  it("names each package with the digest and address that pnpm would lock", async () => {
    const tarball = "https://npm.example/@acme/b/-/b-2.0.0.tgz";
    const result = await read([
      { name: "a", version: "1.0.0", dist: { integrity }, os: ["win32"] },
      { name: "@acme/b", version: "2.0.0", dist: { integrity, tarball } },
    ]);
    if (!result.ok) throw new Error(JSON.stringify(result));
    const packages = result.value.packages.filter(({ source }) => source.kind === "registry");
    expect(packages.map(({ name, version }) => `${name}@${version}`).toSorted()).toEqual([
      "@acme/b@2.0.0",
      "a@1.0.0",
    ]);
    expect(packages.flatMap(({ artefacts }) => artefacts.map(({ url }) => url))).toContain(tarball);
    expect(packages.map(({ markers }) => markers.os)).toContainEqual(["win32"]);
    expect(result.value.problems).toEqual([]);
  });

  it.each([
    { name: "a", version: '1.0.0"\n  evil@1.0.0: {}', dist: { integrity } },
    { name: "a: {}\npackages", version: "1.0.0", dist: { integrity } },
    { name: "a", version: "1.0.0", dist: {} },
    { name: "a", version: "1.0.0", dist: { integrity: `${integrity} sha512-${"B".repeat(86)}==` } },
    { name: "a", version: "1.0.0", dist: { integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" } },
  ])("lets nothing that a registry answers pass for another entry: %j", async (manifest) => {
    const result = await read([manifest]);
    const problems = result.ok ? result.value.problems : result.findings;
    expect(problems.some(({ effect }) => effect === "block")).toBe(true);
    const names = result.ok ? result.value.packages.map(({ name }) => name) : [];
    expect(names).not.toContain("evil");
  });
});

describe("batches", () => {
  it("answers together what is asked at about the same time, and starts anew after", async () => {
    const seen: string[][] = [];
    const ask = batched<string>(5, async (items) => {
      seen.push([...items]);
      if (items.includes("bad")) throw new Error("refused");
    });
    await Promise.all([ask("a"), ask("b")]);
    const both = await Promise.allSettled([ask("c"), ask("bad")]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await ask("d");
    expect(seen).toEqual([["a", "b"], ["c", "bad"], ["d"]]);
  });
});

it("puts everything into the message, which is all that pnpm 12 prints", () => {
  const error = failure("ERR_COUNTERSIGN_BLOCKED", "why", "how");
  expect(error.stack).toBe(error.message);
  expect(error.message).toBe("ERR_COUNTERSIGN_BLOCKED: why\nfix: how");
  expect(error).toMatchObject({ code: "ERR_COUNTERSIGN_BLOCKED" });
});
