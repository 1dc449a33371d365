import { parseJson } from "@countersign/core";

/** Whom identity tokens for Sigstore are made out to, and the client that a person signs in for. */
export const sigstoreAudience = "sigstore";

/** The claims of a JSON Web Token, unverified; null where it is none. */
export function tokenClaims(token: string): unknown {
  const parts = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token);
  const parsed =
    parts === null ? null : parseJson(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"), 16);
  return parsed?.ok === true ? parsed.value : null;
}

/** A claim that is a text; null for anything else. */
export function claimOf(claims: unknown, name: string): string | null {
  if (typeof claims !== "object" || claims === null || !Object.hasOwn(claims, name)) return null;
  const value: unknown = (claims as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : null;
}
