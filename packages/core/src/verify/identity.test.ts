import { Buffer } from "node:buffer";
import { X509Certificate } from "@sigstore/core";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { extensionsOf, fulcioText } from "./fulcio-extension.ts";
import { identityOf, type Identity } from "./identity.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;
const certificateOf = (bundle: Json): Buffer =>
  Buffer.from(
    (
      bundle.verificationMaterial.certificate ??
      bundle.verificationMaterial.x509CertificateChain.certificates[0]
    ).rawBytes,
    "base64",
  );
const npmCertificate = (file: string): Buffer =>
  certificateOf(
    (JSON.parse(readVector("npm", "attestations", file)) as Json).attestations
      .map(({ bundle }: Json) => bundle)
      .find((bundle: Json) => bundle.verificationMaterial.publicKey === undefined),
  );
const pypiCertificate = (file: string): Buffer =>
  Buffer.from((JSON.parse(readVector("pypi", file)) as Json).verification_material.certificate, "base64");
const identity = (der: Buffer): Identity => identityOf(X509Certificate.parse(Buffer.from(der)));
const edited = (der: Buffer, from: Buffer, to: Buffer): Buffer => {
  const copy = Buffer.from(der);
  const at = copy.indexOf(from);
  expect(at).toBeGreaterThan(0);
  to.copy(copy, at);
  return copy;
};

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
};
const extension = (oid: readonly number[], value: Buffer): Buffer =>
  der(0x30, der(6, Buffer.from(oid)), der(4, value));

/** As much of a certificate as an identity is read from. */
function certificateWith(san: string, texts: Readonly<Record<number, string>>): X509Certificate {
  const fulcio = Object.entries(texts).map(([number, text]) =>
    extension([0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, Number(number)], der(0x0c, Buffer.from(text))),
  );
  const names = extension([0x55, 0x1d, 0x11], der(0x30, der(0x86, Buffer.from(san))));
  return X509Certificate.parse(Buffer.from(der(0x30, der(0x30, der(0xa3, der(0x30, names, ...fulcio))))));
}

describe("identity of other issuers", () => {
  const organisation = "https://oidc.circleci.com/org/11111111-2222-3333-4444-555555555555";

  it.each([
    ["circleci", organisation],
    ["buildkite", "https://agent.buildkite.com"],
    [null, `${organisation}/more`],
    [null, "https://oidc.circleci.com/org/x"],
    [null, "https://agent.buildkite.com.example"],
    [null, "https://gitlab.example"],
  ])("%s is %s", (issuerName, issuer) => {
    const read = identityOf(
      certificateWith("https://ci.example/job/1", {
        8: issuer,
        12: "https://forge.example/a/b",
        13: "abc",
        18: "https://forge.example/a/b/x.yml@abc",
      }),
    );
    expect(read).toMatchObject({
      issuerName,
      issuer,
      san: "https://ci.example/job/1",
      repository: "https://forge.example/a/b",
      commit: "abc",
      workflow: null,
    });
  });
});

