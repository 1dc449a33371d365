import { quote } from "../evidence/document-text.ts";
import { formatInstant, parseInstant, type Instant } from "../instant.ts";
import { sealTypes } from "./claim.ts";
import type { SignerEdit } from "./edit-root.ts";
import { trustLimits } from "./root-document.ts";
import { isSignerId } from "./signer-reader.ts";
import { formatSshPublicKey, parseSshPublicKey, sshTypeOf } from "./ssh-key.ts";
import type { PublicSealKey } from "./public-key.ts";
import type { SealSigner, TrustRoot } from "./trust-root.ts";

/** What an allowed_signers file comes to; lines that are about other things than lockfiles are left out by name. */
export type AllowedSigners =
  | { ok: true; signers: readonly SignerEdit[]; skipped: readonly { line: number; why: string }[] }
  | { ok: false; detail: string };

type Line = { principal: string; key: PublicSealKey; validFrom: Instant | null; validTo: Instant | null };
type LineResult = { line: Line } | { skip: string } | { problem: string };

/**
 * The SSH keys of a trust store as an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS), for seals alone. Revoked
 * keys and signers are left out: ssh-keygen knows no trusted time that would keep their older signatures.
 */
export function formatAllowedSigners({ signers, revoked }: Pick<TrustRoot, "signers" | "revoked">): string {
  const gone = new Set(
    revoked.map(({ keyid, signer }) => (keyid === null ? `signer ${signer}` : `key ${keyid}`)),
  );
  return signers
    .filter(({ id }) => !gone.has(`signer ${id}`))
    .flatMap((signer) =>
      signer.keys.flatMap((key) =>
        key.algorithm === "hmac-sha256" || sshTypeOf(key.algorithm) === null || gone.has(`key ${key.keyid}`)
          ? []
          : [`${signer.id} ${optionsOf(signer)} ${formatSshPublicKey(key)}\n`],
      ),
    )
    .join("");
}

function optionsOf({ validFrom, validTo }: SealSigner): string {
  const time = (name: string, at: Instant | null): string[] =>
    at === null ? [] : [`${name}="${formatInstant(at).replace(/[-:T]/g, "")}"`];
  return [
    `namespaces="${sealTypes.sshNamespace}"`,
    ...time("valid-after", validFrom),
    ...time("valid-before", validTo),
  ].join(",");
}

/**
 * Reads an allowed_signers file for `trust add`. Each line is one principal and its key; what would let more people
 * sign than the line names (patterns, lists of principals, certificate authorities) is refused.
 */
export function readAllowedSigners(text: string): AllowedSigners {
  const lines = text.length > trustLimits.bytes ? [] : text.split(/\r?\n/);
  if (lines.length === 0 || lines.length > 10 * trustLimits.entries)
    return { ok: false, detail: "the file is too large for a list of signers" };
  const signers = new Map<string, SignerEdit>();
  const skipped: { line: number; why: string }[] = [];
  for (const [index, content] of lines.entries()) {
    if (/^\s*(?:#|$)/.test(content)) continue;
    const read = readLine(content.trim());
    if ("problem" in read) return { ok: false, detail: `line ${index + 1}: ${read.problem}` };
    if ("skip" in read) {
      skipped.push({ line: index + 1, why: read.skip });
      continue;
    }
    const problem = addLine(signers, read.line);
    if (problem !== null) return { ok: false, detail: `line ${index + 1}: ${problem}` };
  }
  return { ok: true, signers: [...signers.values()], skipped };
}

function addLine(
  signers: Map<string, SignerEdit>,
  { principal, key, validFrom, validTo }: Line,
): string | null {
  const known = signers.get(principal);
  if (known === undefined) {
    const scope = { predicates: null, paths: null, refs: null, verifierId: null };
    signers.set(principal, { id: principal, keys: [key], identities: [], ...scope, validFrom, validTo });
    return null;
  }
  if (known.validFrom !== validFrom || known.validTo !== validTo)
    return `${principal} has another validity on an earlier line; a signer has one for all of its keys`;
  signers.set(principal, { ...known, keys: [...known.keys, key] });
  return signers.size > trustLimits.entries ? `more than ${trustLimits.entries} signers` : null;
}

function readLine(content: string): LineResult {
  const [principals = "", ...rest] = wordsOf(content);
  const principal = principals.replaceAll('"', "");
  if (!isSignerId(principal))
    return {
      problem: "it does not begin with one signer's name; lists and patterns would let others sign",
    };
  const typeAt = rest.findIndex((word) => /^(?:sk-)?(?:ssh|ecdsa)-[\w.@-]+$/.test(word));
  if (typeAt === -1 || typeAt > 1) return { problem: "there is no SSH public key" };
  const options =
    typeAt === 1 ? readOptions(rest[0] ?? "") : { namespaces: null, validFrom: null, validTo: null };
  if (typeof options === "string") return { problem: options };
  const { namespaces, validFrom, validTo } = options;
  if (namespaces !== null && !namespaces.some((name) => name === sealTypes.sshNamespace || name === "*"))
    return { skip: `${principal} signs ${namespaces.join(", ")}, not ${sealTypes.sshNamespace}` };
  const key = parseSshPublicKey(`${rest[typeAt]} ${rest[typeAt + 1] ?? ""}`);
  return key.ok
    ? { line: { principal, key: key.key, validFrom, validTo } }
    : { skip: `${principal}: ${key.detail}` };
}

type Options = { namespaces: readonly string[] | null; validFrom: Instant | null; validTo: Instant | null };

function readOptions(text: string): Options | string {
  const options: Options = { namespaces: null, validFrom: null, validTo: null };
  for (const option of splitOutsideQuotes(text, ",")) {
    const [name = "", ...values] = option.split("=");
    const value = values.join("=").replaceAll('"', "");
    switch (name.toLowerCase()) {
      case "namespaces":
        options.namespaces = value.split(",").map((each) => each.trim());
        break;
      case "valid-after":
      case "valid-before": {
        const at = readTime(value);
        if (at === null)
          return `${name} is ${quote(value)}; write it in UTC, with a Z at its end, such as 20270630000000Z`;
        if (name.toLowerCase() === "valid-after") options.validFrom = at;
        else options.validTo = at;
        break;
      }
      case "cert-authority":
        return "a certificate authority would let others sign; name each key";
      default:
        return `the option ${quote(name)} is not known`;
    }
  }
  return options;
}

/** `YYYYMMDD[HHMM[SS]]Z`; without the Z it would be each reader's own local time. */
function readTime(text: string): Instant | null {
  const match = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?Z$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = "00", minute = "00", second = "00"] = match;
  return parseInstant(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

const wordsOf = (text: string): string[] =>
  splitOutsideQuotes(text.replaceAll("\t", " "), " ").filter((word) => word !== "");

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '"') quoted = !quoted;
    else if (text[index] === separator && !quoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
}
