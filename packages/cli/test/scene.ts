import { join } from "node:path";
import {
  createTestDirectory,
  startTestkit,
  writeFiles,
  writeProject,
  type PublishedPackage,
  type Testkit,
} from "@countersign/testkit";
import { run, type Ran, type Setting } from "./host.ts";

/** A project directory, a home and caches of its own, and the kit whose Sigstore it trusts. */
export type Scene = {
  kit: Testkit;
  directory: string;
  setting: Setting;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  run(...args: readonly string[]): Promise<Ran>;
  runWith(setting: Partial<Setting>, ...args: readonly string[]): Promise<Ran>;
  close(): Promise<void>;
};

export async function openScene(): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("cli");
  const directory = join(root.path, "project");
  writeFiles(directory, { ".git/HEAD": "" });
  const setting: Setting = {
    directory,
    scratch: root.path,
    repository: () => ({
      url: kit.sigstore.tufUrl,
      initialRoot: Buffer.from(kit.sigstore.tufRoot),
      targets: new Map(),
      seededAt: 0,
    }),
  };
  return {
    kit,
    directory,
    setting,
    write: (files) => void writeFiles(directory, files),
    run: (...args) => run(setting, ...args),
    runWith: (other, ...args) => run({ ...setting, ...other }, ...args),
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

/** Writes a project that locks packages of the kit's npm registry. */
export const lockPackages = ({ directory, kit }: Scene, ...packages: readonly PublishedPackage[]): void =>
  void writeProject(directory, { lock: "package-lock.json", packages, registry: kit.npm.url });

/** A policy that names the kit's npm registry. */
export const policyOf = ({ kit }: Scene, mode: string, level = "signed"): string => `version: 1
mode: ${mode}
registries:
  - { url: "${kit.npm.url}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: ${level} }
`;
