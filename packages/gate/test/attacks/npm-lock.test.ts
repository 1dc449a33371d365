import {
  mintNpmPackage,
  writeProject,
  type NpmLockName,
  type NpmPackage,
  type PublishedPackage,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Code } from "@countersign/core";
import { openScene, verdictOf, type Scene } from "../scene.ts";
import { expectControl, expectStopped, expectStoppedWarm, rewrite, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

type Cast = {
  leaf: PublishedPackage;
  newer: PublishedPackage;
  other: PublishedPackage;
  evil: NpmPackage;
  sha1: string;
};
type Row = {
  attack: string;
  edit: Partial<Record<NpmLockName, (text: string, cast: Cast) => string>>;
  codes: readonly [Code, ...Code[]];
  /** Codes of the formats where they differ. */
  also?: Partial<Record<NpmLockName, readonly [Code, ...Code[]]>>;
  /** Text on the line to blame, in the edited lock. */
  line: (cast: Cast, lock: NpmLockName) => string;
};

const formats: readonly NpmLockName[] = [
  "package-lock.json",
  "pnpm-lock.yaml",
  "yarn.lock",
  "bun.lock",
  "deno.lock",
];
const everywhere = (edit: (text: string, cast: Cast) => string): Row["edit"] =>
  Object.fromEntries(formats.map((format) => [format, edit]));
const another = (text: string, from: string, to: string): string => text.replaceAll(from, to);
/** Yarn 1 quotes a value with a blank. */
const both = (text: string, from: string, to: string): string =>
  text
    .replace(`integrity ${from}`, `integrity "${to}"`)
    .replaceAll(`"${from}"`, `"${to}"`)
    .replace(`{integrity: ${from}}`, `{integrity: ${to}}`);
/** pnpm leaves addresses out: the attacker writes one. */
const withTarball = (text: string, integrity: string, url: string, becomes = integrity): string =>
  text.replace(`{integrity: ${integrity}}`, `{integrity: ${becomes}, tarball: ${url}}`);
const foreign = "https://evil.example/leaf/-/leaf-1.0.0.tgz";
const contradicted: readonly [Code, ...Code[]] = ["listing/mismatch", "signature/invalid"];
/** These two readers take such an address for a source of its own. */
const notFromARegistry: readonly [Code, ...Code[]] = ["lockfile/resolved-mismatch", "source/url"];

const rows: readonly Row[] = [
  {
    attack: "two digests of the strongest algorithm, good first",
    edit: everywhere((text, { leaf, evil }) =>
      both(text, leaf.integrity, `${leaf.integrity} ${evil.integrity}`),
    ),
    codes: ["artefact/digest-several", "artefact/digest-missing"],
    line: ({ evil }) => evil.integrity,
  },
  {
    attack: "two digests of the strongest algorithm, evil first",
    edit: everywhere((text, { leaf, evil }) =>
      both(text, leaf.integrity, `${evil.integrity} ${leaf.integrity}`),
    ),
    codes: ["artefact/digest-several", "artefact/digest-missing"],
    line: ({ evil }) => evil.integrity,
  },
  {
    attack: "only sha1",
    edit: everywhere((text, { leaf, sha1 }) => another(text, leaf.integrity, sha1)),
    codes: ["artefact/digest-weak", "artefact/digest-missing"],
    line: ({ sha1 }) => sha1,
  },
  {
    attack: "integrity removed",
    edit: {
      "package-lock.json": (text, { leaf }) => text.replace(`,\n      "integrity": "${leaf.integrity}"`, ""),
      "pnpm-lock.yaml": (text, { leaf }) =>
        text.replace(`{integrity: ${leaf.integrity}}`, `{tarball: ${leaf.tarballUrl}}`),
      "yarn.lock": (text, { leaf }) => text.replace(`  integrity ${leaf.integrity}\n`, ""),
      "bun.lock": (text, { leaf }) => text.replace(`"${leaf.integrity}"`, '""'),
      "deno.lock": (text, { leaf }) => text.replace(`"integrity": "${leaf.integrity}",\n`, ""),
    },
    codes: ["artefact/digest-missing"],
    also: {
      // The sha1 after the `#` is then all that Yarn 1 compares.
      "yarn.lock": ["artefact/digest-weak", "artefact/digest-missing"],
    },
    line: (_, lock) =>
      ({
        "pnpm-lock.yaml": "leaf@1.0.0",
        "deno.lock": '"leaf@1.0.0": {',
        "yarn.lock": "leaf@1.0.0:",
        "bun.lock": '"leaf@1.0.0"',
      })[lock as string] ?? '"node_modules/leaf"',
  },
  {
    attack: "an evil tarball and its own hash, while the registry's listing and signature are genuine",
    edit: everywhere((text, { leaf, evil }) => another(text, leaf.integrity, evil.integrity)),
    codes: contradicted,
    line: ({ evil }) => evil.integrity,
  },
  {
    attack: "the tarball and hash of another package",
    edit: {
      ...everywhere((text, { leaf, other }) =>
        another(another(text, leaf.integrity, other.integrity), leaf.tarballUrl, other.tarballUrl),
      ),
      "pnpm-lock.yaml": (text, { leaf, other }) =>
        withTarball(text, leaf.integrity, other.tarballUrl, other.integrity),
    },
    codes: ["lockfile/resolved-mismatch", ...contradicted],
    also: { "pnpm-lock.yaml": notFromARegistry, "yarn.lock": notFromARegistry },
    line: ({ other }) => other.tarballUrl,
  },
  {
    attack: "the tarball and hash of another version",
    edit: {
      ...everywhere((text, { leaf, newer }) =>
        another(another(text, leaf.integrity, newer.integrity), leaf.tarballUrl, newer.tarballUrl),
      ),
      "pnpm-lock.yaml": (text, { leaf, newer }) =>
        withTarball(text, leaf.integrity, newer.tarballUrl, newer.integrity),
    },
    codes: ["lockfile/resolved-mismatch", ...contradicted],
    also: { "pnpm-lock.yaml": notFromARegistry, "yarn.lock": notFromARegistry },
    line: ({ newer }) => newer.tarballUrl,
  },
  {
    attack: "the tarball at another host, with its own hash",
    edit: {
      ...everywhere((text, { leaf, evil }) =>
        another(another(text, leaf.integrity, evil.integrity), leaf.tarballUrl, foreign),
      ),
      "pnpm-lock.yaml": (text, { leaf, evil }) => withTarball(text, leaf.integrity, foreign, evil.integrity),
    },
    // Nobody is asked there: the lockfile adds nothing to the addresses that may be.
    codes: ["source/registry", "evidence/address-refused"],
    line: ({ evil }) => evil.integrity,
  },
  {
    attack: "one key twice, the second evil",
    edit: {
      "package-lock.json": (text, { leaf, evil }) =>
        text.replace(
          `"integrity": "${leaf.integrity}"`,
          `"integrity": "${leaf.integrity}",\n      "integrity": "${evil.integrity}"`,
        ),
      "pnpm-lock.yaml": (text, { leaf, evil }) =>
        text.replace(
          `resolution: {integrity: ${leaf.integrity}}`,
          `resolution: {integrity: ${leaf.integrity}}\n    resolution: {integrity: ${evil.integrity}}`,
        ),
      "yarn.lock": (text, { leaf, evil }) =>
        text.replace(
          `  integrity ${leaf.integrity}\n`,
          `  integrity ${leaf.integrity}\n  integrity ${evil.integrity}\n`,
        ),
      "bun.lock": (text, { leaf, evil }) =>
        text.replace(
          `"${leaf.integrity}"],\n`,
          `"${leaf.integrity}"],\n    "leaf": ["leaf@1.0.0", "${leaf.tarballUrl}", {}, "${evil.integrity}"],\n`,
        ),
      "deno.lock": (text, { leaf, evil }) =>
        text.replace(
          `"integrity": "${leaf.integrity}"`,
          `"integrity": "${leaf.integrity}",\n      "integrity": "${evil.integrity}"`,
        ),
    },
    codes: ["lockfile/duplicate-key"],
    line: ({ evil }) => evil.integrity,
  },
  {
    attack: "flags by which a manager might skip, on the evil entry",
    edit: {
      "package-lock.json": (text, { leaf, evil }) =>
        text.replace(
          `"integrity": "${leaf.integrity}"`,
          `"integrity": "${evil.integrity}",\n      "optional": true, "dev": true, "peer": true, "os": ["aix"], "cpu": ["s390"]`,
        ),
      "pnpm-lock.yaml": (text, { leaf, evil }) =>
        text.replace(
          `{integrity: ${leaf.integrity}}`,
          `{integrity: ${evil.integrity}}\n    os: [aix]\n    cpu: [s390]`,
        ),
      "deno.lock": (text, { leaf, evil }) =>
        text.replace(
          `"integrity": "${leaf.integrity}"`,
          `"integrity": "${evil.integrity}",\n      "optionalPeers": [], "os": ["aix"], "cpu": ["s390"]`,
        ),
    },
    codes: contradicted,
    line: ({ evil }) => evil.integrity,
  },
];

const cases = rows.flatMap((row) =>
  formats.flatMap((lock) => {
    const edit = row.edit[lock];
    return edit === undefined ? [] : [{ ...row, lock, edit, codes: row.also?.[lock] ?? row.codes }];
  }),
);

function stage(lock: NpmLockName): Cast {
  const { kit, directory } = scene;
  const leaf = kit.npm.publish({ name: "leaf" });
  const newer = kit.npm.publish({ name: "leaf", version: "2.0.0" });
  const other = kit.npm.publish({ name: "other" });
  const evil = mintNpmPackage({ name: "leaf", files: [{ path: "evil.js", content: "throw 1;" }] });
  // Whoever installs would get it: the host serves the evil bytes, the listing stays genuine.
  kit.npm.replaceTarball("leaf", "1.0.0", evil.tarball);
  writeProject(directory, { lock, registry: kit.npm.url, packages: [leaf, other] });
  scene.policy(strictPolicy(scene));
  return { leaf, newer, other, evil, sha1: `sha1-${Buffer.from(evil.shasum, "hex").toString("base64")}` };
}

describe("D11: a doctored npm lockfile", () => {
  it.each(cases)("$lock: $attack", async ({ lock, edit, codes, line }) => {
    const cast = stage(lock);
    await expectControl(scene);
    rewrite(scene, lock, (text) => edit(text, cast));
    const stopped = { codes, at: { path: lock, line: line(cast, lock) } };
    await expectStopped(scene, stopped);
    await expectStoppedWarm(scene, stopped);
  });

  it("D3: the evidence itself is genuine: only the comparison with the lock's digest stops the evil hash", async () => {
    const { evil } = stage("package-lock.json");
    const control = await expectControl(scene);
    const [before] = control.report.lockfiles[0]?.verdicts.filter(({ purl }) => purl.includes("leaf")) ?? [];
    expect(before?.claims.filter(({ status }) => status === "pass").map(({ name }) => name)).toContain(
      "registry-signature",
    );
    rewrite(scene, "package-lock.json", (text) => text.replace(/sha512-[^"]+/, evil.integrity));
    const attacked = await expectStopped(scene, {
      codes: contradicted,
      at: { path: "package-lock.json", line: evil.integrity },
    });
    expect(verdictOf(attacked, "leaf")).toMatchObject({
      outcome: "refused",
      artefact: `sha512:${evil.sha512}`,
    });
    const listing = verdictOf(attacked, "leaf").claims.find(({ name }) => name === "listing");
    expect(listing).toMatchObject({ expected: `sha512:${evil.sha512}`, actual: before?.artefact });
  });
});
