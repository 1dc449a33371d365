import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { createSigningKey, createSigstore, githubBuild } from "@countersign/testkit";
import { describe, expect, it } from "vitest";
import { anyEdit, mutate } from "../../test/mutation.ts";
import { documentOf, sealKeyPair, signedBy, statement } from "../../test/seal-keys.ts";
import { formatSealDocument, readSealDocument, sealFileBytes } from "./seal-document.ts";
import type { Signed } from "./signer.ts";

const type = "application/vnd.in-toto+json";
const sigstore = createSigstore();
const at = Date.UTC(2026, 10, 1);
const keyless = sigstore.mint({ content: { payload: statement }, signer: githubBuild(), at });
const logged = sigstore.mint({
  content: { payload: statement },
  signer: { key: createSigningKey("P-256"), hint: "the-key" },
  at,
});
const hmac: Signed = { signature: Buffer.alloc(32, 9), material: { kind: "hmac", keyid: "ab".repeat(32) } };
const bundled = (bundle: typeof keyless): Signed => ({
  signature: Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? "", "base64"),
  material: { kind: "sigstore", bundle },
});
const samples: Readonly<Record<string, Signed>> = {
  key: signedBy(sealKeyPair("ed25519")),
  ssh: signedBy(sealKeyPair("sshsig-ed25519")),
  hmac,
  certificate: bundled(keyless),
  "key with log entries": bundled(logged),
};
const textOf = (signed: Signed): string => formatSealDocument(type, statement, signed);
const parsed = (signed: Signed): Record<string, unknown> =>
  JSON.parse(textOf(signed)) as Record<string, unknown>;
