import { Buffer } from "node:buffer";
import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyEdit, mutate } from "../../test/mutation.ts";
import {
  alice,
  bob,
  claimOf,
  contextOf,
  day,
  everybody,
  fileOf,
  issued,
  minute,
  newSigner,
  rootOf,
  sealOf,
  sealOver,
  sha256,
  signerOf,
  subject,
  trustOf,
  verifier,
  type SealFile,
} from "../../test/sealing.ts";
import { now } from "../../test/decision.ts";
import { sealTypes } from "./claim.ts";
import { decodeSealStatement, encodeSealStatement } from "./statement.ts";
import type { SealVerdict } from "./verdict.ts";
import { sealChecks } from "./verdict.ts";
import { verifySeal, type SealContext } from "./verify-seal.ts";

const verify = (seal: SealFile, context: Partial<SealContext> = {}, trust = trustOf()): SealVerdict =>
  verifySeal(seal.file, seal.bytes, contextOf(context), trust);
const failing = ({ claims }: SealVerdict): string | undefined =>
  claims.find(({ status }) => status === "fail")?.name;

describe("a seal that counts", () => {
  it("T1 T2: approval and summary, by an Ed25519 and a P-256 key, with every check passed", () => {
    for (const signer of [alice, bob]) {
      for (const kind of ["approval", "summary"] as const) {
        const verdict = verify(sealOf(signer, kind));
        expect(verdict).toMatchObject({
          outcome: "verified",
          code: null,
          kind,
          signer: { id: signer.id, keyid: signer.key.keyid, algorithm: signer.key.algorithm },
          issuedAt: issued,
          trustedTime: null,
        });
        const skipped = kind === "approval" ? ["policy"] : [];
        expect(verdict.claims.map(({ name }) => name)).toEqual([...sealChecks]);
        expect(verdict.claims.filter(({ status }) => status !== "pass").map(({ name }) => name)).toEqual(
          skipped,
        );
      }
    }
  });

  it("F16: the payload is in RFC 8785 form, so one claim has one digest", () => {
    const { payload } = sealOf(alice, "summary");
    expect(payload.toString()).toBe(canonicalize(JSON.parse(payload.toString())));
  });

  it("F17: signer and time are part of what is signed", () => {
    const claim = claimOf(alice);
    const payloads = [
      claim,
      { ...claim, issuedAt: claim.issuedAt + 1000 },
      { ...claim, signer: { ...claim.signer, id: "mallory" } },
    ].map((each) =>
      encodeSealStatement({ kind: "approval", subject, claim: each }, verifier).toString("hex"),
    );
    expect(new Set(payloads).size).toBe(3);
  });

  it("decodes what it encodes", () => {
    for (const kind of ["approval", "summary"] as const) {
      const claim = claimOf(alice, { expires: now + day, ref: null, trust: null, baseCommit: null });
      const read = decodeSealStatement(encodeSealStatement({ kind, subject, claim }, verifier));
      expect(read).toMatchObject({ ok: true, value: { kind, subject, claim } });
    }
  });

  it("a summary is a SLSA VSA v1 with the claim as its extension", () => {
    const statement: unknown = JSON.parse(sealOf(alice, "summary").payload.toString());
    expect(statement).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://slsa.dev/verification_summary/v1",
      predicate: {
        verifier: { id: verifier },
        resourceUri: "git+https://forge.example/acme/app@refs/heads/main#app/package-lock.json",
        verificationResult: "PASSED",
        verifiedLevels: ["COUNTERSIGN_STRICT"],
        dependencyLevels: { COUNTERSIGN_LOCKED: 1, COUNTERSIGN_SIGNED: 1, COUNTERSIGN_PROVENANCE: 1 },
        [sealTypes.extension]: { signer: { id: "alice" } },
      },
    });
  });
});

/** A payload of one member changed, signed by its own signer. */
function resigned(
  change: (statement: Record<string, object>) => unknown,
  kind: "approval" | "summary" = "approval",
): SealFile {
  const statement = JSON.parse(sealOf(alice, kind).payload.toString()) as Record<string, object>;
  return sealOver(alice, Buffer.from(canonicalize(change(statement)) as string));
}

