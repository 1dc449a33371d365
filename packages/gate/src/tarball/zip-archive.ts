import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { digestFromHex, type Digest } from "@countersign/core";
import type { ZipEntry } from "./zip-layout.ts";

/** 1984-06-22 21:50:00, in MS-DOS form: the one time of everything that Yarn archives. */
const time = 0xae40;
const date = 0x08d6;
const unix = 3;
const modes = { folder: 0o40755, file: 0o100644, executable: 0o100755 } as const;
/** Offsets and sizes beyond this need zip64, which is not written here. */
const largest = 0xffff_ffff;
const mostEntries = 0xffff;
const utf8 = 0x0800;

/**
 * The SHA-512 of an uncompressed zip (APPNOTE 6.3, method 0) of these entries, byte for byte as Yarn's libzip writes
 * it. The archive is hashed as it is made and never held.
 * @returns null for what would need zip64
 */
export function storedZipDigest(entries: readonly ZipEntry[]): Digest | null {
  if (entries.length > mostEntries) return null;
  const hash = createHash("sha512");
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.content === null ? `${entry.path}/` : entry.path);
    const size = entry.content?.byteLength ?? 0;
    const common = commonFields(name, entry, size);
    if (offset + 30 + name.length + size > largest) return null;
    hash.update(localHeader).update(common).update(name);
    if (entry.content !== null) hash.update(entry.content);
    central.push(centralHeader(entry, common, offset), name);
    offset += 30 + name.length + size;
  }
  const directory = Buffer.concat(central);
  if (offset + directory.length > largest) return null;
  hash.update(directory).update(endRecord(entries.length, directory.length, offset));
  return digestFromHex("sha512", hash.digest("hex"));
}

const localHeader = Buffer.from("PK\x03\x04", "latin1");

/** APPNOTE 4.3.7 from "version needed" to "extra field length": the same in both headers. */
function commonFields(name: Buffer, { content }: ZipEntry, size: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(content === null ? 20 : 10, 0);
  fields.writeUInt16LE(name.some((byte) => byte >= 0x80) ? utf8 : 0, 2);
  fields.writeUInt16LE(time, 6);
  fields.writeUInt16LE(date, 8);
  fields.writeUInt32LE(content === null ? 0 : crc32(content), 10);
  fields.writeUInt32LE(size, 14);
  fields.writeUInt32LE(size, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

/** APPNOTE 4.3.12. */
function centralHeader({ content, executable }: ZipEntry, common: Buffer, offset: number): Buffer {
  const header = Buffer.alloc(46);
  header.write("PK\x01\x02", 0, "latin1");
  header.writeUInt8(63, 4);
  header.writeUInt8(unix, 5);
  common.copy(header, 6);
  const mode = content === null ? modes.folder : executable ? modes.executable : modes.file;
  header.writeUInt32LE(mode * 0x1_0000, 38);
  header.writeUInt32LE(offset, 42);
  return header;
}

/** APPNOTE 4.3.16. */
function endRecord(entries: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.write("PK\x05\x06", 0, "latin1");
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}
