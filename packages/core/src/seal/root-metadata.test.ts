import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  makeKey,
  next,
  rootOf,
  sha256,
  signed,
  signedForm,
  signerOf,
  type TestKey,
} from "../../test/trust-sample.ts";
import { nextTrusted } from "./follow-trust.ts";
import { formatRootDocument, readRootDocument } from "./root-document.ts";
import { readSignedRoot, type RootMetadata } from "./root-metadata.ts";

const alice = makeKey();
const bob = makeKey("p256");
const mallory = makeKey();
const release = makeKey();
const first = rootOf([alice], { signers: [signerOf("ci@acme", release)] });

/** The signed part with another value somewhere, signed again by who may sign. */
const changed = (change: object, ...keys: readonly TestKey[]): Buffer =>
  signedForm({ ...first.document.signed, ...change }, ...(keys.length === 0 ? [alice] : keys));

const pinned = (bytes: Uint8Array): RootMetadata => {
  const read = readSignedRoot(bytes);
  if (!read.ok) throw new Error(read.detail);
  return read.value;
};

describe("a root's file", () => {
  it("T18: is the same bytes for the same content, sorted, two spaces, a newline at the end", () => {
    const bytes = signed(rootOf([alice, release]), alice, release);
    expect(signed(rootOf([alice, release]), release, alice)).toEqual(bytes);
    const read = readRootDocument(bytes);
    expect(read.ok && formatRootDocument(read.value)).toBe(bytes.toString());
    expect(bytes.toString()).toMatch(/^\{\n {2}"signatures"[^]*\}\n$/);
  });

  it("says who may sign, under the digest of what is signed", () => {
    const bytes = signed(first, alice);
    const read = readSignedRoot(bytes);
    expect(read).toMatchObject({
      ok: true,
      value: {
        root: {
          version: 1,
          repository: null,
          signers: [{ id: "ci@acme", predicates: ["approval"], paths: ["**"], refs: [] }],
          root: { keyids: [alice.seal.keyid], threshold: 1 },
        },
      },
    });
    expect(read.ok && read.value.root.digest.hex).toMatch(/^[0-9a-f]{64}$/);
    expect(read.ok && read.value.root.digest.hex).not.toBe(sha256(bytes));
  });

  it("keeps fields that it does not know, and they are signed", () => {
    const bytes = changed({ contact: "security@acme.example" });
    expect(readSignedRoot(bytes).ok).toBe(true);
    expect(readSignedRoot(Buffer.from(bytes.toString().replace("security@", "mallory@")))).toMatchObject({
      ok: false,
      code: "trust/threshold",
    });
    const again = next(pinned(bytes));
    expect(again.document.signed["contact"]).toBe("security@acme.example");
  });

  it("T20: of an unknown version is refused, and says what to do", () => {
    expect(readSignedRoot(changed({ spec_version: "2.0.0" }))).toMatchObject({
      code: "trust/malformed",
      detail: expect.stringContaining("update countersign") as string,
    });
    const kind = structuredClone(first.document.signed) as { keys: Record<string, object> };
    kind.keys["0".repeat(64)] = { keytype: "ml-dsa", scheme: "ml-dsa-65", keyval: { public: "00" } };
    expect(readSignedRoot(signedForm(kind, alice))).toMatchObject({ code: "trust/malformed" });
  });

  const broken: readonly (readonly [string, string | Buffer])[] = [
    ["10 MB", Buffer.alloc(10 * 1024 * 1024, 0x20)],
    ["a BOM", `\u{feff}${signed(first, alice).toString()}`],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["one key twice", signed(first, alice).toString().replace('"version": 1', '"version": 2, "version": 1')],
    ["deep nesting", `${"[".repeat(100)}${"]".repeat(100)}`],
    [
      "something unsigned beside",
      signed(first, alice).toString().replace('"signatures"', '"x": 1, "signatures"'),
    ],
    ["no JSON", "root"],
    ["a list", "[]"],
    ["__proto__ for all", '{"__proto__": {"signed": {}, "signatures": []}}'],
    [
      "two signatures of one key",
      (() => {
        const { signed: form } = first.document;
        const sig = (text: string): object => ({ keyid: alice.seal.keyid, sig: text });
        return JSON.stringify({ signed: form, signatures: [sig("00"), sig("01")] });
      })(),
    ],
    [
      "half a surrogate pair",
      JSON.stringify({ signed: { ...first.document.signed, note: "\ud800" }, signatures: [] }),
    ],
  ];
  it.each(broken)("with %s is malformed", (_, content) => {
    expect(readSignedRoot(Buffer.from(content))).toMatchObject({ ok: false, code: "trust/malformed" });
  });

  const [key] = first.root.root.keyids as [string];
  const roles = (role: object): object => ({
    roles: Object.fromEntries(["root", "snapshot", "targets", "timestamp"].map((name) => [name, role])),
  });
  const signer = (change: object): object => ({
    signers: [{ id: "a", keyids: [release.seal.keyid], predicates: ["approval"], paths: ["**"], ...change }],
  });
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ["a version of 0", { version: 0 }, /version is 0/],
    ["a fraction of a version", { version: 1.5 }, /version is 1.5/],
    ["version 1001", { version: 1001 }, /bound is 1000/],
    ["a number that is not whole", { x: 0.5 }, /not whole/],
    ["another type", { _type: "targets" }, /\broot\b/],
    ["a day without a time", { expires: "2030-01-01" }, /expires is "2030-01-01"/],
    ["a threshold of 0", roles({ keyids: [key], threshold: 0 }), /threshold/],
    [
      "a threshold over its keys",
      roles({ keyids: [key], threshold: 2 }),
      /threshold is 2 of 1 keys; lower it to 1/,
    ],
    ["half a threshold", roles({ keyids: [key], threshold: 0.5 }), /threshold/],
    ["a root key that is not there", roles({ keyids: ["ff"], threshold: 1 }), /"ff" is not among keys/],
    ["one root key listed twice", roles({ keyids: [key, key], threshold: 2 }), /duplicate/],
    ["a missing role", { roles: { root: { keyids: [key], threshold: 1 } } }, /roles are not exactly/],
    ["a signer's unknown field", signer({ until: "2030" }), /"until", which this version does not know/],
    ["a signer's wrong id", signer({ id: "a b" }), /"a b" is no id/],
    ["a signer without keys", signer({ keyids: [] }), /signer a has neither key nor identity/],
    ["a signer with a foreign key", signer({ keyids: ["ff"] }), /"ff", which is not among keys/],
    ["an unknown predicate", signer({ predicates: ["release"] }), /approval or summary/],
    ["no predicate", signer({ predicates: [] }), /could sign nothing/],
    ["no path", signer({ paths: undefined }), /paths is missing/],
    ["paths that only exclude", signer({ paths: ["!a"] }), /only exclusions/],
    [
      "a validity that ends before it starts",
      signer({ validFrom: "2027-01-01T00:00:00Z", validTo: "2026-01-01T00:00:00Z" }),
      /which is not later/,
    ],
    ["a time of no zone", signer({ validTo: "2026-01-01T00:00:00" }), /signer a: validTo is/],
    [
      "an identity of anybody",
      signer({ keyids: [], identities: [{ issuer: "https://i.example", san: "*" }] }),
      /anybody/,
    ],
    [
      "an identity with an unknown field",
      signer({ identities: [{ issuer: "https://i.example", san: "a@b.example", subject: "x" }] }),
      /"subject"/,
    ],
    ["signers in an object", { signers: {} }, /signers is an object/],
    [
      "1001 revocations",
      {
        revoked: Array.from({ length: 1001 }, () => ({
          keyid: key,
          reason: "compromised",
          since: "2026-01-01T00:00:00Z",
        })),
      },
      /at most 1000/,
    ],
    [
      "a revocation of nothing",
      { revoked: [{ reason: "compromised", since: "2026-01-01T00:00:00Z" }] },
      /exactly one/,
    ],
    [
      "a revocation for no reason",
      { revoked: [{ keyid: key, since: "2026-01-01T00:00:00Z" }] },
      /reason is nothing/,
    ],
    ["notBefore of a path outside", { notBefore: { "../a": "2026-01-01T00:00:00Z" } }, /no path/],
    [
      "a repository's address that no claim has",
      { repository: "https://forge.example/acme/app.git" },
      /repository is/,
    ],
    ["a repository that is no address", { repository: "acme/app" }, /repository is "acme\/app"/],
  ];
  it.each(wrong)("with %s is malformed, exactly so", (_, change, detail) => {
    expect(readSignedRoot(changed(change))).toMatchObject({
      ok: false,
      code: "trust/malformed",
      detail: expect.stringMatching(detail) as string,
    });
  });

  it("with more keys than the bound is refused before it costs anything", () => {
    const keys = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [String(index), {}]));
    const started = performance.now();
    expect(readSignedRoot(changed({ keys }))).toMatchObject({
      detail: expect.stringContaining("9000 keys") as string,
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("gives one person one voice: one key under two ids, or of two signers, is refused", () => {
    const twin = structuredClone(first.document.signed) as { keys: Record<string, unknown> };
    twin.keys["ab".repeat(32)] = twin.keys[alice.seal.keyid];
    expect(readSignedRoot(signedForm(twin, alice))).toMatchObject({
      code: "trust/malformed",
      detail: expect.stringContaining(`has the id ${alice.seal.keyid}`) as string,
    });
    const upper = structuredClone(first.document.signed) as {
      keys: Record<string, { keyval: { public: string } }>;
    };
    const form = structuredClone(upper.keys[alice.seal.keyid]) as { keyval: { public: string } };
    form.keyval.public = form.keyval.public.toUpperCase();
    upper.keys["cd".repeat(32)] = form;
    expect(readSignedRoot(signedForm(upper, alice))).toMatchObject({ code: "trust/malformed" });
    const both = changed({
      signers: ["a", "b"].map((id) => ({
        id,
        keyids: [release.seal.keyid],
        predicates: ["approval"],
        paths: ["**"],
      })),
    });
    expect(readSignedRoot(both)).toMatchObject({ detail: expect.stringContaining("count twice") as string });
  });

  it("in which any place is changed says what was signed, or nothing", () => {
    const text = signed(first, alice).toString();
    const digest = pinned(Buffer.from(text)).root.digest.hex;
    const edit = fc.record({
      at: fc.nat(text.length - 1),
      cut: fc.nat(4),
      put: fc.constantFrom(
        "",
        "0",
        "1",
        '"',
        "\\",
        "{}",
        "[]",
        "null",
        ",",
        "\u0000",
        '"__proto__":{},',
        '"x":1,',
        "-",
        "e9",
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const changed = edits.reduce(
          (each, { at, cut, put }) => each.slice(0, at) + put + each.slice(at + cut),
          text,
        );
        const read = readSignedRoot(Buffer.from(changed));
        expect(read.ok ? read.value.root.digest.hex : digest).toBe(digest);
      }),
      { numRuns: Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300) },
    );
  });

  it("that its own keys have not signed is trusted by nobody", () => {
    expect(readSignedRoot(signed(first, mallory))).toMatchObject({
      code: "trust/threshold",
      detail: "0 of 1 root keys have signed it",
    });
    expect(readSignedRoot(signed(rootOf([alice, bob]), bob))).toMatchObject({
      detail: "1 of 2 root keys have signed it",
    });
  });
});