describe.skipIf(!hasVectors)("identity", () => {
  it("D6 M13: GitHub: the workflow's address and its parts", () => {
    expect(identity(npmCertificate("artifact-keeper--sigstore-5.0.0.json"))).toMatchObject({
      issuerName: "github",
      issuer: "https://token.actions.githubusercontent.com",
      san: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
      repository: "sigstore/sigstore-js",
      repositoryUri: "https://github.com/sigstore/sigstore-js",
      repositoryId: "495574555",
      owner: "sigstore",
      ownerId: "71096353",
      workflow: ".github/workflows/release.yml",
      workflowFrom: "build-config",
      ref: "refs/heads/main",
      event: "push",
      runner: "github-hosted",
      email: null,
    });
  });

  it("GitHub before 2023: the workflow from the SAN, the repository from .5", () => {
    expect(identity(npmCertificate("npm-pacote--valid-attestations.json"))).toMatchObject({
      repository: "sigstore/sigstore-js",
      repositoryUri: "https://github.com/sigstore/sigstore-js",
      workflow: ".github/workflows/publish.yml",
      workflowFrom: "san",
      ref: "refs/tags/v0.4.0",
      runner: null,
      repositoryId: null,
    });
  });

  it("D26: a reusable builder is the signer, the caller's workflow stays the workflow", () => {
    const { workflow, signer, repository } = identity(
      npmCertificate("slsa-framework-slsa-verifier--provenance-npm-test-ossf.tgz.json"),
    );
    expect(workflow).toBe(".github/workflows/release-slsa3.yml");
    expect(signer).toContain("slsa-framework/slsa-github-generator/");
    expect(repository).toBe("laurentsimon/provenance-npm-test");
  });

  it("M19: GitLab", () => {
    expect(
      identity(
        pypiCertificate(
          "trailofbits-pypi-attestations--gitlab_oidc_project-0.0.3.tar.gz.publish.attestation",
        ),
      ),
    ).toMatchObject({
      issuerName: "gitlab",
      repository: "facutuesca/gitlab-oidc-project",
      repositoryUri: "https://gitlab.com/facutuesca/gitlab-oidc-project",
      workflow: ".gitlab-ci.yml",
      workflowFrom: "build-config",
    });
  });

  it("Google and people: an e-mail, no repository, no workflow", () => {
    const person = identity(
      pypiCertificate(
        "pypi-pypi-attestations--pypi_attestations-0.0.19.tar.gz.publish.attestation.with_timestamp",
      ),
    );
    expect(person).toMatchObject({
      email: "jku@goto.fi",
      san: "jku@goto.fi",
      issuerName: null,
      repository: null,
      workflow: null,
      workflowFrom: null,
    });
    const { attestation_bundles } = JSON.parse(
      readVector("pypi", "pypi-pypi-attestations--gcb_attestation_test-0.0.0.tar.gz.provenance"),
    ) as Json;
    const service = identity(
      Buffer.from(attestation_bundles[0].attestations[0].verification_material.certificate, "base64"),
    );
    expect(service).toMatchObject({
      issuerName: "google",
      email: "919436158236-compute@developer.gserviceaccount.com",
    });
  });

  it("M20: the runner is what the certificate says", () => {
    const der = npmCertificate("artifact-keeper--sigstore-5.0.0.json");
    const hosted = Buffer.from("github-hosted");
    expect(identity(edited(der, hosted, Buffer.from("self-hosted!!"))).runner).toBe("self-hosted!!");
  });

  it("D27: an unknown issuer is shown, and nothing is guessed from it", () => {
    const der = npmCertificate("artifact-keeper--sigstore-5.0.0.json");
    const issuer = Buffer.from("https://token.actions.githubusercontent.com");
    const once = edited(der, issuer, Buffer.from("https://token.actions.githubusercontent.co_"));
    const forged = identity(edited(once, issuer, Buffer.from("https://token.actions.githubusercontent.co_")));
    expect(forged).toMatchObject({
      issuerName: null,
      workflow: null,
      issuer: "https://token.actions.githubusercontent.co_",
      repository: "https://github.com/sigstore/sigstore-js",
    });
  });

  it("D27: a workflow of another repository is not taken for a path", () => {
    const der = npmCertificate("artifact-keeper--sigstore-5.0.0.json");
    const config = Buffer.from([0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 0x12]);
    const at = der.indexOf(config) + der.subarray(der.indexOf(config)).indexOf("sigstore-js/.github");
    const other = Buffer.from(der);
    Buffer.from("sigstore-jz").copy(other, at);
    expect(identity(other)).toMatchObject({ workflow: null, workflowFrom: null });
  });

  it.each([
    ["another tag", (value: Buffer) => (value[0] = 0x13)],
    ["a length too short", (value: Buffer) => (value[1] = (value[1] as number) - 1)],
    ["a length too long", (value: Buffer) => (value[1] = (value[1] as number) + 1)],
    ["bytes that are not UTF-8", (value: Buffer) => (value[2] = 0xff)],
  ])("an extension with %s is no text", (_what, edit) => {
    const certificate = X509Certificate.parse(
      Buffer.from(npmCertificate("artifact-keeper--sigstore-5.0.0.json")),
    );
    const value = certificate.extension("1.3.6.1.4.1.57264.1.11")?.value as Buffer;
    expect(fulcioText(extensionsOf(certificate), 11)).toBe("github-hosted");
    edit(value);
    expect(fulcioText(extensionsOf(certificate), 11)).toBeNull();
  });
});
