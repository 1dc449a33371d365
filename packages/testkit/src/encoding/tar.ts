import { gzipSync } from "node:zlib";

/** One regular file of an archive; paths up to 100 bytes. */
export type ArchiveFile = { path: string; content: Uint8Array | string; executable?: boolean };

/** A gzipped ustar archive (POSIX.1-1988) without times or owners, so that equal files give equal bytes. */
export function tarball(files: readonly ArchiveFile[]): Buffer {
  const blocks = files.flatMap((file) => {
    const content = Buffer.from(file.content);
    return [header(file, content.length), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  // Level 1: tests mint many small packages, and nobody stores them.
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: 1 });
}

function header(file: ArchiveFile, size: number): Buffer {
  if (Buffer.byteLength(file.path) > 100) throw new RangeError(`path too long for ustar: ${file.path}`);
  const block = Buffer.alloc(512);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  block.write(file.path, 0);
  block.write(`${octal(file.executable === true ? 0o755 : 0o644, 7)}\0`, 100);
  block.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108);
  block.write(`${octal(size, 11)}\0${octal(499162500, 11)}\0        0`, 124);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}
