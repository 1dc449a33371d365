import { Buffer } from "node:buffer";
import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { parseJson } from "../json.ts";

/** Why a document cannot be read; `limit` names the bound it exceeds, null when it is simply not well-formed. */
export type TextProblem = { ok: false; limit: "bytes" | "depth" | "values" | null; detail: string };
export type ParsedText = { ok: true; value: unknown } | TextProblem;

/** Longest text that a problem quotes from a document. */
const quoted = 160;

/**
 * Parses one JSON document of evidence within the budget. Whoever fetched it bounds its bytes; here UTF-16 code
 * units, of which there are never more, are bounded again so that a local file is held to the same.
 */
export function parseDocumentText(text: string, budget: Budget): ParsedText {
  if (text.length > budget.documentBytes) return overBytes(text, budget);
  const parsed = parseJson(text, budget.depth);
  if (parsed.ok) return parsed;
  const { reason, detail, offset } = parsed.problem;
  const limit = reason === "depth" || reason === "values" ? reason : null;
  return { ok: false, limit, detail: `${detail} (at character ${offset})` };
}

export const overBytes = (text: string, budget: Budget): TextProblem => ({
  ok: false,
  limit: "bytes",
  detail: `the document has ${text.length} characters; the bound is ${budget.documentBytes}`,
});

/** Code of a document that decides nothing by itself (listings, keys): without it something stays unknown. */
export const unreadableCode = (problem: TextProblem, malformed: Code): Code =>
  problem.limit === "bytes" ? "evidence/too-large" : malformed;

/** Code of an attestation document: what was offered as proof and cannot be read is refused. */
export function refusedCode(problem: TextProblem): Code {
  if (problem.limit === "bytes") return "budget/bytes";
  if (problem.limit === "depth") return "budget/depth";
  return problem.limit === "values" ? "budget/entries" : "attestation/malformed";
}

/** A value for a message: never more than a line's worth of hostile text. */
export const quote = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : kindOfValue(value);
  return text.length > quoted ? `${text.slice(0, quoted)}…` : text;
};

function kindOfValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "an object";
}

/** Bytes of canonical base64 (RFC 4648 §3.5: padded, no line breaks, no stray bits), or null. */
export function decodeBase64(text: unknown): Buffer | null {
  if (typeof text !== "string" || text === "" || text.length % 4 !== 0) return null;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
