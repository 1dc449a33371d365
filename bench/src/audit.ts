import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createTestDirectory,
  hasManager,
  npmAuditEnvironment,
  npmTufHost,
  programOf,
  startTestkit,
  writeFiles,
  writeProject,
  type RealManager,
  type Testkit,
} from "@countersign/testkit";
import { timeProcess } from "./process.ts";
import { median, printTable, type Row } from "./table.ts";

const packageCount = 400;
const attestedCount = 100;
const rounds = 5;

const bench = resolve(import.meta.dirname, "..");
const executable = resolve(bench, "../packages/cli/bin/countersign.mjs");

/**
 * (a) `countersign verify` against the real `npm audit signatures`: the same packages and attestations on loopback
 * over TLS, whole processes, in turn. npm audits an installed tree, so one is laid out for it beforehand.
 */
export async function benchAudit(): Promise<void> {
  const managers = (["npm-11", "npm-12"] as const).filter(hasManager);
  if (managers.length === 0) {
    process.stdout.write("(a) skipped: no npm is installed in e2e/managers\n");
    return;
  }
  await using kit = await startTestkit({ tls: { hosts: [npmTufHost] } });
  const directory = createTestDirectory("bench");
  try {
    const project = layOut(kit, directory.path);
    const trust = kit.writeTrust(directory.path);
    const environment = { ...process.env, NODE_EXTRA_CA_CERTS: trust.tlsAuthority ?? "" };
    const ours = (): Promise<number> =>
      timeProcess(
        [executable, "verify", "--trusted-root", trust.trustedRoot, "--npm-keys", trust.npmKeys],
        project,
        {
          ...environment,
          COUNTERSIGN_CACHE_DIR: join(directory.path, "ours"),
        },
      );
    const audit = (name: RealManager): (() => Promise<number>) => {
      const cli = programOf(name, "npm") ?? "npm";
      return () => {
        const own = join(directory.path, name);
        mkdirSync(own, { recursive: true });
        return timeProcess([cli, "audit", "signatures"], project, {
          ...process.env,
          ...npmAuditEnvironment(kit, own),
        });
      };
    };
    const contestants = [
      { name: "countersign", cache: "ours", run: ours },
      ...managers.map((name) => ({ name, cache: name, run: audit(name) })),
    ];
    const times = new Map<string, number[]>();
    const add = (name: string, ms: number): void => void times.set(name, [...(times.get(name) ?? []), ms]);
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, cache, run } of contestants) {
        rmSync(join(directory.path, cache), { recursive: true, force: true });
        add(`${name} cold`, await run());
        add(`${name} warm`, await run());
      }
    }
    const rows: Row[] = [];
    for (const state of ["cold", "warm"]) {
      const own = median(times.get(`countersign ${state}`) ?? []);
      for (const { name } of contestants) {
        const ms = median(times.get(`${name} ${state}`) ?? []);
        rows.push([
          `${name}, ${state}`,
          `${ms.toFixed(0)} ms`,
          name === "countersign" ? "" : `${(ms / own).toFixed(1)}× ours`,
        ]);
      }
    }
    printTable(`(a) ${packageCount} packages, ${attestedCount} attested; median of ${rounds}`, rows);
  } finally {
    directory.remove();
  }
}

function layOut(kit: Testkit, directory: string): string {
  const project = join(directory, "project");
  const packages = Array.from({ length: packageCount }, (_, index) =>
    kit.npm.publish({
      name: `package-${index}`,
      provenance: index < attestedCount,
      publishAttestation: index < attestedCount,
    }),
  );
  writeProject(project, { lock: "package-lock.json", registry: kit.npm.url, packages });
  for (const { name, manifest } of packages)
    writeFiles(join(project, "node_modules", name), { "package.json": JSON.stringify(manifest) });
  const entries = packages.map(({ name, version, tarballUrl, integrity }) => [
    `node_modules/${name}`,
    { version, resolved: tarballUrl, integrity },
  ]);
  const hidden = {
    name: "project",
    version: "1.0.0",
    lockfileVersion: 3,
    requires: true,
    packages: Object.fromEntries(entries),
  };
  writeFiles(project, { "node_modules/.package-lock.json": JSON.stringify(hidden) });
  return project;
}
