import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { evilText, goodText } from "@countersign/testkit";
import type { Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import { clearInstallation, type Scene } from "../scene.ts";
import { allFamilies, attack, bytes, each, notUs, showAnother } from "./builders.ts";
import { claimPlatform } from "./lock.ts";

export const momentAttacks: readonly Attack[] = [
  attack({
    id: "lock-swapped-while-deciding",
    title: "the lockfile replaced while it is being judged",
    comparable: false,
    flows: ["frozen"],
    states: ["cold"],
    gates: ["wrapper"],
    codes: ["lockfile/changed-during-install"],
    strikes: each(allFamilies, async (scene) => {
      serveEvilToManagers(scene);
      const evil = await lockOf(scene, "evil");
      const { requests } = scene.kit;
      const add = requests.add.bind(requests);
      let done = false;
      requests.add = (record) => {
        if (!done && String(record.headers["user-agent"]).startsWith("countersign")) {
          done = true;
          scene.write({ [scene.adapter.lockfile]: evil });
        }
        add(record);
      };
    }),
  }),
  attack({
    id: "lock-swapped-at-start",
    title: "the lockfile replaced after our last look, by the very start of the manager",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["wrapper"],
    codes: ["lockfile/changed-during-install"],
    holes: [
      {
        gates: ["wrapper"],
        shows: "notices",
        reason:
          "Whoever can write to the project while the manager runs changes what it reads after the decision; the second look notices and the exit code says so.",
        instead: "A checkout that nobody else writes to; what was installed is not to be used.",
      },
    ],
    strikes: each(allFamilies, async (scene) => {
      serveEvilToManagers(scene);
      const prepared = join(scene.root, "tmp", "prepared.lock");
      writeFileSync(prepared, await lockOf(scene, "evil"));
      const [tool] = scene.adapter.commands.frozen;
      const path = join(scene.root, "bin", tool);
      renameSync(path, `${path}.real`);
      // A question for the version is no install.
      writeFileSync(
        path,
        `#!/bin/sh\ncase "$*" in *--version*) ;; *) cp "${prepared}" "${join(scene.project, scene.adapter.lockfile)}";; esac\nexec "${path}.real" "$@"\n`,
      );
      chmodSync(path, 0o755);
    }),
  }),
  attack({
    id: "cache-poisoned",
    title: "the manager's own cache or store, filled by the manager alone, then edited",
    flows: ["frozen"],
    states: ["warm", "offline"],
    gates: ["wrapper", "hook"],
    codes: ["artefact/zip-mismatch"],
    alsoFine: [{ what: "manager refuses" }, { what: "good content" }],
    holes: [
      {
        gates: ["hook"],
        managers: ["bun-1"],
        shows: "installs",
        reason:
          "Bun compares a package with the lockfile when it unpacks it into its cache, and never again; the scanner is told names and versions, not what lies there.",
        instead: "The wrapper, whose cache for Bun is its own.",
      },
    ],
    strikes: each(allFamilies, (scene) => poisonOwnCaches(scene)),
  }),
  attack({
    id: "cache-and-claim",
    title: "Yarn's cache edited, under a platform claim that leaves the package without a checksum",
    flows: ["frozen"],
    states: ["warm", "offline"],
    gates: ["wrapper", "hook"],
    codes: ["artefact/zip-mismatch", "artefact/digest-missing"],
    strikes: {
      yarn: async (scene) => {
        await poisonOwnCaches(scene, /\/leaf-npm-/);
        await claimPlatform(scene);
      },
    },
  }),
];

/** Genuine to whoever verifies (and makes Yarn's archive of what is served), so that nothing but the moment counts. */
function serveEvilToManagers({ adapter, kit, npm, pypi }: Scene): void {
  if (adapter.family === "deno") showAnother(kit, npm.evil);
  kit.npm.faults.add({ path: /leaf-1\.0\.0\.tgz/, client: notUs, fault: bytes(npm.evil.tarball) });
  const evil = bytes(pypi.evil.bytes);
  kit.pypi.fileFaults.add({ path: new RegExp(pypi.evil.sha256.slice(4)), client: notUs, fault: evil });
}

/** A run of the manager alone fills its own caches first: behind some gates it has used others. */
async function poisonOwnCaches(scene: Scene, paths?: RegExp): Promise<void> {
  const { exitCode, output } = await scene.run(scene.adapter.commands.frozen, 60_000);
  if (exitCode !== 0) throw new Error(`the manager could not fill its caches:\n${output}`);
  clearInstallation(scene);
  poisonCaches(scene, paths);
}

/**
 * Every file of the manager's caches that has the good text gets the attacker's, of the same length. Ours are left
 * alone: who can write there can replace our executable too.
 * @param paths which of them, by absolute path
 */
export function poisonCaches(scene: Scene, paths: RegExp = /^/): void {
  const ours = scene.variables["COUNTERSIGN_CACHE_DIR"];
  let poisoned = 0;
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (path === ours) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile() && paths.test(path)) {
        const before = readFileSync(path);
        const after = edited(before);
        if (after === before) continue;
        chmodSync(path, 0o644);
        writeFileSync(path, after);
        scene.planted.push(relative(scene.root, path));
        poisoned += 1;
      }
    }
  };
  for (const folder of ["home", "cache", "project/cache"]) {
    const path = join(scene.root, folder);
    if (existsSync(path)) visit(path);
  }
  if (poisoned === 0) throw new Error("no cache holds anything of the good install");
}

function edited(bytes: Buffer): Buffer {
  const swap = (buffer: Buffer): Buffer =>
    buffer.includes(goodText)
      ? Buffer.from(buffer.toString("latin1").replaceAll(goodText, evilText), "latin1")
      : buffer;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return swap(bytes);
  try {
    const inner = gunzipSync(bytes);
    const after = swap(inner);
    return after === inner ? bytes : gzipSync(after);
  } catch {
    return bytes;
  }
}
