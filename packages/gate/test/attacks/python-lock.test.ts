import {
  mintDistribution,
  writeProject,
  type Distribution,
  type PublishedDistribution,
  type PythonLockName,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Code } from "@countersign/core";
import { codesOf, openScene, type Scene } from "../scene.ts";
import { expectControl, expectStopped, expectStoppedWarm, rewrite, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

type Cast = {
  leaf: PublishedDistribution;
  newer: PublishedDistribution;
  other: PublishedDistribution;
  evil: Distribution;
  md5: string;
};
type Codes = readonly [Code, ...Code[]];
type Edit = (text: string, cast: Cast) => string;
type Row = {
  attack: string;
  lock: PythonLockName;
  edit: Edit;
  codes: Codes;
  line: ((cast: Cast) => string) | null;
};

const evilHost = "https://evil.example/leaf-1.0.0-py3-none-any.whl";
const hashOf: Record<PythonLockName, (of: { sha256: string }) => string> = {
  "uv.lock": ({ sha256 }) => `hash = "sha256:${sha256}"`,
  "pylock.toml": ({ sha256 }) => `hashes = { sha256 = "${sha256}" }`,
  "requirements.txt": ({ sha256 }) => `--hash=sha256:${sha256}`,
};
const locks = Object.keys(hashOf) as PythonLockName[];
const each = (
  attack: string,
  edit: (hash: (of: { sha256: string }) => string, lock: PythonLockName) => Edit | null,
  codes: Codes | Record<PythonLockName, Codes>,
  line: Row["line"],
): Row[] =>
  locks.flatMap((lock) => {
    const one = edit(hashOf[lock], lock);
    return one === null
      ? []
      : [
          {
            attack,
            lock,
            edit: one,
            codes: Array.isArray(codes)
              ? (codes as unknown as Codes)
              : (codes as Record<PythonLockName, Codes>)[lock],
            line,
          },
        ];
  });
const uv = (attack: string, edit: Edit, codes: Codes, line: Row["line"]): Row => ({
  attack,
  lock: "uv.lock",
  edit,
  codes,
  line,
});

const rows: readonly Row[] = [
  ...each(
    "an evil file's hash, while the index's page is genuine",
    (hash) =>
      (text, { leaf, evil }) =>
        text.replace(hash(leaf), hash(evil)),
    {
      "uv.lock": ["listing/mismatch"],
      "pylock.toml": ["listing/mismatch"],
      "requirements.txt": ["listing/absent"],
    },
    ({ evil }) => evil.sha256,
  ),
  ...each(
    "md5 only",
    (hash, lock) =>
      (text, { leaf, md5 }) =>
        text.replace(
          hash(leaf),
          {
            "uv.lock": `hash = "md5:${md5}"`,
            "pylock.toml": `hashes = { md5 = "${md5}" }`,
            "requirements.txt": `--hash=md5:${md5}`,
          }[lock],
        ),
    ["artefact/digest-weak", "artefact/digest-missing"],
    ({ md5 }) => md5,
  ),
  uv(
    "url and hash of another host",
    (text, { leaf, evil }) => text.replace(leaf.url, evilHost).replace(leaf.sha256, evil.sha256),
    ["lockfile/resolved-foreign", "listing/mismatch"],
    () => evilHost,
  ),
  uv(
    "url of another host, hash kept",
    (text, { leaf }) => text.replace(leaf.url, evilHost),
    ["lockfile/resolved-foreign"],
    () => evilHost,
  ),
  uv(
    "hash removed",
    (text, { leaf }) => text.replace(`hash = "sha256:${leaf.sha256}", `, ""),
    ["artefact/digest-missing"],
    ({ leaf }) => leaf.url,
  ),
  uv(
    "hash empty",
    (text, { leaf }) => text.replace(`sha256:${leaf.sha256}`, ""),
    ["artefact/digest-missing"],
    ({ leaf }) => leaf.url,
  ),
  uv(
    "another project's wheel and its hash",
    (text, { leaf, other }) => text.replace(leaf.url, other.url).replace(leaf.sha256, other.sha256),
    ["lockfile/wheel-mismatch", "listing/absent"],
    ({ other }) => other.url,
  ),
  uv(
    "another version's wheel and its hash",
    (text, { leaf, newer }) => text.replace(leaf.url, newer.url).replace(leaf.sha256, newer.sha256),
    ["lockfile/wheel-mismatch", "listing/absent"],
    ({ newer }) => newer.url,
  ),
  uv(
    "an added wheel with a build tag, which outranks the good one",
    (text, { leaf, evil }) =>
      text.replace(
        /(wheels = \[\n)(.*leaf-1\.0\.0)/,
        `$1    { url = "${leaf.url.replace("leaf-1.0.0-py3", "leaf-1.0.0-1-py3")}", hash = "sha256:${evil.sha256}" },\n$2`,
      ),
    ["listing/absent", "lockfile/file-duplicate"],
    ({ evil }) => evil.sha256,
  ),
  uv(
    "two wheels of one file name, the evil one first",
    (text, { leaf, evil }) =>
      text.replace(
        /(wheels = \[\n)(.*leaf-1\.0\.0)/,
        `$1    { url = "${leaf.url}", hash = "sha256:${evil.sha256}" },\n$2`,
      ),
    ["listing/mismatch", "lockfile/conflicting-entries", "lockfile/file-duplicate"],
    ({ evil }) => evil.sha256,
  ),
  uv(
    "source.registry of another index",
    (text) =>
      text.replace(
        /(name = "leaf"\nversion = "1.0.0"\nsource = \{ registry = ")[^"]+/,
        "$1https://evil.example/simple/",
      ),
    ["source/registry", "evidence/address-refused"],
    null,
  ),
  uv(
    "a duplicate key",
    (text, { leaf, evil }) =>
      text.replace(
        `hash = "sha256:${leaf.sha256}"`,
        `hash = "sha256:${leaf.sha256}", hash = "sha256:${evil.sha256}"`,
      ),
    ["lockfile/duplicate-key"],
    ({ evil }) => evil.sha256,
  ),
  uv(
    "a duplicate package",
    (text) => `${text}\n${/\[\[package\]\]\nname = "leaf"[\s\S]*?\n\n/.exec(text)?.[0] ?? ""}`,
    ["lockfile/duplicate-package", "lockfile/entry-malformed"],
    null,
  ),
  uv(
    "version = 2",
    (text) => text.replace("version = 1\n", "version = 2\n"),
    ["lockfile/version-unsupported"],
    () => "version = 2",
  ),
  uv(
    "revision = 99",
    (text) => text.replace("revision = 5", "revision = 99"),
    ["lockfile/version-unsupported"],
    () => "revision = 99",
  ),
  uv(
    "a direct address instead of the index",
    (text, { evil }) =>
      text
        .replace(/(name = "leaf"\nversion = "1.0.0"\nsource = )\{[^}]+\}/, `$1{ url = "${evilHost}" }`)
        .replace(
          /(name = "leaf"[\s\S]*?wheels = \[\n)[^\n]*\n/,
          `$1    { url = "${evilHost}", hash = "sha256:${evil.sha256}" },\n`,
        ),
    ["source/url"],
    null,
  ),
  {
    attack: "url and hash of another host",
    lock: "pylock.toml",
    edit: (text, { leaf, evil }) => text.replace(leaf.url, evilHost).replace(leaf.sha256, evil.sha256),
    codes: ["lockfile/resolved-foreign", "listing/mismatch"],
    line: () => evilHost,
  },
  {
    attack: "another project's wheel and its hash",
    lock: "pylock.toml",
    edit: (text, { leaf, other }) => text.replace(leaf.url, other.url).replace(leaf.sha256, other.sha256),
    codes: ["lockfile/wheel-mismatch", "listing/absent"],
    line: ({ other }) => other.url,
  },
  {
    attack: "a second hash beside the good one",
    lock: "requirements.txt",
    edit: (text, { leaf, evil }) =>
      text.replace(
        `--hash=sha256:${leaf.sha256}`,
        `--hash=sha256:${leaf.sha256} \\\n    --hash=sha256:${evil.sha256}`,
      ),
    codes: ["listing/absent"],
    line: ({ evil }) => evil.sha256,
  },
  {
    attack: "hashes removed from one of two requirements",
    lock: "requirements.txt",
    edit: (text, { leaf }) => text.replace(` \\\n    --hash=sha256:${leaf.sha256}`, ""),
    codes: ["artefact/digest-missing"],
    line: () => "leaf==1.0.0",
  },
  {
    attack: "a direct address",
    lock: "requirements.txt",
    edit: (text, { leaf, evil }) =>
      text.replace("leaf==1.0.0", `leaf @ ${evilHost}`).replace(leaf.sha256, evil.sha256),
    codes: ["source/url"],
    line: null,
  },
];

describe("D11: a doctored Python lockfile", () => {
  it.each(rows)("$lock: $attack", async ({ lock, edit, codes, line }) => {
    const { kit, directory } = scene;
    const leaf = kit.pypi.publish({ name: "leaf" });
    const newer = kit.pypi.publish({ name: "leaf", version: "2.0.0" });
    const other = kit.pypi.publish({ name: "other" });
    const evil = mintDistribution({ name: "leaf", requires: ["evil"] });
    expect(evil.sha256).not.toBe(leaf.sha256);
    kit.pypi.replaceFile("leaf", leaf.filename, evil.bytes);
    const environment = { variables: { PIP_INDEX_URL: kit.pypi.simpleUrl } };
    writeProject(directory, { lock, index: kit.pypi.simpleUrl, files: [leaf, other] });
    scene.policy(strictPolicy(scene));
    await expectControl(scene, { environment });
    const cast: Cast = { leaf, newer, other, evil, md5: "0123456789abcdef0123456789abcdef" };
    rewrite(scene, lock, (text) => edit(text, cast));
    const at = line === null ? {} : { at: { path: lock, line: line(cast) } };
    await expectStopped(scene, { codes, ...at, environment });
    await expectStoppedWarm(scene, { codes, environment });
  });

  it("D10: the evidence of version 11.0.1 says nothing of 1.0.1", async () => {
    const { kit, directory } = scene;
    const right = kit.pypi.publish({ name: "leaf", version: "1.0.1", provenance: true });
    const longer = kit.pypi.publish({ name: "leaf", version: "11.0.1", provenance: true });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [right] });
    scene.policy(strictPolicy(scene, { pypi: "provenance" }));
    await expectControl(scene);
    kit.pypi.setProvenance("leaf", right.filename, longer.provenance);
    await expectStopped(scene, {
      codes: ["attestation/subject-mismatch"],
      at: { path: "uv.lock", line: right.sha256 },
    });
  });

  it("unknown fields and sizes change nothing", async () => {
    const { kit, directory } = scene;
    const leaf = kit.pypi.publish({ name: "leaf" });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [leaf] });
    scene.policy(strictPolicy(scene));
    await expectControl(scene);
    rewrite(scene, "uv.lock", (text) => text.replace(`size = ${leaf.size}`, "size = 1, trusted = true"));
    const verification = await scene.run();
    expect(codesOf(verification)).toEqual([]);
    expect(verification.report.findings.map(({ code }) => code)).toContain("lockfile/unknown-field");
  });
});