const read = (value: unknown): ReturnType<typeof readSealDocument> =>
  readSealDocument(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
const detailOf = (value: unknown): string => {
  const result = read(value);
  return result.ok ? "read" : `${result.code}: ${result.detail}`;
};
type Envelope = { payloadType: string; payload: string; signatures: { keyid?: string; sig: string }[] };
const envelopeOf = (document: Record<string, unknown>): Envelope => document["dsseEnvelope"] as Envelope;

describe.each(Object.entries(samples))("T10: the document of a signature by %s", (name, signed) => {
  it("carries payload, type, signature and hint, and is written alike every time", () => {
    const document = documentOf(signed);
    const { material } = signed;
    expect(document.payloadType).toBe(type);
    expect(document.payload.equals(statement)).toBe(true);
    expect(document.signature.equals(signed.signature)).toBe(true);
    if (material.kind !== "sigstore") expect(document.keyid).toBe(material.keyid);
    expect(document.kind).toBe(
      name === "certificate"
        ? "sigstore-certificate"
        : name.startsWith("key")
          ? "sigstore-key"
          : material.kind,
    );
    const again: Signed = {
      signature: document.signature,
      material:
        material.kind === "sigstore"
          ? { kind: "sigstore", bundle: document.bundle }
          : { ...material, keyid: document.keyid },
    };
    expect(formatSealDocument(document.payloadType, document.payload, again)).toBe(textOf(signed));
  });

  it("is JSON with sorted keys, two spaces and a newline", () => {
    const text = textOf(signed);
    expect(text.startsWith('{\n  "dsseEnvelope": {\n    "payload": ')).toBe(true);
    expect(text.endsWith("\n}\n")).toBe(true);
  });

  it("has one signature: none and two are refused", () => {
    for (const count of [0, 2]) {
      const document = parsed(signed);
      const envelope = envelopeOf(document);
      envelope.signatures = Array<Envelope["signatures"][0]>(count).fill(envelope.signatures[0] as never);
      expect(detailOf(document)).toMatch(/seal\/malformed.*one signature|seal\/malformed.*at most 1/);
    }
  });

  it("has no key twice, at the top or inside", () => {
    const text = textOf(signed);
    const payload = `"payload": "${statement.toString("base64")}"`;
    expect(text).toContain(payload);
    expect(detailOf(text.replace(payload, `${payload}, ${payload}`))).toMatch(/seal\/malformed.*twice/);
    expect(detailOf(text.replace(payload, `${payload}, "\\u0070ayload": "e30="`))).toMatch(/twice/);
    expect(detailOf(text.replace("{", '{"mediaType": "x",'))).toMatch(/twice/);
  });

  it.each(["payload", "sig"])("has canonical base64 in %s", (field) => {
    for (const spoil of [
      (text: string) => `${text.slice(0, 8)}\n${text.slice(8)}`,
      (text: string) => text.replace(/=*$/, ""),
      (text: string) => `${text}====`,
      (text: string) => text.replaceAll("A", "A ").trim().padEnd(text.length, " "),
      () => "AB==",
      () => "!!!!",
      () => "",
      () => 7 as never,
    ]) {
      const document = parsed(signed);
      const envelope = envelopeOf(document);
      if (field === "payload") envelope.payload = spoil(envelope.payload);
      else (envelope.signatures[0] as { sig: string }).sig = spoil(envelope.signatures[0]?.sig ?? "");
      const spoilt = JSON.stringify(document) !== JSON.stringify(parsed(signed));
      if (spoilt) expect(detailOf(document)).toMatch(/seal\/malformed/);
    }
  });

  it("never throws, whatever is changed in it", () => {
    fc.assert(
      fc.property(fc.array(anyEdit, { minLength: 1, maxLength: 4 }), (edits) => {
        const changed = edits.reduce<unknown>((tree, edit) => mutate(tree, edit), parsed(signed));
        const result = read(JSON.stringify(changed) ?? "");
        if (!result.ok) expect(result.code).toBe("seal/malformed");
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const bytes = Buffer.from(textOf(signed));
        const index = place % bytes.length;
        bytes[index] = (bytes[index] as number) ^ change;
        readSealDocument(bytes);
      }),
    );
  });
});

describe("a seal's file", () => {
  it("is what was read from it, for any payload", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
    const printable = fc.string({
      unit: fc.constantFrom("a", "/", "+", "~", "!"),
      minLength: 1,
      maxLength: 40,
    });
    const kind = fc.constantFrom("key", "ssh", "hmac");
    fc.assert(
      fc.property(
        printable,
        bytes,
        bytes,
        printable,
        kind,
        (payloadType, payload, signature, keyid, kind) => {
          const text = formatSealDocument(payloadType, payload, { signature, material: { kind, keyid } });
          const result = read(text);
          expect(result.ok).toBe(true);
          if (!result.ok) return;
          const { value } = result;
          expect({ ...value, bundle: null }).toEqual({
            kind: kind === "key" ? "sigstore-key" : kind,
            payloadType,
            payload: Buffer.from(payload),
            signature: Buffer.from(signature),
            keyid,
            bundle: null,
          });
          const material = { kind, keyid: value.keyid };
          expect(
            formatSealDocument(value.payloadType, value.payload, { signature: value.signature, material }),
          ).toBe(text);
        },
      ),
    );
  });

  it("of ten megabytes is refused before anything of it is read", () => {
    const start = performance.now();
    expect(detailOf(`{"x":${"[".repeat(10 << 20)}`)).toMatch(/seal\/malformed: it has 10485765 bytes/);
    expect(readSealDocument(Buffer.alloc(sealFileBytes + 1, 0x20)).ok).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it.each([
    ["nothing", ""],
    ["a byte order mark", `\ufeff${textOf(hmac)}`],
    ["something behind it", `${textOf(hmac)}{}`],
    ["comments", `// seal\n${textOf(hmac)}`],
    ["a list", `[${textOf(hmac)}]`],
    ["null", "null"],
    ["nesting without end", `{"a":${"[".repeat(500)}${"]".repeat(500)}}`],
    [
      "an unknown media type",
      { ...parsed(hmac), mediaType: "application/vnd.countersign.md5-bundle+json;v=1" },
    ],
    ["a later version of the media type", textOf(hmac).replace(";v=1", ";v=2")],
    ["no media type", { dsseEnvelope: parsed(hmac)["dsseEnvelope"] }],
    ["a member beside the envelope", { ...parsed(hmac), algorithm: "none" }],
    ["a member in place of the envelope", { mediaType: parsed(hmac)["mediaType"], envelope: {} }],
    ["no key id", textOf(hmac).replace("ab".repeat(32), "")],
    ["a key id of a thousand characters", textOf(hmac).replace("ab".repeat(32), "a".repeat(1000))],
    ["a payload type that is not ASCII", textOf(hmac).replace("in-toto", "in-t\u00f6to")],
    ["a payload type with half a surrogate pair", textOf(hmac).replace("in-toto", "in-t\\ud800to")],
    ["no payload type", textOf(hmac).replace(type, "")],
    [
      "__proto__ for an envelope",
      `{"mediaType":${JSON.stringify(parsed(hmac)["mediaType"])},"__proto__":${JSON.stringify(parsed(hmac)["dsseEnvelope"])}}`,
    ],
  ])("is no seal with %s", (_, value) => {
    expect(detailOf(value)).toMatch(/^seal\/malformed/);
  });

  it("is no seal where it is not UTF-8", () => {
    expect(readSealDocument(Buffer.from(textOf(hmac), "utf16le")).ok).toBe(false);
    expect(readSealDocument(Buffer.concat([Buffer.from(textOf(hmac)), Buffer.of(0xff)])).ok).toBe(false);
  });
});

describe("a Sigstore bundle as a seal", () => {
  it("is of version 0.3", () => {
    for (const version of ["0.1", "0.2"] as const) {
      const bundle = sigstore.mint({ content: { payload: statement }, signer: githubBuild(), at, version });
      expect(detailOf(bundle)).toMatch(new RegExp(`version ${version}`));
    }
  });

  it("signs a statement, not a file", () => {
    const bundle = sigstore.mint({ content: { artefact: statement }, signer: githubBuild(), at });
    expect(detailOf(bundle)).toMatch(/file's digest/);
  });

  it("names one key: the envelope's id is empty or the hint", () => {
    const document = parsed(samples["key"] as Signed);
    const hint = (document["verificationMaterial"] as { publicKey: { hint: string } }).publicKey.hint;
    const signature = envelopeOf(document).signatures[0] as { keyid?: string };
    signature.keyid = hint;
    expect(detailOf(document)).toBe("read");
    signature.keyid = "another";
    expect(detailOf(document)).toMatch(/another key/);
    const certified = structuredClone(keyless);
    (certified.dsseEnvelope as Envelope).signatures = [
      { ...(certified.dsseEnvelope as Envelope).signatures[0], keyid: "x" } as never,
    ];
    expect(detailOf(certified)).toMatch(/another key/);
  });
});
