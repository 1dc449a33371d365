import type { Artefact, LockedPackage } from "@countersign/core";
import { expect, it } from "vitest";
import { couldInstall } from "./platform.ts";

const wheel = (file: string): Artefact => ({ form: "wheel", file }) as Artefact;
const pkg = (os: string[] = [], cpu: string[] = []): LockedPackage =>
  ({ markers: { os, cpu } }) as unknown as LockedPackage;
const linux = { os: "linux", cpu: "x64" } as const;

it.each([
  ["a-1-py3-none-any.whl", true],
  ["a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", true],
  ["a-1-cp311-cp311-musllinux_1_2_x86_64.whl", true],
  ["a-1-cp311-cp311-manylinux_2_17_aarch64.whl", false],
  ["a-1-cp311-cp311-macosx_11_0_universal2.whl", false],
  ["a-1-cp311-cp311-win_amd64.whl", false],
])("a Linux machine could install %s: %s", (file, expected) => {
  expect(couldInstall(pkg(), wheel(file), linux)).toBe(expected);
});

it("a machine that is not known could install everything", () => {
  expect(couldInstall(pkg(), wheel("a-1-cp311-cp311-win_amd64.whl"), { os: "linux", cpu: "riscv64" })).toBe(
    true,
  );
});

it("goes by npm's lists, where a name forbids with !", () => {
  const tarball = { form: "tarball", file: null } as Artefact;
  expect(couldInstall(pkg(["linux"], ["x64"]), tarball, linux)).toBe(true);
  expect(couldInstall(pkg(["darwin"]), tarball, linux)).toBe(false);
  expect(couldInstall(pkg(["!linux"]), tarball, linux)).toBe(false);
  expect(couldInstall(pkg(["!win32"]), tarball, linux)).toBe(true);
  expect(couldInstall(pkg([], ["arm64"]), tarball, linux)).toBe(false);
});
