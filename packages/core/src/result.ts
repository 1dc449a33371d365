import type { Finding } from "./finding.ts";

/** An expected outcome is a value: either the thing whole, or the findings that say why there is none. */
export type Result<T> = { ok: true; value: T } | { ok: false; findings: readonly Finding[] };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const refuse = (...findings: readonly Finding[]): { ok: false; findings: readonly Finding[] } => ({
  ok: false,
  findings,
});
