import { endOfArchive, longName, pax, tarballOf, type Member } from "./tar-writer.ts";

/** A package whose tarball has one thing that extractors must get right. */
export type ArchiveSample = { name: string; version: string; tarball: Buffer };

const long = `deep/${"d".repeat(90)}/${"f".repeat(40)}.js`;

const samples: Readonly<Record<string, (manifest: Member) => Buffer>> = {
  plain: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/a.js", content: "a" },
      { path: "package/lib/b.js", content: "b\n".repeat(900) },
    ]),
  "@scope/scoped": (manifest) => tarballOf([manifest, { path: "package/a.js", content: "a" }]),
  executable: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/bin/run", content: "#!/bin/sh\n", mode: 0o755 },
      { path: "package/group", content: "g", mode: 0o654 },
    ]),
  empty: (manifest) => tarballOf([manifest, { path: "package/empty" }, { path: "package/also/empty" }]),
  folders: (manifest) =>
    tarballOf([
      { path: "package/", type: "5", mode: 0o755 },
      manifest,
      { path: "package/a/", type: "5" },
      { path: "package/a/b/c/", type: "0" },
      { path: "package/a/x", content: "x" },
    ]),
  "other-root": (manifest) =>
    tarballOf([
      { ...manifest, path: "anything at all/package.json" },
      { path: "second/a.js", content: "a" },
    ]),
  "dot-segments": (manifest) =>
    tarballOf([
      { ...manifest, path: "./package/package.json" },
      { path: "package//a/./b.js", content: "b" },
    ]),
  outside: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/../../evil", content: "e" },
      { path: "/etc/evil", content: "e" },
      { path: "evil", content: "e" },
    ]),
  twice: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/a", content: "first" },
      { path: "package/b", content: "b" },
      { path: "package/a", content: "the last one counts", mode: 0o755 },
    ]),
  unicode: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/größe.txt", content: "ß" },
      pax({ path: "package/日本/🙂.txt" }),
      { path: "package/x", content: "🙂" },
    ]),
  "long-pax": (manifest) =>
    tarballOf([
      manifest,
      pax({ path: `package/${long}`, mtime: "1.5" }),
      { path: "package/short", content: "long" },
    ]),
  "long-gnu": (manifest) =>
    tarballOf([
      manifest,
      longName(`package/${long}`),
      { path: "package/short", content: "long", magic: "ustar  \0" },
    ]),
  "long-ustar": (manifest) =>
    tarballOf([
      manifest,
      { path: `${"f".repeat(40)}.js`, prefix: `package/deep/${"d".repeat(120)}`, content: "long" },
    ]),
  sizes: (manifest) =>
    tarballOf([
      manifest,
      pax({ size: "5" }),
      { path: "package/pax", content: "12345", size: "00000000000\0" },
      {
        path: "package/base256",
        content: "1234567",
        size: Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7),
      },
      { path: "package/blanks", content: "12", size: "         2 \0" },
    ]),
  "global-comment": (manifest) => tarballOf([pax({ comment: "0".repeat(40) }, "g"), manifest]),
  "old-file": (manifest) =>
    tarballOf([manifest, { path: "package/old", content: "old", type: "\0", magic: "" }]),
  special: (manifest) =>
    tarballOf([
      manifest,
      { path: "package/hard", type: "1", link: "package/package.json" },
      { path: "package/fifo", type: "6" },
      { path: "package/device", type: "3" },
      { path: "package/z", content: "z" },
    ]),
  "no-end": (manifest) => tarballOf([manifest, { path: "package/a", content: "a" }], Buffer.alloc(0)),
  "after-end": (manifest) => tarballOf([manifest], Buffer.concat([endOfArchive, Buffer.alloc(512, 0x41)])),
  large: (manifest) =>
    tarballOf([
      manifest,
      ...Array.from({ length: 300 }, (_, index) => ({
        path: `package/f${index % 7}/${index}.txt`,
        content: `${index} `.repeat(index * 40),
      })),
    ]),
};

/** Every sample, its manifest first. */
export const archiveSamples: readonly ArchiveSample[] = Object.entries(samples).map(([name, build]) => {
  const content = JSON.stringify({ name, version: "1.0.0" });
  return { name, version: "1.0.0", tarball: build({ path: "package/package.json", content }) };
});
