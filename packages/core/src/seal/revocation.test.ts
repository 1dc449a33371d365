import { Buffer } from "node:buffer";
import { createSigstore, githubBuild } from "@countersign/testkit";
import { describe, expect, it } from "vitest";
import { now } from "../../test/decision.ts";
import {
  claimOf,
  contextOf,
  day,
  fileOf,
  newSigner,
  rootOf,
  signerOf,
  subject,
  verifier,
} from "../../test/sealing.ts";
import { verifierOf } from "../../test/trust.ts";
import { sealTypes, type LockfileClaim } from "./claim.ts";
import { formatSealDocument } from "./seal-document.ts";
import { encodeSealStatement } from "./statement.ts";
import type { Revocation } from "./trust-root.ts";
import { verifySeal } from "./verify-seal.ts";

const sigstore = createSigstore();
const bundles = verifierOf([sigstore.trustedRoot]);
const logged = now - 2 * day;
const identity = {
  issuer: "https://token.actions.githubusercontent.com",
  san: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/*",
  repositoryId: null,
  ownerId: null,
};
const ci = signerOf("ci", [], { identities: [identity] });

/** A keyless seal that the log saw two days ago, whatever it says of its own time. */
function keyless(issuedAt: number) {
  const claim: LockfileClaim = {
    ...claimOf(newSigner("ci")),
    signer: { id: "ci", keyid: "", algorithm: "sigstore-keyless" },
    issuedAt,
  };
  const payload = encodeSealStatement({ kind: "approval", subject, claim }, verifier);
  const bundle = sigstore.mint({ content: { payload }, signer: githubBuild(), at: logged });
  const signature = Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
  const text = formatSealDocument(sealTypes.payload, payload, {
    signature,
    material: { kind: "sigstore", bundle },
  });
  return fileOf(payload, text);
}

const codeUnder = (reason: Revocation["reason"], since: number, issuedAt = logged): string | null => {
  const { file, bytes } = keyless(issuedAt);
  const root = rootOf([ci], { revoked: [{ keyid: null, signer: "ci", since, reason }] });
  return verifySeal(file, bytes, contextOf(), { root, secrets: new Map(), bundles }).code;
};

describe("K23: a revocation that begins at a time needs a trusted one to compare with", () => {
  it("superseded: what the log saw before still counts, what it saw later does not", () => {
    expect(codeUnder("superseded", logged + 1000)).toBeNull();
    expect(codeUnder("superseded", logged)).toBe("seal/revoked");
  });

  it("the seal's own time makes no difference: whoever has the key chooses it", () => {
    expect(codeUnder("superseded", logged, logged - 30 * day)).toBe("seal/revoked");
  });

  it("compromised: nothing counts, whenever the log saw it", () => {
    expect(codeUnder("compromised", logged + day)).toBe("seal/revoked");
  });
});

describe("a trusted time lies in the signer's validity too", () => {
  const codeWithin = (change: Partial<typeof ci>, issuedAt: number): string | null => {
    const { file, bytes } = keyless(issuedAt);
    const root = rootOf([{ ...ci, ...change }]);
    return verifySeal(file, bytes, contextOf(), { root, secrets: new Map(), bundles }).code;
  };

  it("whoever is not valid any more cannot go back to a day when they were", () => {
    expect(codeWithin({ validTo: logged - day }, logged - 2 * day)).toBe("seal/expired");
    expect(codeWithin({ validTo: logged + day }, logged)).toBeNull();
  });

  it("whoever is not valid yet cannot go ahead of their time", () => {
    expect(codeWithin({ validFrom: logged + day }, logged + day)).toBe("seal/not-yet-valid");
    expect(codeWithin({ validFrom: logged - day }, logged)).toBeNull();
  });
});
