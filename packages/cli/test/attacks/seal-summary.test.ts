import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keyOf, publicKeyOf, sealPolicy, summaries } from "../sealing.ts";
import { claimIn, extension, keyidIn, removeSeal, reseal, sealFolder, type Statement } from "./forging.ts";
import {
  allowed,
  openSealed,
  succeed,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./sealed-project.ts";

const name = "package-lock.json";
let project: SealedProject;
let seal: string;

/** A lockfile with a package that nobody has signed: only a summary that counts lets it through. */
beforeAll(async () => {
  project = await openSealed({
    seal: summaries,
    signed: false,
    stage: async (unsealed) => {
      const { scene } = unsealed;
      succeed(await unsealed.summarise());
      const [genuine = ""] = unsealed.seals();
      const manifest = unsealed.read("package.json");
      writePackages(scene, [widgetOf(scene), scene.kit.npm.publish({ name: "unsigned", signature: false })]);
      unsealed.write("package.json", manifest);
      const folder = sealFolder(unsealed.read(name));
      const subject = { name, digest: { sha256: folder.slice(-64) } };
      reseal(scene, genuine, "release-bot", (statement) => void (statement.subject = [subject]), folder);
      removeSeal(scene, genuine);
    },
  });
});
afterAll(() => project.close());
beforeEach(async () => {
  [seal = ""] = project.seals();
  expect(await project.verify("--offline")).toMatchObject({ ...allowed, evidence: ["summary"] });
});
afterEach(() => project.restore());

const replace = (change: (statement: Statement, claim: ReturnType<typeof claimIn>) => void): void => {
  reseal(project.scene, seal, "release-bot", change);
  removeSeal(project.scene, seal);
};
/** The evidence was looked at, and has nothing for the package; the only seal counts for nothing for this reason. */
const checked = (code: string | null): object => ({
  exitCode: 1,
  blocks: ["signature/absent"],
  evidence: ["checked"],
  seals: [code],
});
const day = 86_400_000;
const daysAgo = (days: number): string => `${new Date(Date.now() - days * day).toISOString().slice(0, 19)}Z`;
/** A summary states its time twice. */
const issued = (statement: Statement, at: string): void => {
  claimIn(statement)["issuedAt"] = at;
  statement.predicate["timeVerified"] = at;
};

describe("a summary", () => {
  it("under another policy", async () => {
    project.write(
      ".countersign/policy.yaml",
      sealPolicy(project.scene, summaries).replace('names: ["**"]', 'names: ["**", "!nothing"]'),
    );
    expect(await project.verify()).toMatchObject(checked("seal/policy-mismatch"));
  });

  it("that says it was made under the policy that holds only where SLSA's field says so", async () => {
    replace((statement, claim) => {
      (statement.predicate["policy"] as { digest: object }).digest = { sha256: "0".repeat(64) };
      claim["policy"] = { sha256: "0".repeat(64) };
    });
    expect(await project.verify()).toMatchObject(checked("seal/policy-mismatch"));
  });

  it("that has expired", async () => {
    replace((statement, claim) => {
      issued(statement, daysAgo(2));
      claim["expires"] = daysAgo(1);
    });
    expect(await project.verify()).toMatchObject(checked("seal/expired"));
  });

  it("that never expires", async () => {
    replace((_, claim) => void (claim["expires"] = null));
    expect(await project.verify()).toMatchObject(checked("seal/expired"));
  });

  it("that is older than the policy allows, however long it says it counts", async () => {
    replace((statement, claim) => {
      issued(statement, daysAgo(31));
      claim["expires"] = "2099-01-01T00:00:00Z";
    });
    const outcome = await project.verify();
    expect(outcome).toMatchObject(checked(null));
    expect(outcome.ran.out).toContain("older than 30d");
  });

  it("that says verification failed", async () => {
    replace(({ predicate }) => void (predicate["verificationResult"] = "FAILED"));
    expect(await project.verify()).toMatchObject(checked("seal/verifier-mismatch"));
  });

  it("whose address is another repository's or lockfile's", async () => {
    for (const uri of [
      "git+https://forge.example/acme/other#package-lock.json",
      "git+https://forge.example/acme/app#other/package-lock.json",
    ]) {
      project.restore();
      replace(({ predicate }) => void (predicate["resourceUri"] = uri));
      expect(await project.verify()).toMatchObject(checked("seal/repository-mismatch"));
    }
  });

  it("without the extension, whose members SLSA's own are no stand-in for", async () => {
    replace(({ predicate }) => void delete predicate[extension]);
    expect(await project.verify()).toMatchObject(checked("seal/statement-malformed"));
  });

  it("by a verifier that the trust store does not name for its signer", async () => {
    const { scene } = project;
    const id = "https://ci.acme.example/verifier";
    succeed(
      await scene.run(
        "trust",
        "add",
        "release-bot",
        "--public-key",
        publicKeyOf(scene, "release-bot"),
        "--verifier-id",
        id,
        "--key",
        keyOf(scene, "root"),
        "--yes",
      ),
    );
    expect(await project.verify()).toMatchObject(checked("seal/verifier-mismatch"));
    replace(({ predicate }) => void ((predicate["verifier"] as { id: string }).id = id));
    expect(await project.verify()).toMatchObject({ ...allowed, evidence: ["summary"] });
  });

  it("by a signer who may only approve", async () => {
    reseal(project.scene, seal, "alice", (_, claim) => {
      claim.signer = { id: "alice", keyid: keyidIn(project.scene, "alice"), algorithm: "ed25519" };
    });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(checked("seal/signer-scope"));
  });

  it("by a signer whose summaries the policy does not take", async () => {
    const { scene } = project;
    succeed(
      await scene.run(
        "trust",
        "add",
        "alice",
        "--public-key",
        publicKeyOf(scene, "alice"),
        "--predicates",
        "approval,summary",
        "--key",
        keyOf(scene, "root"),
        "--yes",
      ),
    );
    reseal(scene, seal, "alice", (_, claim) => {
      claim.signer = { id: "alice", keyid: keyidIn(scene, "alice"), algorithm: "ed25519" };
    });
    removeSeal(scene, seal);
    const outcome = await project.verify();
    expect(outcome).toMatchObject(checked(null));
    expect(outcome.ran.out).toContain("alice is no summary signer of the policy");
  });

  it("of this lockfile, that stands as an approval", async () => {
    project.write(
      ".countersign/policy.yaml",
      sealPolicy(
        project.scene,
        "{ approval: { threshold: 1, signers: [ci] }, summary: { signers: [ci], maxAge: 30d } }",
      ),
    );
    expect(await project.verify()).toMatchObject({
      exitCode: 1,
      blocks: ["seal/approval-missing"],
      approvals: [],
    });
  });

  it("over a lockfile with one more byte", async () => {
    project.write(name, `${project.read(name)} `);
    expect(await project.verify()).toMatchObject({
      exitCode: 1,
      blocks: ["signature/absent"],
      evidence: ["checked"],
      seals: [],
    });
  });

  it("over another closure", async () => {
    project.write(".npmrc", `${project.read(".npmrc")}ignore-scripts=true\n`);
    expect(await project.verify()).toMatchObject(checked("seal/closure-changed"));
  });

  it("of another package set, laid under the digest of this one", async () => {
    replace(({ subject }) => void ((subject[0] as { digest: object }).digest = { sha256: "0".repeat(64) }));
    expect(await project.verify()).toMatchObject(checked("seal/subject-mismatch"));
  });
});
