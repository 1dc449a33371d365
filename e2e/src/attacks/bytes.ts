import { markedDistribution, markedPackage, mintDistribution, mintNpmPackage } from "@countersign/testkit";
import { publishedAt } from "../cast.ts";
import type { Attack, Hole } from "../cell.ts";
import type { Scene } from "../scene.ts";
import { allFamilies, attack, bytes, each, nodeFamilies, notUs, serveEvil, showAnother } from "./builders.ts";

/** New dependencies, where a hook stands too late. */
const addedTooLate: readonly Hole[] = [
  {
    gates: ["hook"],
    managers: ["npm-12"],
    shows: "installs",
    reason: "npm 12 runs no root script for `npm install PACKAGE`.",
    instead: "The wrapper; the next `npm ci` or `npm install` with the hook judges what was locked.",
  },
  {
    gates: ["hook"],
    managers: ["pnpm-10", "pnpm-11", "pnpm-12"],
    shows: "may be late",
    reason:
      "pnpm downloads a new package into its store while it resolves; the hook ends the command before anything is linked or run.",
    instead: "The wrapper, which resolves without downloading.",
  },
];

export const byteAttacks: readonly Attack[] = [
  attack({
    id: "tampered",
    title: "other bytes than the lockfile's, from the genuine host",
    flows: ["frozen"],
    states: ["cold"],
    codes: [],
    alsoFine: [{ what: "manager refuses" }],
    gates: ["wrapper", "hook"],
    strikes: each(allFamilies, serveEvil),
  }),
  attack({
    id: "two-faced",
    title: "a mirror that shows us good evidence and the manager other bytes",
    flows: ["frozen"],
    states: ["cold"],
    codes: [],
    alsoFine: [{ what: "manager refuses" }],
    gates: ["wrapper", "hook"],
    strikes: each(allFamilies, ({ kit, npm, pypi }) => {
      kit.npm.faults.add({ path: /leaf-1\.0\.0\.tgz/, client: notUs, fault: bytes(npm.evil.tarball) });
      kit.pypi.fileFaults.add({ path: /leaf-1\.0\.0.*\.whl$/, client: notUs, fault: bytes(pypi.evil.bytes) });
    }),
  }),
  attack({
    id: "two-faced-listing",
    title:
      "a mirror that lists the attacker's version to the manager and the good one to us, for a new dependency",
    flows: ["add"],
    states: ["cold"],
    gates: ["wrapper", "hook"],
    holes: addedTooLate,
    codes: ["listing/mismatch", "signature/invalid", "artefact/zip-mismatch"],
    strikes: { ...each(nodeFamilies, twoFacedExtra), uv: twoFacedExtra },
  }),
  attack({
    id: "add-unsigned",
    title: "a new dependency that nobody vouches for",
    flows: ["add"],
    states: ["cold", "warm"],
    gates: ["wrapper", "hook"],
    holes: addedTooLate,
    codes: ["signature/absent"],
    strikes: each(nodeFamilies, ({ kit }) => {
      kit.npm.publish({ ...markedPackage({ name: "extra", evil: true }), publishedAt, signature: false });
    }),
  }),
  attack({
    id: "add-unattested",
    title: "a new dependency without the provenance that a rule demands",
    scenery: "provenance",
    flows: ["add"],
    states: ["cold", "warm"],
    gates: ["wrapper", "hook"],
    holes: addedTooLate,
    codes: ["attestation/absent", "attestation/provenance-absent"],
    strikes: each(allFamilies, ({ kit }) => {
      kit.npm.publish({ ...markedPackage({ name: "extra", evil: true }), publishedAt });
      kit.pypi.publish({ ...markedDistribution({ name: "extra", evil: true }), uploadedAt: publishedAt });
    }),
  }),
  attack({
    id: "run-unsigned",
    title: "a command without a lockfile, of a package that nobody vouches for",
    flows: ["run"],
    states: ["cold"],
    gates: ["wrapper"],
    codes: ["signature/absent"],
    strikes: each(nodeFamilies, ({ kit }) => {
      kit.npm.publish({ ...markedPackage({ name: "tool", evil: true }), publishedAt, signature: false });
    }),
  }),
  attack({
    id: "run-unattested",
    title: "a command without a lockfile, of a package without the provenance that a rule demands",
    scenery: "provenance",
    flows: ["run"],
    states: ["cold"],
    gates: ["wrapper"],
    codes: ["attestation/absent", "attestation/provenance-absent"],
    strikes: each(allFamilies, ({ kit }) => {
      kit.npm.publish({ ...markedPackage({ name: "tool", evil: true }), publishedAt });
      kit.pypi.publish({ ...markedDistribution({ name: "tool", evil: true }), uploadedAt: publishedAt });
    }),
  }),
  attack({
    id: "run-tampered",
    title: "a command without a lockfile, whose bytes are not the listed ones",
    flows: ["run"],
    states: ["cold"],
    gates: ["wrapper"],
    codes: ["listing/mismatch", "artefact/zip-mismatch"],
    alsoFine: [{ what: "manager refuses" }],
    strikes: each(allFamilies, ({ kit, pypi }) => {
      const evil = kit.npm.publish({ ...markedPackage({ name: "mallory", evil: true }), publishedAt });
      kit.npm.replaceTarball("tool", "1.0.0", evil.tarball);
      kit.pypi.replaceFile("tool", pypi.tool.filename, pypi.mallory.bytes);
    }),
  }),
];

/** One registry, two faces: what only the manager is shown is consistent in itself. */
function twoFacedExtra({ kit, pypi }: Scene): void {
  const evil = mintNpmPackage(markedPackage({ name: "extra", evil: true }));
  showAnother(kit, evil);
  const wheel = mintDistribution(markedDistribution({ name: "extra", evil: true }));
  kit.pypi.faults.add({
    path: /^\/simple\/extra\//,
    client: notUs,
    fault: {
      kind: "edit",
      edit: (document: {
        files: { hashes: { sha256: string }; "core-metadata"?: unknown; size: number }[];
      }) => {
        for (const file of document.files)
          Object.assign(file, { hashes: { sha256: wheel.sha256 }, size: wheel.size, "core-metadata": false });
        return document;
      },
    },
  });
  kit.pypi.fileFaults.add({
    path: new RegExp(pypi.extra.filename),
    client: notUs,
    fault: bytes(wheel.bytes),
  });
}
