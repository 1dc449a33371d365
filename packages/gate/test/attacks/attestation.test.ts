import {
  bundleDefects,
  githubBuild,
  mintProvenance,
  mintPublishAttestation,
  mintPep740Provenance,
  statementDefects,
  writeProject,
  type Attestation,
  type BundleDefect,
  type Defect,
  type PublishOptions,
  type PublishedPackage,
} from "@countersign/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { blocking, codesOf, openScene, verdictOf, type Scene } from "../scene.ts";
import { cold, expectControl, expectStopped, strictPolicy } from "./attack.ts";

const lock = "package-lock.json";
const publishInto = (scene: Scene, options: PublishOptions): PublishedPackage => {
  const published = scene.kit.npm.publish(options);
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [published] });
  return published;
};

describe("attestations that are not what they seem", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene();
    scene.policy(strictPolicy(scene, { npm: "provenance", pypi: "provenance" }));
  });
  afterEach(() => scene.close());

  const provenanceOf = (
    of: PublishedPackage,
    options: Parameters<typeof mintProvenance>[3] = {},
  ): Attestation => mintProvenance(scene.kit.sigstore, of, scene.kit.mintedAt, options);

  async function stage(): Promise<PublishedPackage> {
    const built = publishInto(scene, { name: "built", provenance: true });
    await expectControl(scene);
    return built;
  }
  const at = (of: PublishedPackage): { path: string; line: string } => ({ path: lock, line: of.integrity });

  it("D34: stripped by the registry that the policy names: absent", async () => {
    const built = await stage();
    scene.kit.npm.setAttestations("built", "1.0.0", null);
    const attacked = await expectStopped(scene, { codes: ["attestation/absent"], at: at(built) });
    expect(verdictOf(attacked, "built")).toMatchObject({ outcome: "verified", level: "signed" });
  });

  it.each([
    ["{attestations: []}", '{"attestations":[]}', "attestation/absent"],
    ["{attestations: null}", '{"attestations":null}', "attestation/absent"],
    ["null", "null", "attestation/absent"],
    ["{}", "{}", "attestation/malformed"],
    ["[]", "[]", "attestation/malformed"],
    ["an entry that is null", '{"attestations":[null]}', "attestation/malformed"],
    [
      "an entry without a bundle",
      '{"attestations":[{"predicateType":"https://slsa.dev/provenance/v1"}]}',
      "bundle/malformed",
    ],
    ["HTML", "<html>", "attestation/malformed"],
  ] as const)("D4: %s earns nothing", async (_, body, code) => {
    await stage();
    scene.kit.npm.faults.add({ path: /attestations/, fault: { kind: "body", body } });
    const attacked = await scene.run({}, cold(scene));
    expect(codesOf(attacked)).toEqual([code]);
    expect(attacked).toExitWith(1);
    expect(blocking(attacked)[0]?.at).toMatchObject({ path: lock });
    expect(verdictOf(attacked, "built").level).not.toBe("provenance");
  });

  it("an unnamed mirror that strips proves nothing: out of reach, not absent", async () => {
    const { kit, directory } = scene;
    const mirror = await kit.addNpmRegistry({
      name: "mirror",
      mirrorOf: kit.npm,
      strip: ["attestations", "signatures"],
    });
    const built = kit.npm.publish({ name: "built", provenance: true });
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: mirror.url, packages: [built] });
    scene.policy(
      `version: 1\nmode: strict\nrequire:\n  - { ecosystem: npm, names: ["**"], level: provenance }\n`,
    );
    const attacked = await scene.run();
    expect(attacked).toExitWith(2);
    expect(codesOf(attacked)).toEqual(["evidence/source-unnamed"]);
  });

  it("a named mirror that speaks for the registry and strips: found where evidenceFrom says, else absent", async () => {
    const { kit, directory } = scene;
    const mirror = await kit.addNpmRegistry({
      name: "mirror",
      mirrorOf: kit.npm,
      strip: ["attestations", "signatures", "keys"],
    });
    const built = kit.npm.publish({ name: "built", provenance: true });
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: mirror.url, packages: [built] });
    const policy = (evidence: string): string =>
      `version: 1\nmode: strict\nregistries:\n  - { url: "${mirror.url}", ecosystem: npm, speaksFor: "${kit.npm.url}"${evidence} }\nrequire:\n  - { ecosystem: npm, names: ["**"], level: signed }\n  - { ecosystem: npm, names: ["**"], level: provenance }\n`;
    scene.policy(policy(`, evidenceFrom: ["${kit.npm.url}"]`));
    const control = await expectControl(scene);
    expect(verdictOf(control, "built")).toMatchObject({ level: "provenance", registry: kit.npm.url });
    scene.policy(policy(""));
    await expectStopped(scene, { codes: ["attestation/absent", "signature/absent"] });
  });

  it.each([
    ["first", true],
    ["last", false],
  ])("an evidence source out of reach, asked %s, is no absence", async (_, first) => {
    const { kit, directory } = scene;
    const strip = ["attestations", "signatures", "keys"] as const;
    const mirror = await kit.addNpmRegistry({ name: "mirror", mirrorOf: kit.npm, strip });
    const silent = await kit.addNpmRegistry({ name: "silent", mirrorOf: kit.npm, strip });
    const built = kit.npm.publish({ name: "built", provenance: true });
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: mirror.url, packages: [built] });
    const places = first ? [kit.npm.url, silent.url] : [silent.url, kit.npm.url];
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${mirror.url}", ecosystem: npm, speaksFor: "${kit.npm.url}", evidenceFrom: ${JSON.stringify(places)} }\nrequire:\n  - { ecosystem: npm, names: ["**"], level: signed }\n  - { ecosystem: npm, names: ["**"], level: provenance }\n`,
    );
    await expectControl(scene);
    kit.npm.faults.add({ fault: { kind: "status", status: 403 } });
    await expectStopped(scene, { codes: ["evidence/http-status"], exit: 2 });
  });

  it("D34: speaksFor: public with stripped signatures", async () => {
    const { kit, directory } = scene;
    const mirror = await kit.addNpmRegistry({ name: "mirror", mirrorOf: kit.npm, strip: ["signatures"] });
    const plain = kit.npm.publish({ name: "plain" });
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: mirror.url, packages: [plain] });
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${mirror.url}", ecosystem: npm, speaksFor: public }\nrequire:\n  - { ecosystem: npm, names: ["**"], level: signed }\n`,
    );
    await expectStopped(scene, { codes: ["signature/absent"] });
  });

  it("listed, yet not served, is no absence", async () => {
    await stage();
    scene.kit.npm.faults.add({ path: /attestations/, fault: { kind: "status", status: 404 } });
    await expectStopped(scene, { codes: ["attestation/unavailable"], exit: 2 });
  });

  it("D5: replay of another version's attestation", async () => {
    const built = await stage();
    const older = scene.kit.npm.publish({ name: "built", version: "0.9.0", provenance: true });
    scene.kit.npm.setAttestations("built", "1.0.0", older.attestations);
    await expectStopped(scene, { codes: ["attestation/subject-mismatch"], at: at(built) });
  });

  it("replay of the same version's attestation over other bytes", async () => {
    const built = await stage();
    const other = publishInto(scene, { name: "built", files: [{ path: "evil.js", content: "1" }] });
    scene.kit.npm.setAttestations("built", "1.0.0", built.attestations);
    await expectStopped(scene, { codes: ["attestation/digest-mismatch"], at: at(other) });
  });

  it("a dist.attestations address of the registry's choice is not followed", async () => {
    const { kit } = scene;
    await stage();
    kit.npm.faults.add({
      path: /^\/built/,
      fault: {
        kind: "edit",
        edit: (document: { dist?: Record<string, unknown> }) => {
          if (document.dist !== undefined)
            document.dist["attestations"] = {
              url: `${kit.elsewhere.url}/x`,
              provenance: { predicateType: "https://slsa.dev/provenance/v1" },
            };
          return document;
        },
      },
    });
    const verification = await scene.run({}, cold(scene));
    expect(verification).toExitWith(0);
    expect(kit.requests.count({ server: "elsewhere" })).toBe(0);
  });

  const orders = [
    ["good, then forged", [0, 1]],
    ["forged, then good", [1, 0]],
  ] as const;
  it.each(orders)("D9: %s: one that contradicts refuses the document", async (_, order) => {
    const built = await stage();
    const pair = [
      provenanceOf(built),
      provenanceOf(built, {
        defects: ["broken-signature"],
        build: githubBuild({ repository: "acme/widgets" }),
      }),
    ];
    scene.kit.npm.setAttestations(
      "built",
      "1.0.0",
      order.map((index) => pair[index]),
    );
    await expectStopped(scene, { codes: ["bundle/signature-invalid"], at: at(built) });
  });

  it.each(orders)("D9: PEP 740: %s", async (_, order) => {
    const { kit, directory } = scene;
    const file = kit.pypi.publish({ name: "leaf", provenance: true });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    await expectControl(scene);
    const bundles = [{}, { defects: ["broken-signature"] as const }].map(
      (options) => mintPep740Provenance(kit.sigstore, file, kit.mintedAt, options).attestation_bundles[0],
    );
    const listed = order.map((index) => bundles[index]);
    kit.pypi.setProvenance("leaf", file.filename, { version: 1, attestation_bundles: listed });
    await expectStopped(scene, {
      codes: ["bundle/signature-invalid"],
      at: { path: "uv.lock", line: file.sha256 },
    });
    // The same two in one bundle of the publisher.
    kit.pypi.setProvenance("leaf", file.filename, {
      version: 1,
      attestation_bundles: [
        { ...listed[0], attestations: listed.flatMap((each) => each?.attestations ?? []) },
      ],
    });
    await expectStopped(scene, { codes: ["bundle/signature-invalid"] });
  });

  it("D4: an unknown predicate alone earns nothing; beside a good one it does no harm", async () => {
    const built = await stage();
    const good = provenanceOf(built);
    const unknown = provenanceOf(built, { defects: ["wrong-predicate-type"] });
    const labelled: Attestation = { ...unknown, predicateType: "https://predicates.example/other/v1" };
    scene.kit.npm.setAttestations("built", "1.0.0", [labelled]);
    await expectStopped(scene, { codes: ["attestation/predicate-unknown"], at: at(built) });
    scene.kit.npm.setAttestations("built", "1.0.0", [labelled, good]);
    await expectControl(scene, { environment: cold(scene) });
  });

  it("a publish attestation alone is no provenance", async () => {
    const built = await stage();
    const { kit } = scene;
    kit.npm.setAttestations("built", "1.0.0", [
      mintPublishAttestation(kit.sigstore, kit.npm.keys.current, kit.npm.url, built, kit.mintedAt),
    ]);
    await expectStopped(scene, { codes: ["attestation/provenance-absent"], at: at(built) });
  });

  it("a publish attestation by another registry's key", async () => {
    const built = await stage();
    const { kit } = scene;
    kit.npm.setAttestations("built", "1.0.0", [
      mintPublishAttestation(kit.sigstore, kit.npm.keys.foreign, kit.npm.url, built, kit.mintedAt),
      provenanceOf(built),
    ]);
    await expectStopped(scene, { codes: ["bundle/key-unknown"], at: at(built) });
  });

  it("provenance signed with the registry's key instead of a certificate", async () => {
    const built = await stage();
    const { kit } = scene;
    const payload = Buffer.from(provenanceOf(built).bundle.dsseEnvelope?.payload ?? "", "base64");
    const bundle = kit.sigstore.mint({
      content: { payload },
      signer: { key: kit.npm.keys.current, hint: kit.npm.keys.current.keyid },
      at: kit.mintedAt,
      version: "0.2",
    });
    kit.npm.setAttestations("built", "1.0.0", [{ predicateType: "https://slsa.dev/provenance/v1", bundle }]);
    await expectStopped(scene, { codes: ["attestation/key-not-keyless"], at: at(built) });
  });

  it("a label that is not the signed predicate type", async () => {
    const built = await stage();
    const good = provenanceOf(built);
    scene.kit.npm.setAttestations("built", "1.0.0", [
      { ...good, predicateType: "https://slsa.dev/provenance/v0.2" },
    ]);
    await expectStopped(scene, { codes: ["attestation/predicate-mismatch"], at: at(built) });
  });

  it("a forged attestation is refused though the policy asks for signatures only", async () => {
    const built = publishInto(scene, { name: "built", provenance: true });
    scene.policy(strictPolicy(scene));
    await expectControl(scene);
    scene.kit.npm.setAttestations("built", "1.0.0", [provenanceOf(built, { defects: ["untrusted-ca"] })]);
    await expectStopped(scene, { codes: ["bundle/certificate-untrusted"], at: at(built) });
  });

  it("PyPI: provenance stripped, or never spoken of", async () => {
    const { kit, directory } = scene;
    const file = kit.pypi.publish({ name: "leaf", provenance: true });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    await expectControl(scene);
    const kept = kit.pypi.files.get("leaf")?.get(file.filename)?.provenance;
    for (const empty of [null, { version: 1, attestation_bundles: [] }]) {
      kit.pypi.setProvenance("leaf", file.filename, empty);
      await expectStopped(scene, {
        codes: ["attestation/absent"],
        at: { path: "uv.lock", line: file.sha256 },
      });
    }
    kit.pypi.setProvenance("leaf", file.filename, kept);
    const silent = await kit.addPackageIndex({
      name: "silent",
      mirrorOf: kit.pypi,
      apiVersion: "1.1",
      integrityApi: "missing",
    });
    writeProject(directory, {
      lock: "uv.lock",
      index: silent.simpleUrl,
      files: [{ ...file, url: file.url.replace(kit.pypi.filesUrl, silent.filesUrl) }],
    });
    scene.policy(
      `version: 1\nmode: strict\nregistries:\n  - { url: "${silent.simpleUrl}", ecosystem: pypi }\nrequire:\n  - { ecosystem: pypi, names: ["**"], level: provenance }\n`,
    );
    await expectStopped(scene, { codes: ["attestation/unavailable"], exit: 2 });
  });
});

