import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasManager, programOf } from "@countersign/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { archiveSamples, type ArchiveSample } from "../../test/archive-samples.ts";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import { yarnZipDigest } from "./yarn-zip.ts";

const yarn = programOf("yarn-4", "yarn") as string;
const run = promisify(execFile);

const directory = mkdtempSync(join(tmpdir(), "countersign-yarn-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(!hasManager("yarn-4"))("the zip against the real Yarn", () => {
  it.each(["0", "1", "6", "9", "mixed"])(
    "has the checksum that Yarn locks with compressionLevel %s",
    async (level) => {
      const lock = await install(archiveSamples, level);
      for (const { name, tarball } of archiveSamples) {
        const [, cacheKey = "", hex = ""] =
          new RegExp(`resolution: "${name}@npm:[^]*?checksum: ([^/]+)/([0-9a-f]+)`).exec(lock) ?? [];
        expect([name, await yarnZipDigest(tarball, name, cacheKey)]).toEqual([
          name,
          { state: "found", digest: { algorithm: "sha512", hex } },
        ]);
      }
    },
    60_000,
  );
});

/** @returns the yarn.lock of a project that depends on every sample */
async function install(samples: readonly ArchiveSample[], level: string): Promise<string> {
  const server = await registryOf(samples);
  const project = mkdtempSync(join(directory, "project-"));
  const dependencies = Object.fromEntries(samples.map(({ name, version }) => [name, version]));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", dependencies }));
  writeFileSync(join(project, "yarn.lock"), "");
  const settings = [
    `npmRegistryServer: "${server.url}"`,
    "unsafeHttpWhitelist: [127.0.0.1]",
    "enableScripts: false",
    "enableTelemetry: false",
    "enableGlobalCache: false",
    "npmMinimalAgeGate: 0",
    `compressionLevel: ${level}`,
    `globalFolder: "${project}/global"`,
  ];
  writeFileSync(join(project, ".yarnrc.yml"), settings.join("\n"));
  try {
    await run(process.execPath, [yarn, "install", "--no-immutable"], {
      cwd: project,
      env: { PATH: process.env["PATH"], HOME: project },
    });
    return readFileSync(join(project, "yarn.lock"), "utf8");
  } finally {
    await server.close();
  }
}

async function registryOf(samples: readonly ArchiveSample[]): Promise<Loopback> {
  const server = await startLoopback((request, response) => {
    const path = decodeURIComponent(request.url ?? "").slice(1);
    const sample = samples.find(({ name }) => path === name || path.startsWith(`${name}/-/`));
    if (sample === undefined) return void response.writeHead(404).end();
    const { name, version, tarball } = sample;
    if (path !== name) return void response.end(tarball);
    const file = `${name.slice(name.lastIndexOf("/") + 1)}-${version}.tgz`;
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const manifest = { name, version, dist: { tarball: `${server.url}${name}/-/${file}`, integrity } };
    response.end(
      JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: manifest } }),
    );
  });
  return server;
}
