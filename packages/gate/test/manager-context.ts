import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { createTestDirectory, writeFiles } from "@countersign/testkit";
import type { RegistryRule } from "@countersign/core";
import type { ManagerConfiguration, ManagerContext } from "../src/manager/manager.ts";
import { accessOf } from "../src/registry/access.ts";
import { createClient, defaultClientLimits } from "../src/registry/http-client.ts";

export type Machine = {
  context: ManagerContext;
  root: string;
  /** Files of the project, and of the home under `~/`. */
  write: (files: Readonly<Record<string, string>>) => void;
  close: () => void;
};

export type MachineOptions = { policy?: readonly string[]; environment?: Readonly<Record<string, string>> };

/** A project in a repository and a home beside it, with nothing of this machine's own configuration. */
export function openMachine({ policy, environment = {} }: MachineOptions = {}): Machine {
  const root = createTestDirectory("manager");
  const directory = join(root.path, "project");
  const home = join(root.path, "home");
  writeFiles(directory, { ".git/.keep": "" });
  writeFiles(home, { ".keep": "" });
  return {
    root: root.path,
    context: {
      directory,
      home,
      environment: {
        PREFIX: join(root.path, "prefix"),
        XDG_CONFIG_DIRS: join(root.path, "xdg"),
        ...environment,
      },
      platform: "linux",
      registries: policy === undefined ? null : policy.map(rule),
    },
    write: (files) => {
      for (const [path, text] of Object.entries(files)) {
        if (path.startsWith("~/")) writeFiles(home, { [path.slice(2)]: text });
        else writeFiles(directory, { [path]: text });
      }
    },
    close: () => root.remove(),
  };
}

export const rule = (url: string): RegistryRule => ({
  url,
  ecosystem: "npm",
  speaksFor: null,
  evidenceFrom: [],
  keys: null,
  files: [],
  scopes: [],
  withdrawn: false,
  layer: "head",
  at: { path: "policy.yaml", line: 1, column: 1 },
});

/** Asks an address as a run with this configuration would. */
export async function ask(configuration: ManagerConfiguration, url: string): Promise<void> {
  const access = accessOf([configuration], null, [], [url]);
  const client = createClient(
    { ...access, proxy: { https: null, http: null, noProxy: [] } },
    AbortSignal.timeout(10_000),
    { ...defaultClientLimits, retries: 0 },
  );
  try {
    await client.get({ url: `${url}package`, accept: "*/*", maximumBytes: 1000 });
  } finally {
    await client.close();
  }
}

export const git = (directory: string, ...args: string[]): string =>
  execFileSync(
    "git",
    [
      "-c",
      "user.name=t",
      "-c",
      "user.email=t@t.example",
      "-c",
      "init.defaultBranch=main",
      "-c",
      "commit.gpgSign=false",
      ...args,
    ],
    {
      cwd: directory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );

export const codesAndEffects = ({ findings }: Pick<ManagerConfiguration, "findings">): string[] =>
  findings.map(({ code, effect }) => `${effect} ${code}`);