describe("every defect of an attestation, through the whole flow", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
    scene.policy(strictPolicy(scene, { npm: "provenance", pypi: "provenance" }));
  });
  afterAll(() => scene.close());

  const statement = Object.keys(statementDefects) as Defect[];
  const bundle = Object.keys(bundleDefects) as BundleDefect[];
  // What a keyed bundle has no place for leaves it good.
  const certificateOnly = new Set<Defect>([
    "late-timestamp",
    "missing-sct",
    "broken-sct",
    "foreign-sct",
    "other-sct",
    "expired-certificate",
    "future-certificate",
    "no-code-signing",
    "no-extended-key-usage",
    "no-key-usage",
    "untrusted-ca",
    "other-curve",
    "self-signed",
    "person-email",
  ]);

  // Only PEP 740 names a curve.
  const npm = [...statement, ...bundle].filter((defect) => defect !== "other-curve");
  it.each(npm)("D9 M14: npm provenance: %s", async (defect) => {
    const name = `p-${defect}`;
    const published = publishInto(scene, { name, provenance: { defects: [defect] } });
    const attacked = await scene.run();
    const verdict = verdictOf(attacked, name);
    expect(published.attestations).toHaveLength(2);
    expect(verdict.level).not.toBe("provenance");
    expect(verdict.outcome).toBe("refused");
    expect(attacked).toExitWith(1);
  });

  it.each([...statement, ...bundle].filter((defect) => !certificateOnly.has(defect)))(
    "npm publish attestation: %s",
    async (defect) => {
      const name = `k-${defect}`;
      publishInto(scene, { name, provenance: true, publishAttestation: { defects: [defect] } });
      const attacked = await scene.run();
      expect(verdictOf(attacked, name).outcome).toBe("refused");
      expect(attacked).toExitWith(1);
    },
  );

  const logs = ["rekor-v1", "rekor-v2"] as const;
  const impossible: Record<(typeof logs)[number], ReadonlySet<Defect>> = {
    // PEP 740 objects have no place for a keyid or further signatures.
    "rekor-v1": new Set(["keyid-set", "extra-signature"]),
    // Rekor v2 has no promise, and so no time or index of the entry's own.
    "rekor-v2": new Set([
      "keyid-set",
      "extra-signature",
      "broken-set",
      "missing-set",
      "wrong-integrated-time",
      "wrong-log-index",
    ]),
  };
  const pypi = logs.flatMap((log) =>
    [...statement, ...bundle]
      .filter((defect) => !impossible[log].has(defect))
      .map((defect) => ({ log, defect })),
  );
  it.each(pypi)("PEP 740, $log: $defect", async ({ log, defect }) => {
    const { kit, directory } = scene;
    const name = `${log}-${defect}`;
    const file = kit.pypi.publish({ name, provenance: { log, defects: [defect] } });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    const attacked = await scene.run({ lockfiles: ["uv.lock"] });
    const verdict = verdictOf(attacked, name);
    expect(verdict.level).not.toBe("provenance");
    expect(attacked).toExitWith(1);
  });

  it("PEP 740, rekor-v2: an index that nothing signs is not the one that is reported", async () => {
    const { kit, directory } = scene;
    const indexOf = async (
      name: string,
      defects: readonly Defect[],
    ): Promise<{ told: string; reported: string | null | undefined }> => {
      const file = kit.pypi.publish({ name, provenance: { log: "rekor-v2", defects } });
      writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
      const [entry] =
        file.provenance?.attestation_bundles[0]?.attestations[0]?.verification_material
          .transparency_entries ?? [];
      const verdict = verdictOf(await scene.run({ lockfiles: ["uv.lock"] }), name);
      expect(verdict).toMatchObject({ outcome: "verified", level: "provenance" });
      return { told: entry?.logIndex ?? "none", reported: verdict.attestations[0]?.logIndex };
    };
    const good = await indexOf("index-good", []);
    expect(good.reported).toBe(good.told);
    const lie = await indexOf("index-lie", ["wrong-log-index"]);
    expect(lie.reported).toBe(String(Number(lie.told) - 1));
  });
});
