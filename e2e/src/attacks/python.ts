import { createHash } from "node:crypto";
import { markedDistribution } from "@countersign/testkit";
import { publishedAt } from "../cast.ts";
import type { Attack, Hole } from "../cell.ts";
import type { Scene } from "../scene.ts";
import { attack, lock, once, serveEvil, served } from "./builders.ts";

const leafHash = ({ pypi }: Scene): string => `hash = "sha256:${pypi.leaf.sha256}"`;
const evilHash = ({ pypi }: Scene): string => `hash = "sha256:${pypi.evil.sha256}"`;
/** The line of leaf's wheel. */
const wheelLine = /^ {4}\{ url = ".*\/leaf-1\.0\.0-py3-none-any\.whl".*\n/m;
/** What an upload to the genuine index makes possible. */
const builtLater: Omit<Hole, "instead"> = {
  gates: ["verify"],
  shows: "installs",
  reason:
    "The attacker uploaded the source distribution, so the index lists exactly what is locked, and level `locked` asks for no more. `verify` ends before uv starts: that uv then builds it, and runs its back-end, is settled by uv's own command.",
};
const uv = (
  description: Omit<Parameters<typeof attack>[0], "strikes"> & { strike: Attack["strike"] },
): Attack => {
  const { strike, ...rest } = description;
  return attack({ ...rest, strikes: { uv: strike } });
};

/** An index of the attacker's, which serves the evil leaf. */
async function attackersIndex(scene: Scene): Promise<{ simple: string; url: string; sha256: string }> {
  const index = await scene.kit.addPackageIndex({ name: "attacker" });
  const evil = index.publish({
    ...markedDistribution({ name: "leaf", evil: true }),
    uploadedAt: publishedAt,
  });
  return { simple: index.simpleUrl, url: evil.url, sha256: evil.sha256 };
}

export const pythonAttacks: readonly Attack[] = [
  uv({
    id: "uv-hash",
    title: "the attacker's wheel and its own hash at the genuine address",
    codes: ["listing/mismatch"],
    strike: served(lock((text, scene) => once(text, leafHash(scene), evilHash(scene)))),
  }),
  uv({
    id: "uv-other-host",
    title: "address and hash of the attacker's host",
    codes: ["lockfile/resolved-foreign", "listing/mismatch"],
    strike: async (scene) => {
      const { url } = await attackersIndex(scene);
      scene.edit("uv.lock", (text) =>
        once(once(text, scene.pypi.leaf.url, url), leafHash(scene), evilHash(scene)),
      );
    },
  }),
  uv({
    id: "uv-hash-removed",
    title: "the hash removed",
    codes: ["artefact/digest-missing"],
    strike: served(lock((text, scene) => once(text, `${leafHash(scene)}, `, ""))),
  }),
  uv({
    id: "uv-md5",
    title: "an MD5 hash of the attacker's wheel instead of the SHA-256",
    codes: ["artefact/digest-weak", "artefact/digest-missing"],
    strike: served(
      lock((text, scene) => {
        const md5 = createHash("md5").update(scene.pypi.evil.bytes).digest("hex");
        return once(text, leafHash(scene), `hash = "md5:${md5}"`);
      }),
    ),
  }),
  uv({
    id: "uv-other-project",
    title: "another project's wheel and its hash",
    codes: ["lockfile/wheel-mismatch"],
    strike: lock((text, scene) => {
      const { leaf, mallory } = scene.pypi;
      return once(once(text, leaf.url, mallory.url), leafHash(scene), `hash = "sha256:${mallory.sha256}"`);
    }),
  }),
  uv({
    id: "uv-build-tag",
    title: "an added wheel whose build tag outranks the good one",
    codes: ["listing/absent", "lockfile/file-duplicate"],
    strike: (scene) => {
      const evil = scene.kit.pypi.publish({
        ...markedDistribution({ name: "leaf", evil: true }),
        build: "1",
        uploadedAt: publishedAt,
      });
      // Served, and on no page of the index.
      scene.kit.pypi.faults.add({
        path: /^\/simple\/leaf\//,
        fault: {
          kind: "edit",
          edit: (document: { files: { filename: string }[] }) => ({
            ...document,
            files: document.files.filter(({ filename }) => filename !== evil.filename),
          }),
        },
      });
      const line = `    { url = "${evil.url}", hash = "sha256:${evil.sha256}", size = ${evil.size} },\n`;
      scene.edit("uv.lock", (text) => once(text, wheelLine, `${line}${wheelLine.exec(text)?.[0] ?? ""}`));
    },
  }),
  uv({
    id: "uv-twice",
    title: "two wheels of one file name, the attacker's first",
    codes: ["lockfile/conflicting-entries", "lockfile/file-duplicate", "listing/mismatch"],
    strike: async (scene) => {
      const { url, sha256 } = await attackersIndex(scene);
      scene.edit("uv.lock", (text) =>
        once(
          text,
          wheelLine,
          `    { url = "${url}", hash = "sha256:${sha256}" },\n${wheelLine.exec(text)?.[0] ?? ""}`,
        ),
      );
    },
  }),
  uv({
    id: "uv-other-index",
    title: "another index as the package's source",
    codes: ["source/registry", "lockfile/resolved-foreign"],
    strike: async (scene) => {
      const { simple, url, sha256 } = await attackersIndex(scene);
      scene.edit("uv.lock", (text) =>
        once(
          once(
            text,
            /name = "leaf"\nversion = "1\.0\.0"\nsource = \{ registry = "[^"]+" \}/,
            `name = "leaf"\nversion = "1.0.0"\nsource = { registry = "${simple}" }`,
          ),
          wheelLine,
          `    { url = "${url}", hash = "sha256:${sha256}" },\n`,
        ),
      );
    },
  }),
  uv({
    id: "uv-direct-address",
    title: "a direct address in place of the index",
    codes: ["source/url"],
    strike: async (scene) => {
      const { url, sha256 } = await attackersIndex(scene);
      scene.edit("uv.lock", (text) =>
        once(
          once(
            text,
            /name = "leaf"\nversion = "1\.0\.0"\nsource = \{ registry = "[^"]+" \}/,
            `name = "leaf"\nversion = "1.0.0"\nsource = { url = "${url}" }`,
          ),
          wheelLine,
          `    { url = "${url}", hash = "sha256:${sha256}" },\n`,
        ),
      );
    },
  }),
  uv({
    id: "uv-revision",
    title: "a revision of the format that nobody knows, with the attacker's hash",
    codes: ["lockfile/version-unsupported"],
    strike: served(
      lock((text, scene) =>
        once(once(text, "revision = 5", "revision = 99"), leafHash(scene), evilHash(scene)),
      ),
    ),
  }),
  uv({
    id: "uv-duplicate-key",
    title: "a key twice, the second one the attacker's",
    codes: ["lockfile/duplicate-key"],
    strike: served(
      lock((text, scene) => once(text, leafHash(scene), `${leafHash(scene)}, ${evilHash(scene)}`)),
    ),
  }),
  uv({
    id: "uv-sdist",
    title: "a source distribution in place of the wheel: its build back-end would run",
    codes: [],
    alsoFine: [{ what: "manager refuses", gates: ["wrapper"] }],
    holes: [
      {
        ...builtLater,
        instead:
          "`countersign uv sync`, which builds nothing; `UV_NO_BUILD=1` for the command after `verify`; a provenance rule, which a stolen upload token does not meet.",
      },
    ],
    strike: (scene) => {
      const evil = scene.kit.pypi.publish({
        ...markedDistribution({ name: "leaf", evil: true }),
        kind: "sdist",
        uploadedAt: publishedAt,
      });
      scene.edit("uv.lock", (text) =>
        once(
          text,
          /wheels = \[\n {4}\{ url = ".*leaf-1\.0\.0-py3-none-any\.whl".*\n\]/,
          `sdist = { url = "${evil.url}", hash = "sha256:${evil.sha256}", size = ${evil.size} }`,
        ),
      );
    },
  }),
  uv({
    id: "uv-add-sdist",
    title: "a new dependency that only a source distribution exists of",
    flows: ["add"],
    states: ["cold", "warm"],
    gates: ["wrapper"],
    codes: [],
    alsoFine: [{ what: "manager refuses" }],
    strike: ({ kit, pypi }) => {
      kit.pypi.files.get("extra")?.delete(pypi.extra.filename);
      kit.pypi.publish({
        ...markedDistribution({ name: "extra", evil: true }),
        kind: "sdist",
        uploadedAt: publishedAt,
      });
    },
  }),
  uv({
    id: "uv-no-binary",
    title: "`no-binary-package` in the project, which makes uv build what the lockfile has a wheel of",
    codes: [],
    alsoFine: [{ what: "good content", gates: ["wrapper"] }],
    holes: [
      {
        ...builtLater,
        instead:
          "`countersign uv sync`, which takes wheels whatever the project says (`UV_NO_BUILD=1` does not: the project's setting wins); a provenance rule, which a stolen upload token does not meet.",
      },
    ],
    strike: (scene) => {
      const evil = scene.kit.pypi.publish({
        ...markedDistribution({ name: "leaf", evil: true }),
        kind: "sdist",
        uploadedAt: publishedAt,
      });
      scene.edit("pyproject.toml", (text) => `${text}\n[tool.uv]\nno-binary-package = ["leaf"]\n`);
      scene.edit("uv.lock", (text) =>
        once(
          text,
          /wheels = \[\n {4}\{ url = ".*leaf-1\.0\.0-py3-none-any\.whl"/,
          `sdist = { url = "${evil.url}", hash = "sha256:${evil.sha256}", size = ${evil.size} }\nwheels = [\n    { url = "${scene.pypi.leaf.url}"`,
        ),
      );
    },
  }),
  uv({
    id: "uv-no-verify-hashes",
    title: "a variable that skips the comparison of hashes, and other bytes than the lockfile's",
    states: ["cold"],
    codes: ["settings/weakens"],
    strike: (scene) => {
      serveEvil(scene);
      scene.variables["UV_NO_VERIFY_HASHES"] = "1";
    },
  }),
];
