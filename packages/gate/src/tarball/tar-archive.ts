/** One member of a tar archive, in the archive's order. `content` is a view into the archive. */
export type TarEntry = {
  kind: "file" | "directory" | "symlink" | "link" | "other";
  /** As the archive has it. */
  path: string;
  /** Whether any execute bit is set. */
  executable: boolean;
  content: Uint8Array;
};
export type TarResult =
  | { ok: true; entries: readonly TarEntry[] }
  | { ok: false; problem: "entries" | "malformed"; detail: string };

const block = 512;
const longestPath = 4096;
const largestExtension = 1024 * 1024;

/**
 * Reads a tar archive as the extractors of npm and Yarn do (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU long names),
 * but whole or not at all: where they skip, repair or guess, the archive is malformed here, because then two readers
 * may see two packages. Nothing is written anywhere; what a path may do is for the caller to judge.
 * @param maximum how many members are read
 */
export function readTar(tar: Uint8Array, maximum: number): TarResult {
  const bytes = Buffer.from(tar.buffer, tar.byteOffset, tar.byteLength);
  const entries: TarEntry[] = [];
  let next: Extension = {};
  let members = 0;
  let offset = 0;
  while (offset + block <= bytes.length) {
    const header = bytes.subarray(offset, offset + block);
    if (isBlank(header)) {
      // Two blank blocks end an archive; readers differ on what a single one means.
      const second = bytes.subarray(offset + block, offset + 2 * block);
      return isBlank(second) ? finish(entries, next) : malformed(offset, "a blank block inside the archive");
    }
    if ((members += 1) > maximum)
      return { ok: false, problem: "entries", detail: `more than ${maximum} entries` };
    const read = readHeader(header, next);
    if (typeof read === "string") return malformed(offset, read);
    const start = offset + block;
    const end = start + read.size;
    if (end > bytes.length) return malformed(offset, "it is cut short");
    const content = bytes.subarray(start, end);
    offset = start + Math.ceil(read.size / block) * block;
    if (read.type === "L" || read.type === "K" || read.type === "x" || read.type === "g") {
      const extended = extend(next, read.type, content);
      if (typeof extended === "string") return malformed(start, extended);
      next = extended;
      continue;
    }
    const entry = toEntry(read, content);
    if (typeof entry === "string") return malformed(start - block, entry);
    entries.push(entry);
    next = {};
  }
  return bytes.length === offset ? finish(entries, next) : malformed(offset, "it ends inside a block");
}

/** What the headers before a member say of it in place of its own. */
type Extension = { path?: string; link?: string; size?: number };
type Header = { type: string; path: string; link: string; size: number; mode: number };

const finish = (entries: readonly TarEntry[], next: Extension): TarResult =>
  Object.keys(next).length === 0
    ? { ok: true, entries }
    : { ok: false, problem: "malformed", detail: "an extended header without a member" };

const malformed = (offset: number, detail: string): TarResult => ({
  ok: false,
  problem: "malformed",
  detail: `at byte ${offset}: ${detail}`,
});

const blank = Buffer.alloc(block);
const isBlank = (bytes: Buffer): boolean =>
  bytes.length === 0 || bytes.equals(blank.subarray(0, bytes.length));

/** @returns what is wrong, as text */
function readHeader(header: Buffer, extension: Extension): Header | string {
  if (readNumber(header, 148, 8) !== checksum(header)) return "the header's checksum is wrong";
  const type = String.fromCharCode(header[156] as number);
  const meta = "LKxg".includes(type);
  const name = readText(header, 0, 100);
  const link = readText(header, 157, 100);
  // GNU writes `ustar  ` and other things where ustar has the prefix.
  const posix = header.toString("latin1", 257, 265) === "ustar\x0000";
  const prefix = posix ? readText(header, 345, header[475] === 0 ? 130 : 155) : "";
  const written = readNumber(header, 124, 12);
  const mode = readNumber(header, 100, 8);
  if (name === null || link === null || prefix === null) return "a name is not UTF-8";
  if (written === null || mode === null) return "a number is not one";
  const size = meta ? written : (extension.size ?? written);
  const whole = prefix === "" ? name : `${prefix}/${name}`;
  return {
    type: type === "\0" ? "0" : type,
    path: meta ? whole : (extension.path ?? whole),
    link: meta ? link : (extension.link ?? link),
    size: type === "5" ? 0 : size,
    mode,
  };
}

