import { describe, expect, it } from "vitest";
import { at, edited, later, makeKey, next, rootOf, signed, signerOf } from "../../test/trust-sample.ts";
import {
  createRoot,
  nextRoot,
  putSigner,
  removeSigner,
  revoke,
  rotateRoot,
  setNotBefore,
  type SignerEdit,
} from "./edit-root.ts";
import { nextTrusted } from "./follow-trust.ts";
import { readSignedRoot, rootBytes, type RootMetadata } from "./root-metadata.ts";
import { attachRootSignature, missingSignatures } from "./sign-root.ts";

const alice = makeKey();
const bob = makeKey("p256");
const release = makeKey();
const first = rootOf([alice], { signers: [signerOf("ci", release)] });
const add = (id: string, more: Partial<SignerEdit> = {}): SignerEdit => ({
  id,
  keys: [],
  identities: [],
  predicates: null,
  paths: null,
  refs: null,
  validFrom: null,
  validTo: null,
  verifierId: null,
  ...more,
});
const bytesOf = ({ document }: RootMetadata): Uint8Array => rootBytes(document.signed) ?? new Uint8Array();

describe("edits", () => {
  it("leave the version and everything else as it was, without signatures", () => {
    const { document, root } = edited(putSigner(next(first), add("bob", { keys: [bob.seal] })));
    expect(root.version).toBe(2);
    expect(document.signatures).toEqual([]);
    expect(root.signers.map(({ id, predicates, paths }) => [id, predicates, paths])).toEqual([
      ["ci", ["approval"], ["**"]],
      ["bob", ["approval"], ["**"]],
    ]);
  });

  it("give a signer that is there another key or scope, and keep the rest", () => {
    const scoped = edited(
      putSigner(first, add("ci", { keys: [bob.seal], paths: ["app/**"], validTo: later })),
    );
    expect(scoped.root.signers).toMatchObject([{ id: "ci", paths: ["app/**"], validTo: later }]);
    expect(scoped.root.signers[0]?.keys.map(({ keyid }) => keyid)).toEqual([
      release.seal.keyid,
      bob.seal.keyid,
    ]);
    const narrowed = edited(putSigner(scoped, add("ci", { refs: ["refs/heads/main"] })));
    expect(narrowed.root.signers).toMatchObject([{ paths: ["app/**"], refs: ["refs/heads/main"] }]);
  });

  it("add a keyless signer", () => {
    const identity = {
      issuer: "https://issuer.example",
      san: "https://forge.example/acme/app/.ci/release.yml@*",
      repositoryId: "42",
      ownerId: null,
    };
    expect(
      edited(putSigner(first, add("bot", { identities: [identity], predicates: ["summary"] }))).root
        .signers[1],
    ).toMatchObject({
      identities: [identity],
      predicates: ["summary"],
    });
  });

  it("refuse what a reader would refuse, in a sentence", () => {
    expect(putSigner(first, add("bob"))).toMatchObject({
      ok: false,
      detail: "signer bob has neither key nor identity",
    });
    expect(putSigner(first, add("bob", { keys: [release.seal] }))).toMatchObject({
      detail: expect.stringContaining("count twice") as string,
    });
    expect(putSigner(first, add("b b", { keys: [bob.seal] }))).toMatchObject({ ok: false });
    expect(removeSigner(first, "eve")).toMatchObject({ detail: "there is no signer eve; there are ci" });
    expect(rotateRoot(first, { add: [], remove: [alice.seal.keyid], threshold: null })).toMatchObject({
      ok: false,
    });
    expect(rotateRoot(first, { add: [], remove: ["ff"], threshold: null })).toMatchObject({
      detail: expect.stringContaining("ff is no root key") as string,
    });
    expect(rotateRoot(first, { add: [], remove: [], threshold: 2 })).toMatchObject({ ok: false });
    expect(
      createRoot({ rootKeys: [], threshold: 1, expires: later, repository: null, signers: [] }),
    ).toMatchObject({ ok: false });
    expect(nextRoot(rootOf([alice]), later)).toMatchObject({ ok: true });
  });

  it("take a signer's keys away with it, and keep those that a revocation names", () => {
    const gone = edited(removeSigner(first, "ci"));
    expect([...gone.keys.keys()]).toEqual([alice.seal.keyid]);
    const revoked = edited(
      revoke(first, { keyid: release.seal.keyid, signer: null, since: 0, reason: "compromised" }),
    );
    expect([...edited(removeSigner(revoked, "ci")).keys.keys()].toSorted()).toEqual(
      [alice.seal.keyid, release.seal.keyid].toSorted(),
    );
  });

  it("revoke a key or a signer that there is, once", () => {
    const since = at("2026-06-01T00:00:00Z");
    const signer = edited(revoke(first, { keyid: null, signer: "ci", since, reason: "superseded" }));
    expect(signer.root.revoked).toEqual([{ keyid: null, signer: "ci", since, reason: "superseded" }]);
    expect(revoke(signer, { keyid: null, signer: "ci", since, reason: "superseded" })).toMatchObject({
      ok: false,
    });
    expect(revoke(signer, { keyid: null, signer: "ci", since, reason: "compromised" }).ok).toBe(true);
    expect(revoke(first, { keyid: "ff", signer: null, since, reason: "compromised" })).toMatchObject({
      detail: "the trust store has no key ff",
    });
    expect(revoke(first, { keyid: null, signer: "eve", since, reason: "compromised" })).toMatchObject({
      ok: false,
    });
  });

  it("never bring old seals back", () => {
    const floor = edited(setNotBefore(first, "app/package-lock.json", at("2026-06-01T00:00:00Z")));
    expect(floor.root.notBefore.get("app/package-lock.json")).toBe(at("2026-06-01T00:00:00Z"));
    expect(setNotBefore(floor, "app/package-lock.json", at("2026-01-01T00:00:00Z"))).toMatchObject({
      ok: false,
    });
    expect(setNotBefore(first, "/etc/passwd", 0)).toMatchObject({ ok: false });
  });

  it("T18: are the same bytes however a root came about", () => {
    const one = edited(putSigner(first, add("bob", { keys: [bob.seal] })));
    const two = edited(putSigner(edited(removeSigner(one, "bob")), add("bob", { keys: [bob.seal] })));
    expect(signed(one, alice)).toEqual(signed(two, alice));
  });
});

