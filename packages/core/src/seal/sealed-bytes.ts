import { Buffer } from "node:buffer";
import { quote } from "../evidence/document-text.ts";
import { utf8 } from "../verify/fulcio-extension.ts";
import type { SealSubject } from "./claim.ts";
import { sha256Of } from "../digest.ts";

const [nul, lineFeed, carriageReturn] = [0x00, 0x0a, 0x0d];
const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf);
const longestPath = 4096;

/**
 * The bytes of a lockfile that a seal is over: CRLF becomes LF, which git may undo on checkout, and nothing else
 * changes. What two parsers could read differently is refused: a byte order mark, a NUL, a carriage return that no
 * line feed follows, invalid UTF-8.
 */
export function sealedBytes(
  bytes: Uint8Array,
): { ok: true; bytes: Uint8Array } | { ok: false; detail: string } {
  const sealed = withLineFeeds(bytes);
  if (byteOrderMark.equals(bytes.subarray(0, 3))) return refuse("it starts with a byte order mark");
  if (sealed.includes(nul)) return refuse("it holds a NUL");
  if (sealed.includes(carriageReturn)) return refuse("it holds a carriage return that no line feed follows");
  return utf8(sealed) === null ? refuse("it is not UTF-8") : { ok: true, bytes: sealed };
}

/**
 * What a seal says it is about.
 * @param path of the lockfile: repository-relative, POSIX
 */
export function sealSubject(
  path: string,
  bytes: Uint8Array,
): { ok: true; subject: SealSubject } | { ok: false; detail: string } {
  if (!isRepositoryPath(path)) return refuse(`${quote(path)} is not a path inside the repository`);
  const sealed = sealedBytes(bytes);
  if (!sealed.ok) return sealed;
  return { ok: true, subject: { path, digest: sha256Of(sealed.bytes) } };
}

/**
 * The bytes of a closure file that its digest is over: CRLF becomes LF unless it holds a NUL. Of an `.npmrc` in any
 * folder lines that hold a credential are left out, since they differ from machine to machine and decide nothing of
 * what is installed; `tokenHelper`, which runs a command, stays.
 * @param name of the file, as the closure lists it
 */
export function closureBytes(name: string, bytes: Uint8Array): Uint8Array {
  if (bytes.includes(nul)) return bytes;
  const text = withLineFeeds(bytes);
  return name.slice(name.lastIndexOf("/") + 1) === ".npmrc" ? withoutCredentials(text) : text;
}

/** Segments that name files: nothing that a path could leave the repository with, or be written in two ways. */
const isRepositoryPath = (path: string): boolean =>
  path.length <= longestPath &&
  path.isWellFormed() &&
  !/[\u0000-\u001f\u007f\\]|^[A-Za-z]:/.test(path) &&
  path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");

function withLineFeeds(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(carriageReturn)) return bytes;
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === carriageReturn && bytes[at + 1] === lineFeed) continue;
    kept[length] = byte;
    length += 1;
  }
  return kept.subarray(0, length);
}

/**
 * The whole of a key that is a credential, of a registry or of all. npm ends a key at `;` and `#` and takes escapes in
 * it: a change could write another setting before such a character and make the line end like a credential.
 */
const credential =
  /^(?:\/\/[^\s;#\\"']+:)?(?:_authToken|_auth|_password|username|certfile|keyfile|cert|key)$/;

/** Lines end as npm ends them, at a bare carriage return too: else one could hide a setting behind a credential. */
function withoutCredentials(bytes: Uint8Array): Uint8Array {
  // Latin-1 keeps every byte.
  const lines =
    Buffer.from(bytes)
      .toString("latin1")
      .match(/[^\r\n]*[\r\n]|[^\r\n]+$/g) ?? [];
  return Buffer.from(lines.filter((line) => !isCredential(line)).join(""), "latin1");
}

function isCredential(line: string): boolean {
  const equals = line.indexOf("=");
  const key = line
    .slice(0, Math.max(equals, 0))
    .trim()
    .replace(/^(["'])(.*)\1$/, "$2");
  return credential.test(key);
}

const refuse = (detail: string): { ok: false; detail: string } => ({ ok: false, detail });