function toEntry({ type, path, link, mode }: Header, content: Buffer): TarEntry | string {
  if (path === "" || path.length > longestPath) return "a member without a usable path";
  // Windows reads a backslash as a separator, so one archive would be two packages.
  if (/[\0-\x1f\x7f\\]/.test(path)) return "a path with a control character or backslash";
  const kind = type === "0" && path.endsWith("/") ? "directory" : (kinds.get(type) ?? "other");
  if (kind === "directory" && content.length > 0) return "a folder with content";
  const linked = kind === "link" || kind === "symlink";
  if (linked !== (link !== ""))
    return linked ? "a link to nothing" : "a member that both is and is not a link";
  return { kind, path, executable: (mode & 0o111) !== 0, content };
}

const kinds: ReadonlyMap<string, TarEntry["kind"]> = new Map([
  ["0", "file"],
  ["1", "link"],
  ["2", "symlink"],
  ["5", "directory"],
]);

/** Takes up the content of an extended header (pax `x`, `g`) or a GNU long name (`L`) or link (`K`). */
function extend(before: Extension, type: string, content: Buffer): Extension | string {
  if (content.length > largestExtension) return "an extended header of more than 1 MiB";
  if (type === "L" || type === "K") {
    const text = readText(content, 0, content.length);
    if (text === null) return "a long name is not UTF-8";
    return type === "L" ? { ...before, path: text } : { ...before, link: text };
  }
  const records = readRecords(content);
  if (records === null) return "an extended header that cannot be read";
  const after: Extension = { ...before };
  for (const [key, value] of records) {
    if (key !== "path" && key !== "linkpath" && key !== "size") continue;
    // Readers disagree on how far a global header reaches; the one that Git writes has only a comment.
    if (type === "g") return `a global header with \`${key}\``;
    if (key === "path") after.path = value;
    else if (key === "linkpath") after.link = value;
    else if (/^\d{1,12}$/.test(value)) after.size = Number(value);
    else return "a size that is not a number";
  }
  // Readers take a value of digits for a number, and a number for no path.
  if (/^\d+$/.test(after.path ?? "") || /^\d+$/.test(after.link ?? ""))
    return "a path of digits in an extended header";
  return after;
}

/** `length key=value\n`, the length in bytes and counting itself (POSIX.1-2001 pax, "Extended Header"). */
function readRecords(content: Buffer): [string, string][] | null {
  const records: [string, string][] = [];
  for (let offset = 0; offset < content.length;) {
    const space = content.indexOf(0x20, offset);
    const digits = space === -1 || space - offset > 7 ? "" : content.toString("latin1", offset, space);
    const end = /^[1-9]\d*$/.test(digits) ? offset + Number(digits) : -1;
    if (end <= space || end > content.length || content[end - 1] !== 0x0a) return null;
    const text = decodeUtf8(content.subarray(space + 1, end - 1));
    const equals = text?.indexOf("=") ?? -1;
    // Line-wise readers see two records where a value holds a line feed.
    if (text === null || equals < 1 || text.includes("\n")) return null;
    records.push([text.slice(0, equals), text.slice(equals + 1)]);
    offset = end;
  }
  return records;
}

/** A text up to its NUL. */
function readText(bytes: Buffer, offset: number, length: number): string | null {
  const field = bytes.subarray(offset, offset + length);
  const nul = field.indexOf(0);
  return decodeUtf8(nul === -1 ? field : field.subarray(0, nul));
}

const decodeUtf8 = (bytes: Buffer): string | null => {
  const text = bytes.toString("utf8");
  return text.includes("\uFFFD") ? null : text;
};

/** Octal digits between blanks, or GNU's base 256 for sizes that octal cannot hold; "" is 0. */
function readNumber(bytes: Buffer, offset: number, length: number): number | null {
  const field = bytes.subarray(offset, offset + length);
  if (field[0] === 0x80) {
    const high = field.subarray(1, -6);
    return high.every((byte) => byte === 0) ? field.readUIntBE(length - 6, 6) : null;
  }
  const text = field.toString("latin1");
  const nul = text.indexOf("\0");
  const digits = (nul === -1 ? text : text.slice(0, nul)).trim();
  if (digits === "") return 0;
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

/** The sum of all bytes, those of the checksum itself taken for blanks. */
function checksum(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < block; index += 1)
    if (index < 148 || index >= 156) sum += header[index] as number;
  return sum;
}