describe("the signature comes first, and nothing is read before it", () => {
  it("T5: a changed byte of the payload", () => {
    const seal = sealOf(alice);
    const text = seal.bytes.toString();
    const payload = Buffer.from(seal.payload.toString().replace('"packages":3', '"packages":4'));
    const changed = fileOf(
      payload,
      text.replace(seal.payload.toString("base64"), payload.toString("base64")),
    );
    const verdict = verify(changed);
    expect(verdict).toMatchObject({
      outcome: "failed",
      code: "seal/signature-invalid",
      signer: null,
      statement: null,
    });
    expect(verdict.claims.filter(({ status }) => status === "skipped")).toHaveLength(sealChecks.length - 1);
  });

  it("a key that the trust store does not have, even under a known id", () => {
    const mallory = newSigner("alice");
    expect(verify(sealOf(mallory)).code).toBe("seal/key-unknown");
    const posing = { ...mallory, key: { ...mallory.key, keyid: alice.key.keyid } as typeof mallory.key };
    expect(verify(sealOf(posing)).code).toBe("seal/signature-invalid");
  });

  it("a file whose name is not its payload's digest, so that one claim is one file", () => {
    const seal = sealOf(alice);
    const renamed = { ...seal, file: seal.file.replace(/[0-9a-f]{64}\.json$/, `${"0".repeat(64)}.json`) };
    expect(verify(renamed)).toMatchObject({ code: "seal/malformed", signer: null });
  });

  it("another payload type, though well signed", () => {
    const seal = sealOver(alice, sealOf(alice).payload, "text/plain");
    expect(verify(seal)).toMatchObject({ code: "seal/payload-type" });
    expect(failing(verify(seal))).toBe("payload-type");
  });

  it("a key twice in the payload", () => {
    const text = sealOf(alice).payload.toString();
    const seal = sealOver(alice, Buffer.from(text.replace('"packages":3', '"packages":3,"packages":9999')));
    expect(verify(seal).code).toBe("seal/statement-malformed");
  });

  it.each([
    ["no statement", "[]"],
    ["not UTF-8", Buffer.of(0x7b, 0xff, 0x7d)],
    ["depth", "[".repeat(100_000)],
  ])("%s", (_, payload) => {
    expect(verify(sealOver(alice, Buffer.from(payload))).code).toBe("seal/statement-malformed");
  });

  it("another predicate", () => {
    const seal = resigned((statement) => ({ ...statement, predicateType: "https://slsa.dev/provenance/v1" }));
    expect(verify(seal)).toMatchObject({ code: "seal/predicate-unknown" });
    expect(failing(verify(seal))).toBe("predicate");
  });

  it("two subjects: any of them would do for somebody", () => {
    const seal = resigned(({ subject: own, ...rest }) => ({
      ...rest,
      subject: [...(own as unknown[]), ...(own as unknown[])],
    }));
    expect(verify(seal).code).toBe("seal/statement-malformed");
  });

  it.each([
    ["timeVerified", "2026-01-01T00:00:00Z"],
    ["policy", { uri: "x", digest: { sha256: "0".repeat(64) } }],
  ])("a summary whose %s contradicts its extension", (name, value) => {
    const seal = resigned(
      ({ predicate, ...rest }) => ({ ...rest, predicate: { ...predicate, [name]: value } }),
      "summary",
    );
    expect(verify(seal).code).toBe("seal/statement-malformed");
  });

  it("never throws, and never counts once anything that is signed has changed", () => {
    const { bytes, payload } = sealOf(bob, "summary");
    fc.assert(
      fc.property(fc.array(anyEdit, { minLength: 1, maxLength: 3 }), fc.boolean(), (edits, inside) => {
        const text = inside ? payload.toString() : bytes.toString();
        const changed = JSON.stringify(edits.reduce(mutate, JSON.parse(text) as unknown));
        if (inside && changed === text) return;
        const seal = inside
          ? fileOf(
              Buffer.from(changed),
              bytes.toString().replace(payload.toString("base64"), Buffer.from(changed).toString("base64")),
            )
          : fileOf(payload, changed);
        const { outcome } = verify(seal);
        if (inside) expect(outcome).toBe("failed");
      }),
    );
  });
});

