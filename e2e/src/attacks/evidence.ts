import {
  markedDistribution,
  markedPackage,
  personBuild,
  type Pep740Options,
  type PublishOptions,
} from "@countersign/testkit";
import { fork, publishedAt, release } from "../cast.ts";
import type { Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import type { Scene } from "../scene.ts";
import { allFamilies, attack, each, nodeFamilies, type Strike } from "./builders.ts";

/** The attacker publishes leaf in place of the good one, and a lockfile that the manager itself made of it. */
const published =
  (
    npm: (scene: Scene) => Partial<PublishOptions>,
    pypi: (scene: Scene) => {
      provenance?: boolean | Pep740Options;
      provenanceDocument?: unknown;
    } = () => ({}),
  ): Strike =>
  async (scene) => {
    const { kit } = scene;
    kit.npm.publish({ ...markedPackage({ name: "leaf", evil: true }), publishedAt, ...npm(scene) });
    kit.pypi.publish({
      ...markedDistribution({ name: "leaf", evil: true }),
      uploadedAt: publishedAt,
      ...pypi(scene),
    });
    scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") });
  };

const built = { scenery: "provenance", flows: ["frozen"] } as const;
/** What an earlier good run stored is still good evidence: these strike whoever asks for the first time. */
const first = { ...built, states: ["cold"] } as const;

export const evidenceAttacks: readonly Attack[] = [
  attack({
    id: "unsigned",
    title: "a version that the registry signed nothing of",
    flows: ["frozen"],
    codes: ["signature/absent"],
    strikes: each(
      nodeFamilies,
      published(() => ({ signature: false })),
    ),
  }),
  attack({
    id: "signature-copied",
    title: "a version under a registry signature over other bytes",
    flows: ["frozen"],
    codes: ["signature/invalid"],
    strikes: each(
      nodeFamilies,
      published(() => ({ signature: { defects: ["wrong-integrity"] } })),
    ),
  }),
  attack({
    id: "signature-foreign-key",
    title: "a version signed with a key of another registry",
    flows: ["frozen"],
    codes: ["signature/key-unknown"],
    strikes: each(
      nodeFamilies,
      published(({ kit }) => ({ signature: { key: kit.npm.keys.foreign } })),
    ),
  }),
  attack({
    ...built,
    id: "stolen-token",
    title:
      "a version published with a stolen token: signed, attested by nobody, where a rule demands provenance",
    codes: ["attestation/absent", "attestation/provenance-absent"],
    strikes: each(
      allFamilies,
      published(() => ({})),
    ),
  }),
  attack({
    ...built,
    id: "fork",
    title: "valid provenance of a fork's workflow",
    codes: ["identity/mismatch"],
    strikes: each(
      allFamilies,
      published(
        () => ({ provenance: { build: fork } }),
        () => ({ provenance: { build: fork } }),
      ),
    ),
  }),
  attack({
    ...built,
    id: "person",
    title: "provenance under a person's certificate",
    codes: ["identity/not-a-builder", "identity/mismatch", "attestation/publisher-mismatch"],
    strikes: each(
      allFamilies,
      published(
        () => ({ provenance: { build: personBuild() } }),
        () => ({ provenance: { build: personBuild() } }),
      ),
    ),
  }),
  attack({
    ...built,
    id: "replay",
    title: "the good version's attestation for the attacker's bytes",
    codes: ["attestation/digest-mismatch", "attestation/subject-mismatch"],
    strikes: each(
      allFamilies,
      published(
        ({ npm }) => ({ attestations: npm.leaf.attestations }),
        ({ pypi }) => ({ provenanceDocument: pypi.leaf.provenance }),
      ),
    ),
  }),
  attack({
    ...built,
    id: "forged-authority",
    title: "provenance under a certificate of an authority of the same name",
    codes: ["bundle/certificate-untrusted"],
    strikes: each(
      allFamilies,
      published(
        () => ({ provenance: { build: release, defects: ["untrusted-ca"] } }),
        () => ({ provenance: { build: release, defects: ["untrusted-ca"] } }),
      ),
    ),
  }),
  attack({
    ...built,
    id: "unlogged",
    title: "provenance that no transparency log knows",
    codes: ["bundle/log-missing", "bundle/time-missing"],
    strikes: each(
      allFamilies,
      published(
        () => ({ provenance: { build: release, defects: ["no-log-entry"] } }),
        () => ({ provenance: { build: release, defects: ["no-log-entry"] } }),
      ),
    ),
  }),
  attack({
    ...first,
    id: "stripped",
    title: "attestations stripped by the registry, where a rule demands them",
    codes: ["attestation/absent", "attestation/provenance-absent", "attestation/unavailable"],
    strikes: each(allFamilies, ({ kit, pypi }) => {
      kit.npm.setAttestations("leaf", "1.0.0", null);
      kit.pypi.setProvenance("leaf", pypi.leaf.filename, null);
    }),
  }),
  attack({
    ...first,
    id: "emptied",
    title: "an empty list of attestations, where a rule demands them",
    codes: ["attestation/absent", "attestation/provenance-absent"],
    strikes: each(allFamilies, ({ kit, pypi }) => {
      kit.npm.setAttestations("leaf", "1.0.0", []);
      kit.pypi.setProvenance("leaf", pypi.leaf.filename, { version: 1, attestation_bundles: [] });
    }),
  }),
  attack({
    ...first,
    id: "stripped-without-rule",
    title: "attestations stripped by the registry, where no rule demands them",
    scenery: "signed",
    codes: ["attestation/absent"],
    holes: [
      {
        gates: ["wrapper", "verify", "hook"],
        shows: "installs",
        reason: "Nothing says that twig was ever attested, so its silence contradicts nothing.",
        instead: "A rule that demands provenance of it (the attack `stripped`).",
      },
    ],
    strikes: each(allFamilies, ({ kit, pypi }) => {
      kit.npm.setAttestations("twig", "1.0.0", null);
      kit.pypi.setProvenance("twig", pypi.twig.filename, null);
    }),
  }),
];
