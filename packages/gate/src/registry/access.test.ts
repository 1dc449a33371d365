import { builtInPolicy, type PackageSet } from "@countersign/core";
import { expect, it } from "vitest";
import { rule } from "../../test/manager-context.ts";
import type { ManagerConfiguration } from "../manager/manager.ts";
import { accessOf } from "./access.ts";

const configuration: ManagerConfiguration = {
  manager: "npm",
  registryOf: () => null,
  registries: ["https://configured.example/"],
  credentials: [],
  proxy: { https: null, http: null, noProxy: [] },
  authorities: [],
  findings: [],
};
const locked = (registry: string): PackageSet =>
  ({ packages: [{ source: { kind: "registry", ecosystem: "npm", registry } }] }) as unknown as PackageSet;

it("D29: where the policy names registries, neither lockfile nor configuration names a host that may be asked", () => {
  const policy = {
    ...builtInPolicy([]),
    registries: [{ ...rule("https://named.example/npm/"), evidenceFrom: ["https://evidence.example/"] }],
  };
  const { allowed } = accessOf([configuration], policy, [locked("https://evil.example/")], []);
  expect(allowed).toEqual(
    expect.arrayContaining(["https://named.example/npm/", "https://evidence.example/"]),
  );
  expect(allowed.join()).not.toMatch(/evil|configured/);
});

it("asks the configured registries of an ecosystem the policy names none of", () => {
  const { allowed } = accessOf([configuration], builtInPolicy([]), [locked("https://evil.example/")], []);
  expect(allowed).toContain("https://configured.example/");
  expect(allowed.join()).not.toContain("evil");
});

it("with no policy asks the lockfile's registries too, but nothing over plain http", () => {
  const { allowed } = accessOf(
    [configuration],
    null,
    [locked("https://locked.example"), locked("http://plain.example/")],
    [],
  );
  expect(allowed).toContain("https://locked.example/");
  expect(allowed.join()).not.toContain("plain");
});