describe("what a seal is held against", () => {
  it("one byte, order, line breaks of the lockfile: other bytes", () => {
    expect(verify(sealOf(alice), { subject: { ...subject, digest: sha256("other") } })).toMatchObject({
      code: "seal/subject-mismatch",
    });
  });

  it("T10: claims name what was expected and what was found", () => {
    const verdict = verify(sealOf(alice), { subject: { ...subject, path: "other/package-lock.json" } });
    expect(verdict.claims.find(({ name }) => name === "subject")).toEqual({
      name: "subject",
      status: "fail",
      code: "seal/subject-mismatch",
      expected: "other/package-lock.json",
      actual: "app/package-lock.json",
    });
  });

  it("another repository, none, or one where nobody knows which this is", () => {
    expect(verify(sealOf(alice), { repository: "https://forge.example/acme/other" }).code).toBe(
      "seal/repository-mismatch",
    );
    expect(verify(sealOf(alice, "approval", { repository: null })).code).toBe("seal/repository-mismatch");
    expect(verify(sealOf(alice), { repository: null }).code).toBe("seal/repository-mismatch");
    expect(verify(sealOf(alice, "approval", { repository: null }), { repository: null }).code).toBeNull();
  });

  it("a summary whose resourceUri is another than its parts", () => {
    const seal = resigned(
      ({ predicate, ...rest }) => ({
        ...rest,
        predicate: {
          ...predicate,
          resourceUri: "git+https://forge.example/acme/other#package-lock.json",
        },
      }),
      "summary",
    );
    expect(verify(seal).code).toBe("seal/repository-mismatch");
  });

  it("another ref, where the ref is asked for", () => {
    const seal = sealOf(alice, "approval", { ref: "refs/heads/dev" });
    expect(verify(seal).code).toBe("seal/ref-mismatch");
    expect(verify(seal, { ref: null }).code).toBeNull();
  });

  it("files of the closure that changed, came or went", () => {
    const now2 = (change: readonly { name: string; text: string }[]) => () =>
      change.map(({ name, text }) => ({ name, digest: sha256(text) }));
    const npmrc = { name: "app/.npmrc", text: "registry" };
    const manifest = { name: "app/package.json", text: "{}" };
    for (const files of [
      [{ ...npmrc, text: "registry=https://evil.example/" }, manifest],
      [manifest],
      [{ name: "app/.npm-extension.mjs", text: "evil" }, npmrc, manifest],
    ])
      expect(verify(sealOf(alice), { closure: now2(files) })).toMatchObject({ code: "seal/closure-changed" });
    expect(verify(sealOf(alice), { closure: now2([npmrc, manifest]) }).code).toBeNull();
  });

  it("asks for the files that were sealed, and only when the rest holds", () => {
    const asked: string[][] = [];
    const closure = (names: readonly string[]) => {
      asked.push([...names]);
      return [];
    };
    verify(sealOf(newSigner("mallory")), { closure });
    expect(asked).toEqual([]);
    verify(sealOf(alice), { closure });
    expect(asked).toEqual([["app/.npmrc", "app/package.json"]]);
  });

  it("asks for none where a key is revoked, expired, or of another policy: its holder would choose what is read", () => {
    let asked = 0;
    const closure = () => {
      asked += 1;
      return [];
    };
    const revoked = { keyid: null, signer: "alice", since: now, reason: "compromised" } as const;
    const trust = trustOf({ ...everybody, revoked: [revoked] });
    expect(verify(sealOf(alice), { closure }, trust).code).toBe("seal/revoked");
    expect(verify(sealOf(alice, "summary", { expires: now - day }), { closure }).code).toBe("seal/expired");
    expect(verify(sealOf(alice, "summary"), { closure, policy: sha256("other") }).code).toBe(
      "seal/policy-mismatch",
    );
    expect(asked).toBe(0);
  });

  it("a summary under another policy; an approval does not depend on it", () => {
    const change = { policy: sha256("looser") };
    expect(verify(sealOf(alice, "summary"), change).code).toBe("seal/policy-mismatch");
    expect(verify(sealOf(alice, "approval"), change).code).toBeNull();
  });
});

