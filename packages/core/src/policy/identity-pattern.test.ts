import { describe, expect, it } from "vitest";
import { builder, layer } from "../../test/decision.ts";
import type { Identity } from "../verify/identity.ts";
import { matchIdentity, normaliseRepository } from "./identity-pattern.ts";

const match = (fields: string, identity: Partial<Identity> = {}, slsa = 2): string => {
  const pattern = layer(`identities: { a: { ${fields} } }`).identities.get("a");
  if (pattern === undefined) throw new Error("no pattern");
  const result = matchIdentity(pattern, { ...builder, ...identity }, slsa);
  return result.match === "no" ? result.field : result.match;
};

describe("an identity is compared whole", () => {
  it.each<[string, string, Partial<Identity>, string]>([
    ["the very builder", "issuer: github, repository: acme/widgets", {}, "yes"],
    [
      "D6: another issuer's repository of the same name",
      "issuer: github, repository: acme/widgets",
      { issuerName: "gitlab" },
      "issuer",
    ],
    [
      "D6: an issuer nobody knows",
      "issuer: github, repository: acme/widgets",
      { issuerName: null },
      "issuer",
    ],
    [
      "D6: an unknown issuer named by its address",
      "issuer: 'https://issuer.example', owner: acme",
      { issuerName: null },
      "yes",
    ],
    [
      "D6: an address that continues",
      "issuer: 'https://issuer.example', owner: acme",
      { issuer: "https://issuer.example.evil.example" },
      "issuer",
    ],
    [
      "D25: a fork",
      "issuer: github, repository: acme/widgets",
      { repository: "mallory/widgets" },
      "repository",
    ],
    [
      "D27: a longer name",
      "issuer: github, repository: acme/widgets",
      { repository: "acme/widgets-evil" },
      "repository",
    ],
    [
      "D27: a name with the wanted one inside",
      "issuer: github, repository: acme/widgets",
      { repository: "x/acme/widgets" },
      "repository",
    ],
    [
      "D27: the same repository written as an address",
      "issuer: github, repository: 'git+https://github.com/acme/widgets.git'",
      {},
      "yes",
    ],
    [
      "D27: another host's repository of the same path",
      "issuer: github, repository: 'https://evil.example/acme/widgets'",
      {},
      "repository",
    ],
    ["case counts", "issuer: github, repository: Acme/widgets", {}, "repository"],
    [
      "D25: no repository in the certificate",
      "issuer: github, repository: acme/widgets",
      { repository: null },
      "repository",
    ],
    ["* spans one segment", "issuer: github, repository: 'acme/*'", {}, "yes"],
    ["* does not span two", "issuer: github, repository: '*'", {}, "repository"],
    [
      "D26: another workflow",
      "issuer: github, owner: acme, workflow: .github/workflows/release.yml",
      { workflow: ".github/workflows/pr.yml" },
      "workflow",
    ],
    [
      "D26: a workflow below the wanted one",
      "issuer: github, owner: acme, workflow: '.github/workflows/*'",
      { workflow: ".github/workflows/x/release.yml" },
      "workflow",
    ],
    [
      "D26: no workflow in the certificate",
      "issuer: github, owner: acme, workflow: a.yml",
      { workflow: null },
      "workflow",
    ],
    ["D26: a tag", "issuer: github, owner: acme, ref: 'refs/tags/v*'", {}, "yes"],
    [
      "D26: a branch named like a tag",
      "issuer: github, owner: acme, ref: 'refs/tags/v*'",
      { ref: "refs/heads/refs/tags/v1" },
      "ref",
    ],
    [
      "D26: a tag with a path",
      "issuer: github, owner: acme, ref: 'refs/tags/v*'",
      { ref: "refs/tags/v1/x" },
      "ref",
    ],
    [
      "D26: a branch",
      "issuer: github, owner: acme, ref: refs/heads/main",
      { ref: "refs/heads/main-evil" },
      "ref",
    ],
    ["dots are dots", "issuer: github, owner: acme, workflow: a.yml", { workflow: "axyml" }, "workflow"],
    ["M20: a hosted runner", "issuer: github, owner: acme, runner: github-hosted", {}, "yes"],
    [
      "M20: a self-hosted runner",
      "issuer: github, owner: acme, runner: github-hosted",
      { runner: "self-hosted" },
      "runner",
    ],
    [
      "M20: a certificate that does not say",
      "issuer: github, owner: acme, runner: github-hosted",
      { runner: null },
      "runner",
    ],
    ["another event", "issuer: github, owner: acme, event: push", { event: "pull_request_target" }, "event"],
    [
      "another signer",
      "issuer: github, owner: acme, signer: 'https://github.com/acme/ci/.github/workflows/build.yml@refs/heads/main'",
      {},
      "signer",
    ],
    [
      "another service account",
      "issuer: google, email: a@b.gserviceaccount.com",
      { issuerName: "google", email: "x@b.gserviceaccount.com" },
      "email",
    ],
    [
      "ids outrank names: renamed",
      "issuer: github, repository: acme/widgets, repositoryId: '42'",
      { repository: "acme/gadgets" },
      "yes",
    ],
    [
      "ids outrank names: the old name taken over",
      "issuer: github, repository: acme/widgets, repositoryId: '42'",
      { repositoryId: "43" },
      "repositoryId",
    ],
    [
      "ids outrank names: no id in the certificate",
      "issuer: github, repository: acme/widgets, repositoryId: '42'",
      { repositoryId: null },
      "repositoryId",
    ],
    ["an owner's id", "issuer: github, owner: old-name, ownerId: '7'", {}, "yes"],
    ["another owner's id", "issuer: github, owner: acme, ownerId: '8'", {}, "ownerId"],
  ])("%s", (_, fields, identity, expected) => {
    expect(match(fields, identity)).toBe(expected);
  });

  it("wants the build level too", () => {
    expect(match("issuer: github, owner: acme, slsaBuild: 3")).toBe("below");
    expect(match("issuer: github, owner: acme, slsaBuild: 3", {}, 3)).toBe("yes");
  });
});

it.each([
  ["github", "https://github.com/acme/widgets", "acme/widgets"],
  ["github", "https://github.com/acme/widgets.git/", "acme/widgets"],
  ["github", "acme/widgets.git", "acme/widgets"],
  ["github", "https://github.com.evil.example/acme/widgets", "https://github.com.evil.example/acme/widgets"],
  ["https://issuer.example", "https://github.com/acme/widgets", "https://github.com/acme/widgets"],
])("a repository of %s written %s is %s", (issuer, text, expected) => {
  expect(normaliseRepository(issuer, text)).toBe(expected);
});
