import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, writeProject, type TestDirectory } from "../lockfiles/project.ts";
import { startTestkit, type Testkit } from "../testkit.ts";
import { npmAuditEnvironment, npmTufHost } from "./audit.ts";

/** `npm audit signatures` as of npm 11; where no such npm is installed there is nothing to run. */
const npm = spawnSync("npm", ["--version"], { encoding: "utf8" });
const hasNpm = npm.status === 0 && Number(npm.stdout.split(".")[0]) >= 11;

describe.skipIf(!hasNpm)("the real npm audit signatures", () => {
  let kit: Testkit;
  let directory: TestDirectory;
  beforeAll(async () => {
    kit = await startTestkit({ tls: { hosts: [npmTufHost] } });
    directory = createTestDirectory("audit");
  });
  afterAll(async () => {
    await kit.close();
    directory.remove();
  });

  const audit = async (name: string): Promise<{ code: number | null; report: string }> => {
    const packages = [
      kit.npm.publish({ name: `${name}-signed` }),
      kit.npm.publish({ name: `${name}-attested`, provenance: true }),
    ];
    const path = join(directory.path, name);
    writeProject(path, { lock: "package-lock.json", packages, registry: kit.npm.url });
    // What an installation would leave: npm audits the actual tree.
    for (const one of packages) {
      writeFiles(join(path, "node_modules", one.name), { "package.json": JSON.stringify(one.manifest) });
    }
    const hidden = {
      name: "project",
      version: "1.0.0",
      lockfileVersion: 3,
      packages: Object.fromEntries(
        packages.map((one) => [
          `node_modules/${one.name}`,
          { version: one.version, resolved: one.tarballUrl, integrity: one.integrity },
        ]),
      ),
    };
    writeFiles(path, { "node_modules/.package-lock.json": JSON.stringify(hidden) });
    const own = join(path, ".npm");
    mkdirSync(own);
    const child = spawn("npm", ["audit", "signatures", "--json", "--include-attestations"], {
      cwd: path,
      env: { ...process.env, ...npmAuditEnvironment(kit, own) },
    });
    let report = "";
    child.stdout.on("data", (chunk: Buffer) => (report += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => void child.on("close", resolve));
    return { code, report };
  };

  it("M23: verifies what the kit minted, with the key of the kit's TUF repository", async () => {
    const { code, report } = await audit("good");
    const { invalid, missing, verified } = JSON.parse(report) as {
      invalid: unknown[];
      missing: unknown[];
      verified: { name: string }[];
    };
    expect({ code, invalid, missing, verified: verified.map(({ name }) => name) }).toEqual({
      code: 0,
      invalid: [],
      missing: [],
      verified: ["good-attested"],
    });
    expect(kit.requests.count({ server: "sigstore", path: /keys\.json$/ })).toBe(1);
  });

  it("finds a signature that the kit broke", async () => {
    kit.npm.faults.add({
      path: "/bad-signed",
      fault: {
        kind: "edit",
        edit: (document: { versions: Record<string, { dist: { signatures: unknown } }> }) => {
          const broken = kit.npm.sign({ name: "bad-signed", version: "1.0.0", integrity: "sha512-other" });
          for (const version of Object.values(document.versions)) version.dist.signatures = broken;
          return document;
        },
      },
    });
    const { code, report } = await audit("bad");
    expect(code).toBe(1);
    expect((JSON.parse(report) as { invalid: { name: string; code: string }[] }).invalid).toMatchObject([
      { name: "bad-signed", code: "EINTEGRITYSIGNATURE" },
    ]);
  });
});