describe("who may sign what", () => {
  const only = (change: Parameters<typeof signerOf>[2]) =>
    trustOf(rootOf([signerOf("alice", [alice.key], change)]));
  it.each([
    ["predicate", { predicates: ["summary"] as const }],
    ["path", { paths: ["other/**"] }],
    ["excluded path", { paths: ["**", "!app/**"] }],
    ["ref", { refs: ["refs/heads/release/*"] }],
  ])("a signer not for this %s", (_, change) => {
    expect(verify(sealOf(alice), {}, only(change))).toMatchObject({ code: "seal/signer-scope" });
  });

  it("a claim that names another signer, key or algorithm than made it", () => {
    const own = claimOf(alice).signer;
    for (const signer of [
      { ...own, id: "bob" },
      { ...own, keyid: bob.key.keyid },
      { ...own, algorithm: "hmac-sha256" as const },
    ])
      expect(verify(sealOf(alice, "approval", { signer })).code).toBe("seal/signer-scope");
  });

  it("a verifier that is not the signer's", () => {
    expect(verify(sealOf(alice, "summary"), {}, only({ verifierId: "https://other.example" })).code).toBe(
      "seal/verifier-mismatch",
    );
    expect(verify(sealOf(alice, "summary"), {}, only({ verifierId: verifier })).code).toBeNull();
  });

  it("a summary that did not pass", () => {
    const seal = resigned(
      ({ predicate, ...rest }) => ({
        ...rest,
        predicate: { ...predicate, verificationResult: "FAILED" },
      }),
      "summary",
    );
    expect(verify(seal).code).toBe("seal/verifier-mismatch");
  });
});

describe("times", () => {
  it("expired, without an end, from the future; five minutes of skew are allowed", () => {
    expect(verify(sealOf(alice, "summary", { expires: now - 1000 })).code).toBe("seal/expired");
    expect(verify(sealOf(alice, "summary", { expires: null })).code).toBe("seal/expired");
    expect(verify(sealOf(alice, "approval", { issuedAt: now + 6 * minute })).code).toBe("seal/not-yet-valid");
    expect(verify(sealOf(alice, "approval", { issuedAt: now + 4 * minute })).code).toBeNull();
  });

  it("outside of the signer's validity", () => {
    const within = (change: Parameters<typeof signerOf>[2]) =>
      verify(sealOf(alice), {}, trustOf(rootOf([signerOf("alice", [alice.key], change)]))).code;
    expect(within({ validFrom: issued + 1000 })).toBe("seal/not-yet-valid");
    expect(within({ validTo: issued })).toBe("seal/expired");
    expect(within({ validFrom: issued, validTo: issued + 1000 })).toBeNull();
  });

  it("before the trust store's floor for this path", () => {
    const floor = (path: string) => trustOf({ ...everybody, notBefore: new Map([[path, issued + 1000]]) });
    expect(verify(sealOf(alice), {}, floor(subject.path)).code).toBe("seal/rollback");
    expect(verify(sealOf(alice), {}, floor("other/package-lock.json")).code).toBeNull();
  });
});

describe("revocation", () => {
  const revoked = (
    reason: "superseded" | "compromised",
    by: { keyid: string | null; signer: string | null },
  ) =>
    verify(sealOf(alice), {}, trustOf({ ...everybody, revoked: [{ ...by, since: now + day, reason }] })).code;
  it.each(["superseded", "compromised"] as const)(
    "a plain key that is %s loses all that it signed: only its holder says when that was",
    (reason) => {
      expect(revoked(reason, { keyid: alice.key.keyid, signer: null })).toBe("seal/revoked");
      expect(revoked(reason, { keyid: null, signer: "alice" })).toBe("seal/revoked");
      expect(revoked(reason, { keyid: bob.key.keyid, signer: null })).toBeNull();
    },
  );
});
