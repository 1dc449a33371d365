/**
 * The part of JSON Schema (draft 2020-12) that the policy's schema is written in. The reader interprets exactly this,
 * so what is published and what is checked are one thing. `description` is a noun phrase: messages say
 * "expected <description>".
 */
export type Schema = {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  examples?: readonly unknown[];
  $ref?: string;
  $defs?: Readonly<Record<string, Schema>>;
  type?: "object" | "array" | "string" | "integer";
  const?: number;
  enum?: readonly string[];
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: false | Schema;
  propertyNames?: Schema;
  minProperties?: number;
  maxProperties?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
};

const text = (description: string, example: string, maxLength = 200): Schema => ({
  type: "string",
  description,
  pattern: "\\S",
  maxLength,
  examples: [example],
});
const word = (description: string, values: readonly string[]): Schema => ({
  type: "string",
  description,
  enum: values,
  examples: [values[0]],
});
const list = (description: string, items: Schema, examples: readonly unknown[], maxItems = 1000): Schema => ({
  type: "array",
  description,
  items,
  minItems: 1,
  maxItems,
  examples: [examples],
});
const count = (description: string, minimum: number, maximum: number): Schema => ({
  type: "integer",
  description,
  minimum,
  maximum,
  examples: [minimum],
});
const table = (
  description: string,
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema => ({
  type: "object",
  description,
  properties,
  required,
  additionalProperties: false,
});
const see = (name: string): Schema => ({ $ref: `#/$defs/${name}` });

const nameText = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
const effects = ["block", "warn", "note"] as const;
const ecosystems = ["npm", "pypi", "jsr"] as const;
const idText = "^[0-9A-Za-z][0-9A-Za-z-]*$";

const defs: Readonly<Record<string, Schema>> = {
  effect: word("block, warn or note", effects),
  ecosystem: word("an ecosystem: npm, pypi or jsr", ecosystems),
  name: {
    type: "string",
    description: "a name of letters, digits, dots, dashes and underscores",
    pattern: nameText,
    maxLength: 100,
    examples: ["release"],
  },
  glob: {
    type: "string",
    description:
      'a package name or glob: * is one segment, ** any, a leading ! excludes, "@scope/name" has two segments',
    pattern: "^!?[^\\s!]+$",
    maxLength: 250,
    examples: ["@acme/**"],
  },
  address: {
    type: "string",
    description: "an https address without credentials, query or fragment",
    pattern: "^https?://[^\\s@?#]+$",
    maxLength: 2000,
    examples: ["https://npm.acme.example/"],
  },
  duration: {
    type: "string",
    description: "a duration in minutes, hours or days",
    pattern: "^[0-9]{1,5}[mhd]$",
    examples: ["72h"],
  },
  file: {
    type: "string",
    description: "a file below the policy's own folder, as a relative path with forward slashes",
    pattern: "^[^\\s/\\\\:][^\\\\:]*$",
    maxLength: 500,
    examples: ["keys/acme.json"],
  },
  code: {
    type: "string",
    description: "a finding's code",
    pattern: "^[a-z]+/[a-z0-9-]+$",
    maxLength: 100,
    examples: ["signature/absent"],
  },
  id: {
    type: "string",
    description: "an id, in quotes so that it stays text",
    pattern: idText,
    maxLength: 100,
    examples: ["123456789"],
  },
};

const registry = table(
  "a registry: url and ecosystem, and what it may be trusted for",
  {
    url: see("address"),
    ecosystem: see("ecosystem"),
    speaksFor: {
      type: "string",
      description:
        '"public", or the address of the registry whose signatures and attestations its packages carry',
      pattern: "^(?:public|https?://[^\\s@?#]+)$",
      maxLength: 2000,
      examples: ["public"],
    },
    evidenceFrom: list("a list of addresses that serve its evidence", see("address"), [
      "https://evidence.acme.example/npm/",
    ]),
    keys: see("file"),
    files: list("a list of addresses where its artefacts may lie", see("address"), [
      "https://files.acme.example/",
    ]),
    scopes: list("a list of names that may come from nowhere else", see("glob"), ["@acme/**"]),
  },
  ["url", "ecosystem"],
);

const requirement = table(
  "a rule: which packages, and the level they must reach",
  {
    ecosystem: see("ecosystem"),
    names: list("a list of package names or globs", see("glob"), ["**", "!@acme/**"]),
    level: word("locked, signed or provenance", ["locked", "signed", "provenance"]),
    identities: list("a list of names from identities", see("name"), ["release"], 100),
  },
  ["names", "level"],
);

const pattern = (description: string, example: string): Schema => ({
  type: "string",
  description,
  pattern: "^\\S+$",
  maxLength: 500,
  examples: [example],
});
const identity = table(
  "an identity: an issuer, and the repository, owner or service account that builds",
  {
    issuer: {
      type: "string",
      description: "github, gitlab, circleci, buildkite, google or the issuer's https address",
      pattern: "^(?:github|gitlab|circleci|buildkite|google|https://[^\\s@?#]+)$",
      maxLength: 500,
      examples: ["github"],
    },
    repository: pattern("a repository, owner/name on a known forge; * spans one segment", "acme/widgets"),
    repositoryId: see("id"),
    owner: pattern("an owner's name; * spans one segment", "acme"),
    ownerId: see("id"),
    workflow: pattern("the path of a workflow file; * spans one segment", ".github/workflows/release.yml"),
    signer: pattern(
      "the address of the build signer, a reusable workflow for example",
      "https://forge.acme.example/ci.yml@refs/heads/main",
    ),
    ref: pattern("a full git ref; * spans one segment", "refs/tags/v*"),
    event: pattern("the event that started the build", "push"),
    runner: pattern("the kind of runner", "github-hosted"),
    email: pattern("a service account's e-mail address", "builder@acme.iam.gserviceaccount.com"),
    slsaBuild: count("an SLSA build level from 0 to 3", 0, 3),
  },
  ["issuer"],
);

const exampleException = {
  purl: "pkg:npm/left-pad@1.3.0",
  digest: `sha256:${"0".repeat(64)}`,
  codes: ["signature/absent"],
  reason: "predates registry signatures",
  owner: "@acme/platform",
  expires: "2027-06-30",
};
const exception = table(
  "an exception: purl, digest, codes, reason, owner and expires",
  {
    purl: {
      type: "string",
      description: "a package URL with a version",
      pattern: "^pkg:(?:npm|pypi|jsr)/[^?#@\\s]+@[^?#@/\\s]+$",
      maxLength: 1000,
      examples: ["pkg:npm/left-pad@1.3.0"],
    },
    digest: {
      type: "string",
      description: "a digest as algorithm:hex (sha256, sha384, sha512), or gitCommit:hex for a git source",
      pattern:
        "^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|gitCommit:(?:[0-9a-f]{40}|[0-9a-f]{64}))$",
      examples: [`sha256:${"0".repeat(64)}`],
    },
    codes: list("a list of finding codes", see("code"), ["signature/absent"], 50),
    reason: text("a reason", "predates registry signatures", 1000),
    owner: text("who answers for it", "@acme/platform"),
    expires: {
      type: "string",
      description: "a day as YYYY-MM-DD",
      pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
      examples: ["2027-06-30"],
    },
  },
  ["purl", "digest", "codes", "reason", "owner", "expires"],
);

const signers = list("a list of names from groups", see("name"), ["maintainers"], 100);

/** Published as `schema/policy-1.json` of the package, and the one that `readPolicy` interprets. */
export const policySchema: Schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "urn:countersign:policy:1",
  title: "Countersign policy, version 1",
  ...table(
    "a policy",
    {
      version: { type: "integer", description: "the number 1", const: 1, examples: [1] },
      mode: word("disabled, warn or strict", ["disabled", "warn", "strict"]),
      registries: list("a list of registries", registry, [
        { url: "https://npm.acme.example/", ecosystem: "npm" },
      ]),
      require: list("a list of rules", requirement, [{ ecosystem: "npm", names: ["**"], level: "signed" }]),
      identities: {
        type: "object",
        description: "identities by name",
        propertyNames: see("name"),
        additionalProperties: identity,
        maxProperties: 1000,
        examples: [{ release: { issuer: "github", repository: "acme/widgets" } }],
      },
      groups: {
        type: "object",
        description: "lists of seal signers' ids by name",
        propertyNames: see("name"),
        additionalProperties: list("a list of seal signers' ids", text("a seal signer's id", "alice"), [
          "alice",
          "bob",
        ]),
        maxProperties: 1000,
        examples: [{ maintainers: ["alice", "bob"] }],
      },
      sources: table("what is allowed besides registries", {
        git: word("allow, warn or deny", ["deny", "warn", "allow"]),
        url: word("allow, warn or deny", ["deny", "warn", "allow"]),
        path: word("workspace, allow or deny", ["workspace", "allow", "deny"]),
        bundled: word("inspect, allow or deny", ["inspect", "allow", "deny"]),
      }),
      drift: table("what a change against pins and baseline does", {
        newPackage: see("effect"),
        alias: see("effect"),
        level: see("effect"),
        repository: see("effect"),
        owner: see("effect"),
        workflow: see("effect"),
        ref: see("effect"),
      }),
      age: table(
        "how long a version must have been published",
        { minimum: see("duration"), unknown: see("effect") },
        ["minimum"],
      ),
      seal: table("which seals are required or accepted", {
        approval: table(
          "who must have approved the lockfile",
          { threshold: count("a number of signers from 1", 1, 100), signers },
          ["signers"],
        ),
        summary: table(
          "whose verification summary replaces evidence checks",
          { signers, maxAge: see("duration") },
          ["signers", "maxAge"],
        ),
      }),
      trust: table("bounds on trust material", {
        maxAge: see("duration"),
        sct: count("a number of proofs from 1", 1, 10),
        log: count("a number of proofs from 1", 1, 10),
        time: count("a number of proofs from 1", 1, 10),
        roots: list("a list of sigstore root files", see("file"), ["roots/acme.json"], 20),
      }),
      exceptions: list("a list of exceptions", exception, [exampleException], 10_000),
      delegate: table("what a lower layer may decide", {
        exceptions: table(
          "what a lower layer may except",
          {
            codes: list("a list of finding codes", see("code"), ["signature/absent"], 100),
            maxDays: count("a number of days from 1", 1, 3650),
            names: list("a list of package names or globs", see("glob"), ["**"]),
          },
          ["codes", "maxDays", "names"],
        ),
      }),
    },
    ["version"],
  ),
  $defs: defs,
};
