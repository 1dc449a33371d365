import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { defaultBudget, visible, type Ecosystem, type PackageSet } from "@countersign/core";
import {
  configurationDirectory,
  findLockfiles,
  normaliseRegistry,
  projectPolicyPath,
  publicRegistry,
  readLockfiles,
  readManager,
  type Discovery,
  type Environment,
} from "@countersign/gate";
import { CommandError, reasonOf } from "../command-error.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";

type Named = { url: string; ecosystem: Ecosystem };

/** Writes a first policy: mode warn, and the registries that lockfiles and configuration name. Never overwrites. */
export async function initPolicy(host: Host, options: { lockfile: readonly string[] }): Promise<number> {
  const discovery = await findLockfiles(host.directory, options.lockfile);
  const text = await startingPolicy(environmentOf(host), discovery);
  await writeNew(join(discovery.directory, projectPolicyPath), text);
  host.terminal.out(
    `${visible(projectPolicyPath)}:\n\n${text
      .split("\n")
      .map((line) => visible(line))
      .join("\n")}`,
  );
  host.terminal.err("countersign: written; next: countersign verify\n");
  return 0;
}

/** The text of a first policy for a project. */
export async function startingPolicy(
  environment: Environment,
  { directory, lockfiles }: Pick<Discovery, "directory" | "lockfiles">,
): Promise<string> {
  const registries = new Map<string, Named>();
  const add = (address: string | null, ecosystem: Ecosystem): void => {
    const url = address === null ? null : normaliseRegistry(address);
    if (url !== null) registries.set(`${ecosystem} ${url}`, { url, ecosystem });
  };
  const { read } = await readLockfiles(directory, lockfiles, defaultBudget);
  for (const { file, set } of read) {
    const configuration = await readManager(file.manager, {
      directory: configurationDirectory(directory, file),
      home: environment.home,
      environment: environment.variables,
      platform: environment.platform,
      registries: null,
    });
    for (const ecosystem of ecosystemsOf(set)) {
      // A manager's own registries are of the one ecosystem that it installs; Deno's are npm's and JSR's.
      for (const registry of configuration.registries) if (ecosystem !== "jsr") add(registry, ecosystem);
    }
    for (const { name, source } of set.packages) {
      if (source.kind === "registry")
        add(source.registry ?? configuration.registryOf(source.ecosystem, name), source.ecosystem);
    }
  }
  return policyText([...registries.values()], ecosystemsOf(...read.map(({ set }) => set)), environment);
}

const ecosystemsOf = (...sets: readonly PackageSet[]): Ecosystem[] => [
  ...new Set(
    sets.flatMap(({ packages }) =>
      packages.flatMap(({ source }) => (source.kind === "registry" ? [source.ecosystem] : [])),
    ),
  ),
];

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: "wx" });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new CommandError(
      exists
        ? `${projectPolicyPath} exists already, and is left as it is`
        : `${projectPolicyPath} cannot be written: ${reasonOf(error)}`,
      exists ? "edit it, then run countersign policy check" : "make the directory writable",
    );
  }
}

/** npm's registry signs; of others nobody knows before a run has asked them. */
function policyText(
  registries: readonly Named[],
  ecosystems: readonly Ecosystem[],
  { repository }: Environment,
): string {
  const signing = publicRegistry(repository());
  const level = (ecosystem: Ecosystem): string =>
    ecosystem === "npm" &&
    registries.some(({ url }) => url === signing) &&
    registries.filter((each) => each.ecosystem === "npm").length === 1
      ? "signed"
      : "locked";
  const lines = [
    "version: 1",
    "# warn reports what strict would block. Change it when countersign verify shows what you expect.",
    "mode: warn",
  ];
  if (registries.length > 0) {
    lines.push(
      "# Packages may come from these and nowhere else. A mirror that strips evidence wants speaksFor and evidenceFrom.",
      "registries:",
    );
    for (const { url, ecosystem } of registries)
      lines.push(`  - url: ${JSON.stringify(url)}`, `    ecosystem: ${ecosystem}`);
  }
  const ruled = ecosystems.length > 0 ? ecosystems : (["npm", "pypi", "jsr"] as const);
  lines.push("# Every rule that matches a package applies; what none matches is blocked.", "require:");
  for (const ecosystem of ruled)
    lines.push(`  - { ecosystem: ${ecosystem}, names: ["**"], level: ${level(ecosystem)} }`);
  return `${lines.join("\n")}\n`;
}
