import { gzipSync } from "node:zlib";

/** One member as it stands in the archive: also what no honest tool writes. */
export type Member = {
  path: string;
  content?: string | Uint8Array;
  /** Type flag; "0", a file, where none is given. */
  type?: string;
  mode?: number;
  link?: string;
  prefix?: string;
  /** The size field, where it is not the content's size in octal. */
  size?: string | Uint8Array;
  magic?: string;
  checksum?: number;
};

const pad = (length: number): Buffer => Buffer.alloc((512 - (length % 512)) % 512);

export const endOfArchive: Buffer = Buffer.alloc(1024);

/** A tar archive of exactly these members. */
export const tarOf = (members: readonly Member[], end: Uint8Array = endOfArchive): Buffer =>
  Buffer.concat([...members.flatMap(memberBlocks), end]);

export const tarballOf = (members: readonly Member[], end?: Uint8Array): Buffer =>
  gzipSync(tarOf(members, end), { level: 1 });

/** The pax header for the member that follows; `g` for all that follow. */
export function pax(records: Readonly<Record<string, string>>, type: "x" | "g" = "x"): Member {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length += 1;
    return `${length} ${key}=${value}\n`;
  });
  return { path: "PaxHeader/x", type, content: lines.join("") };
}

/** GNU's header with the path of the member that follows. */
export const longName = (path: string): Member => ({
  path: "././@LongLink",
  type: "L",
  content: `${path}\0`,
});

function memberBlocks(member: Member): Buffer[] {
  const content = Buffer.from(member.content ?? "");
  const header = Buffer.alloc(512);
  header.write(member.path, 0, 100);
  header.write(`${(member.mode ?? 0o644).toString(8).padStart(7, "0")}\0`, 100);
  header.write("0000000\x000000000\x00", 108);
  const size = member.size ?? `${content.length.toString(8).padStart(11, "0")}\0`;
  Buffer.from(size).copy(header, 124);
  header.write("00000000000\0        ", 136);
  header.write(member.type ?? "0", 156);
  header.write(member.link ?? "", 157, 100);
  header.write(member.magic ?? "ustar\x0000", 257);
  header.write(member.prefix ?? "", 345, 155);
  const sum = member.checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, content, pad(content.length)];
}