describe("T9: a rotation by two people", () => {
  const pending = edited(
    rotateRoot(next(first), { add: [bob.seal], remove: [alice.seal.keyid], threshold: 1 }),
  );
  const trusted = (() => {
    const read = readSignedRoot(signed(first, alice));
    if (!read.ok) throw new Error(read.detail);
    return read.value;
  })();

  it("counts when the old key and the new one have signed, and says who is missing until then", () => {
    const needs = (metadata: RootMetadata): unknown =>
      missingSignatures(metadata, first).needs.map(({ version, missing }) => [version, missing]);
    expect(needs(pending)).toEqual([
      [1, [alice.seal.keyid]],
      [2, [bob.seal.keyid]],
    ]);
    const half = attachRootSignature(pending, first, bob.seal.keyid, bob.sign(bytesOf(pending)));
    if (!half.ok) throw new Error(half.detail);
    expect(needs(half.value)).toEqual([
      [1, [alice.seal.keyid]],
      [2, []],
    ]);
    expect(missingSignatures(half.value, first).complete).toBe(false);
    const whole = attachRootSignature(half.value, first, alice.seal.keyid, alice.sign(bytesOf(pending)));
    if (!whole.ok) throw new Error(whole.detail);
    expect(missingSignatures(whole.value, first).complete).toBe(true);
    expect(nextTrusted(trusted, signed(pending, alice, bob)).state).toBe("accepted");
    expect(nextTrusted(trusted, signed(pending, bob)).state).toBe("pending");
  });

  it("takes no signature of a stranger, of another document, or made up", () => {
    const eve = makeKey();
    for (const [keyid, signature] of [
      [eve.seal.keyid, eve.sign(bytesOf(pending))],
      [alice.seal.keyid, alice.sign(bytesOf(first))],
      [alice.seal.keyid, eve.sign(bytesOf(pending))],
      [alice.seal.keyid, new Uint8Array(64)],
    ] as const)
      expect(attachRootSignature(pending, first, keyid, signature)).toMatchObject({ ok: false });
  });
});
