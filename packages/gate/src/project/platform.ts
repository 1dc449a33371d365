import type { Artefact, LockedPackage } from "@countersign/core";

/** The machine an install would run on, in Node's words. */
export type Machine = { os: NodeJS.Platform; cpu: string };

/** Wheel platform tags of an operating system (PEP 425, 513, 656), by prefix. */
const wheelSystems: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^(?:manylinux|musllinux|linux)/,
  darwin: /^macosx/,
  win32: /^win/,
};
const wheelCpus: Readonly<Record<string, RegExp>> = {
  x64: /(?:x86_64|amd64|universal2|intel)$/,
  arm64: /(?:aarch64|arm64|universal2)$/,
};

/**
 * Whether an install on this machine could take the artefact. The lockfile's own os and cpu lists are the ones
 * that the manager goes by; whatever is unclear counts as possible.
 */
export function couldInstall(pkg: LockedPackage, artefact: Artefact, machine: Machine): boolean {
  if (!admits(pkg.markers.os, machine.os) || !admits(pkg.markers.cpu, machine.cpu)) return false;
  if (artefact.form !== "wheel" || artefact.file === null) return true;
  const tags = (
    artefact.file
      .replace(/\.whl$/i, "")
      .split("-")
      .at(-1) ?? "any"
  ).split(".");
  const system = wheelSystems[machine.os];
  const cpu = wheelCpus[machine.cpu];
  if (system === undefined || cpu === undefined) return true;
  return tags.some(
    (tag) =>
      tag === "any" || (system.test(tag) && (cpu.test(tag) || (machine.os === "win32" && tag === "win32"))),
  );
}

/** npm's rule: a list of names allows those, `!name` forbids; [] allows all. */
function admits(list: readonly string[], value: string): boolean {
  if (list.includes(`!${value}`)) return false;
  const allowed = list.filter((each) => !each.startsWith("!"));
  return allowed.length === 0 || allowed.includes(value) || allowed.includes("any");
}
