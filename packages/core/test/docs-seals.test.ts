import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { isCode } from "../src/codes.ts";
import { sealTypes } from "../src/seal/claim.ts";
import { readSealDocument } from "../src/seal/seal-document.ts";
import { decodeSealStatement } from "../src/seal/statement.ts";
import { sealChecks } from "../src/seal/verdict.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/seals.md"), "utf8");

/** The JSON block behind a comment, and the digest that the comment names. */
function example(kind: "seal" | "statement"): { digest: string; text: string } {
  const match = new RegExp(`<!-- ${kind}: ([0-9a-f]{64}) -->\n\n\`\`\`json\n([^\`]+)\`\`\``).exec(page);
  return { digest: match?.[1] ?? "", text: match?.[2] ?? "" };
}

describe("docs/seals.md", () => {
  it("shows a statement whose digest is the name of the seal", () => {
    const { digest, text } = example("statement");
    const payload = canonicalize(JSON.parse(text)) as string;
    expect(createHash("sha256").update(payload).digest("hex")).toBe(digest);
    expect(decodeSealStatement(Buffer.from(payload))).toMatchObject({
      ok: true,
      value: { kind: "approval", claim: { signer: { id: "alice" } } },
    });
  });

  it("shows the seal of that statement, as a reader takes it", () => {
    const [seal, statement] = [example("seal"), example("statement")];
    expect(seal.digest).toBe(statement.digest);
    const payload = Buffer.from(canonicalize(JSON.parse(statement.text)) as string).toString("base64");
    const [, shown = ""] = /"payload": "(.+)…"/.exec(seal.text) ?? [];
    expect(shown.length).toBeGreaterThan(20);
    expect(payload.startsWith(shown)).toBe(true);
    const whole = Buffer.from(seal.text.replace(`${shown}…`, payload));
    expect(readSealDocument(whole)).toMatchObject({
      ok: true,
      value: { kind: "sigstore-key", payloadType: sealTypes.payload },
    });
  });

  it("lists every check in its order, each with the codes of its failure", () => {
    const rows = [...page.matchAll(/^\| ([(a-z)-]+) +\|.*\| ((?:`seal\/[a-z-]+`(?:, )?)+) +\|$/gm)];
    expect(rows.map(([, name]) => name)).toEqual(["(file)", ...sealChecks]);
    for (const [, , codes = ""] of rows)
      for (const [, code] of codes.matchAll(/`([^`]+)`/g))
        expect([code, isCode(code ?? "")]).toEqual([code, true]);
  });

  it("names every type", () => {
    for (const uri of [sealTypes.approval, sealTypes.summary, sealTypes.extension, sealTypes.payload])
      expect(page).toContain(uri);
  });
});