describe("T9: the next version", () => {
  const start = pinned(signed(first, alice));
  const two = pinned(signed(rootOf([alice, bob]), alice, bob));

  it("follows when the keys of both have signed it", () => {
    expect(nextTrusted(start, signed(next(start), alice))).toMatchObject({
      state: "accepted",
      value: { root: { version: 2 } },
    });
    expect(nextTrusted(two, signed(next(two), bob, alice)).state).toBe("accepted");
  });

  it("waits for the threshold of the version before it", () => {
    expect(nextTrusted(start, signed(next(start), mallory))).toMatchObject({
      state: "pending",
      code: "trust/threshold",
    });
    expect(nextTrusted(two, signed(next(two), alice))).toMatchObject({
      state: "pending",
      detail: "1 of 2 root keys of version 1 have signed it",
    });
  });

  it("waits for its own threshold", () => {
    const rotated = rootOf([bob]).document.signed;
    const form = { ...rotated, version: 2 };
    expect(nextTrusted(start, signedForm(form, alice))).toMatchObject({
      state: "pending",
      detail: "0 of 1 of its own root keys have signed it",
    });
    expect(nextTrusted(start, signedForm(form, alice, bob)).state).toBe("accepted");
    expect(nextTrusted(start, signedForm(form, bob)).state).toBe("pending");
  });

  it("counts a key once, however often its signature stands there", () => {
    const { signed: form } = next(two).document;
    const file = JSON.parse(signedForm(form, alice).toString()) as { signatures: object[] };
    file.signatures.push(...file.signatures, ...file.signatures);
    expect(nextTrusted(two, Buffer.from(JSON.stringify(file)))).toMatchObject({
      state: "pending",
      code: "trust/threshold",
    });
  });

  it("counts a key once under two ids: the second id is none of the root's", () => {
    const { signed: form } = next(two).document;
    const file = JSON.parse(signedForm(form, alice).toString()) as {
      signatures: { keyid: string; sig: string }[];
    };
    file.signatures.push({ keyid: bob.seal.keyid, sig: file.signatures[0]?.sig ?? "" });
    expect(nextTrusted(two, Buffer.from(JSON.stringify(file))).state).toBe("pending");
  });

  it("counts a signature for the bytes it is over, not for another version's", () => {
    const old = JSON.parse(signed(first, alice).toString()) as { signatures: object[] };
    const file = { signed: next(start).document.signed, signatures: old.signatures };
    expect(nextTrusted(start, Buffer.from(JSON.stringify(file))).state).toBe("pending");
  });

  it("is refused when enough keys signed it and it is wrong all the same", () => {
    const form = next(start).document.signed;
    const cases: readonly (readonly [object, string])[] = [
      [{ version: 3 }, "trust/version-gap"],
      [{ version: 1 }, "trust/rollback"],
      [{ signers: [{ id: "x" }] }, "trust/malformed"],
      [{ spec_version: "2.0.0" }, "trust/malformed"],
    ];
    for (const [change, code] of cases)
      expect(nextTrusted(start, signedForm({ ...form, ...change }, alice))).toMatchObject({
        state: "refused",
        code,
      });
  });

  it("may come after a version that has expired", () => {
    const old = pinned(signed(rootOf([alice], { expires: 0 }), alice));
    expect(nextTrusted(old, signed(next(old), alice)).state).toBe("accepted");
  });

  it("is litter when it is no root, whatever it holds", () => {
    for (const litter of [
      "",
      "{}",
      "null",
      '{"signed":{},"signatures":[]}',
      '{"signed":{"__proto__":1},"signatures":[]}',
      "x".repeat(2_000_000),
    ])
      expect(nextTrusted(start, Buffer.from(litter)).state).toBe("pending");
  });
});
