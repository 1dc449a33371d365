import { describe, expect, it } from "vitest";
import { now, policyOf } from "../../test/decision.ts";
import { alice, bob, day, hmacSeal, rootOf, signerOf } from "../../test/sealing.ts";
import { missingApproval } from "./missing-approval.ts";
import type { SealSigner, TrustRoot } from "./trust-root.ts";

const fixOf = (root: TrustRoot | null, threshold = 1, path = "package-lock.json"): string | undefined =>
  missingApproval(
    [],
    [],
    policyOf(`mode: strict
require: [{ names: ["**"], level: locked }]
groups: { maintainers: [alice, bob] }
seal: { approval: { threshold: ${threshold}, signers: [maintainers] } }`),
    { path, root, refused: false, approvedAtBase: [], now },
  )[0]?.fix;
const withAlice = (change: Partial<SealSigner>, more: Partial<TrustRoot> = {}): TrustRoot =>
  rootOf([signerOf("alice", [alice.key], change), signerOf("bob", [bob.key])], more);
const revoked = (keyid: string | null, signer: string | null): TrustRoot["revoked"] => [
  { keyid, signer, since: now - day, reason: "superseded" },
];

describe("who is asked for a missing approval", () => {
  it("whoever can approve", () => {
    expect(fixOf(withAlice({}))).toMatch(/^Have 1 of alice, bob review/);
    expect(fixOf(withAlice({}), 2)).toMatch(/^Have alice and bob review/);
    expect(fixOf(null)).toMatch(/^Start a trust store .*, then have 1 of alice, bob review/);
  });

  it.each([
    ["whose key is revoked", withAlice({}, { revoked: revoked(alice.key.keyid, null) })],
    ["who is revoked", withAlice({}, { revoked: revoked(null, "alice") })],
    ["who is not valid any more", withAlice({ validTo: now })],
    ["who may only sign summaries", withAlice({ predicates: ["summary"] })],
    ["whom the trust store does not know", rootOf([signerOf("bob", [bob.key])])],
  ])("nobody %s", (_, root) => {
    expect(fixOf(root)).toMatch(/^Have bob review/);
    expect(fixOf(root, 2)).toMatch(
      /^Of alice, bob only bob can approve under version 1 of the trust store\./,
    );
  });

  it("nobody with a shared secret alone where two must approve", () => {
    const { key } = hmacSeal("alice", "SECRET", Buffer.alloc(32, 7));
    const root = rootOf([signerOf("alice", [key]), signerOf("bob", [bob.key])]);
    expect(fixOf(root)).toMatch(/^Have 1 of alice, bob review/);
    expect(fixOf(root, 2)).toMatch(/^Of alice, bob only bob can approve/);
  });

  it("with a command that survives a shell", () => {
    expect(fixOf(withAlice({}), 1, "my app/uv.lock")).toMatch(/--lockfile 'my app\/uv\.lock'$/);
  });
});
