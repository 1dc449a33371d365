import { join } from "node:path";
import { parsePurl, type ReportedFinding, type ReportedVerdict } from "@countersign/core";
import {
  createTestDirectory,
  startTestkit,
  writeFiles,
  type Testkit,
  type TestkitOptions,
} from "@countersign/testkit";
import type { Environment, VerifyRequest } from "../src/run.ts";
import { verifyProject, type Verification } from "../src/verify-project.ts";

/** A project directory, a home and caches of its own, and the kit whose Sigstore it trusts. */
export type Scene = {
  kit: Testkit;
  directory: string;
  request: VerifyRequest;
  environment: Environment;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  policy(yaml: string): void;
  run(request?: Partial<VerifyRequest>, environment?: Partial<Environment>): Promise<Verification>;
  close(): Promise<void>;
};

export async function openScene(options: TestkitOptions = {}): Promise<Scene> {
  const kit = await startTestkit(options);
  const root = createTestDirectory("scene");
  const directory = join(root.path, "project");
  writeFiles(directory, { ".git/HEAD": "" });
  const request: VerifyRequest = {
    directory,
    policyDirectory: null,
    lockfiles: [],
    mode: null,
    modeFrom: "--mode",
    offline: false,
    base: null,
    platform: "all",
    managedPolicy: null,
    trustedRoots: [],
    npmKeys: [],
    enforcement: "command",
    trustRoot: null,
    ref: null,
  };
  const environment: Environment = {
    version: "0.0.0",
    now: Date.now(),
    home: join(root.path, "home"),
    cacheDirectory: join(root.path, "cache"),
    storeDirectory: join(root.path, "cache"),
    variables: {},
    platform: "linux",
    cpu: "x64",
    signal: new AbortController().signal,
    repository: () => ({
      url: kit.sigstore.tufUrl,
      initialRoot: Buffer.from(kit.sigstore.tufRoot),
      targets: new Map(),
      seededAt: 0,
    }),
    progress: () => {},
  };
  return {
    kit,
    directory,
    request,
    environment,
    write: (files) => void writeFiles(directory, files),
    policy: (yaml) => void writeFiles(directory, { ".countersign/policy.yaml": yaml }),
    run: (more, other) => verifyProject({ ...request, ...more }, { ...environment, ...other }),
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

export const verdictOf = ({ report }: Verification, name: string): ReportedVerdict => {
  const found = report.lockfiles
    .flatMap(({ verdicts }) => verdicts)
    .find(({ purl }) => parsePurl(purl)?.name === name);
  if (found === undefined) throw new Error(`no verdict of ${name}`);
  return found;
};

export const blocking = ({ report }: Verification): ReportedFinding[] =>
  report.findings.filter(({ effect }) => effect === "block");
export const codesOf = (verification: Verification): string[] =>
  [...new Set(blocking(verification).map(({ code }) => code))].toSorted();
