import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closureBytes, sealedBytes, sealSubject } from "./sealed-bytes.ts";

const sealed = (bytes: Uint8Array | string): string | null => {
  const result = sealedBytes(Buffer.from(bytes));
  return result.ok ? Buffer.from(result.bytes).toString() : null;
};
const closure = (name: string, text: string): string =>
  Buffer.from(closureBytes(name, Buffer.from(text))).toString();

describe("the bytes that a seal is over", () => {
  it("are the same after git has written CRLF on checkout", () => {
    expect(sealed('{\r\n  "a": 1\r\n}\r\n')).toBe('{\n  "a": 1\n}\n');
    expect(sealed('{\n  "a": 1\n}')).toBe('{\n  "a": 1\n}');
  });

  it("change with everything else: spaces, order, a line feed at the end", () => {
    expect(sealed('{\n  "a": 1\n}')).not.toBe(sealed('{\n\t"a": 1\n}'));
    expect(sealed("a\n")).not.toBe(sealed("a"));
    expect(sealed("a\n\n")).not.toBe(sealed("a\n"));
  });

  it.each([
    ["a byte order mark", Buffer.from("\ufeff{}")],
    ["a NUL", Buffer.from("{}\0")],
    ["bytes that are not UTF-8", Buffer.of(0x7b, 0xff, 0x7d)],
    ["half a surrogate pair in UTF-8", Buffer.of(0xed, 0xa0, 0x80)],
    ["a carriage return in a line, where some parsers see two lines", Buffer.from("a\rb\n")],
    ["two carriage returns before a line feed, which would need normalising twice", Buffer.from("a\r\r\n")],
    ["a carriage return at the end", Buffer.from("a\r")],
  ])("are refused with %s", (_, bytes) => {
    expect(sealedBytes(bytes).ok).toBe(false);
  });

  it("lose nothing but the carriage returns before line feeds, and nothing the second time", () => {
    const text = fc.string({ unit: fc.constantFrom("\r\n", "\n", "\r", "a", "é", "\ufeff", "\0") });
    fc.assert(
      fc.property(text, (input) => {
        const once = sealed(input);
        if (once === null) return;
        expect(once).toBe(input.replaceAll("\r\n", "\n"));
        expect(sealed(once)).toBe(once);
      }),
    );
  });

  it("are not copied where there is nothing to do, and cost linear time where there is", () => {
    const plain = Buffer.from("a\n".repeat(10));
    expect(sealedBytes(plain)).toEqual({ ok: true, bytes: plain });
    const large = sealedBytes(Buffer.from("\r\n".repeat(4 << 20)));
    expect(large.ok && large.bytes.length).toBe(4 << 20);
  });
});

describe("what a seal says it is about", () => {
  it("is path and SHA-256 of the sealed bytes", () => {
    const hex = createHash("sha256").update("a\nb\n").digest("hex");
    const subject = { path: "apps/web app/pnpm-lock.yaml", digest: { algorithm: "sha256", hex } };
    expect(sealSubject(subject.path, Buffer.from("a\r\nb\r\n"))).toEqual({ ok: true, subject });
  });

  it.each([
    "",
    "/etc/package-lock.json",
    "../package-lock.json",
    "a/../package-lock.json",
    "./package-lock.json",
    "a//package-lock.json",
    "a/",
    "a\\package-lock.json",
    "C:/package-lock.json",
    "a\nb",
    "\ud800",
    "a".repeat(5000),
  ])("is no path like %j", (path) => {
    expect(sealSubject(path, Buffer.from("{}")).ok).toBe(false);
  });

  it("is nothing where the bytes cannot be sealed", () => {
    expect(sealSubject("uv.lock", Buffer.of(0)).ok).toBe(false);
  });
});

describe("the bytes of a closure file", () => {
  it("are its own, with line feeds", () => {
    expect(closure("pnpm-workspace.yaml", "a: 1\r\nb: \r2\n")).toBe("a: 1\nb: \r2\n");
  });

  it("are left alone in a file with a NUL: a binary has no lines", () => {
    expect(closure(".yarn/x.zip", "a\r\nb\0")).toBe("a\r\nb\0");
    expect(closure(".npmrc", "_auth=x\r\n\0")).toBe("_auth=x\r\n\0");
  });

  it("leave credentials out of an .npmrc in any folder, and of no other file", () => {
    const npmrc = [
      "registry=https://npm.example/",
      "//npm.example/:_authToken=${TOKEN}",
      " //npm.example/:_auth = abc",
      '"//npm.example/:_password"=abc',
      "//npm.example/:username=me",
      "//npm.example/:certfile=/home/me/cert.pem",
      "//npm.example/:keyfile=/home/me/key.pem",
      "_authToken=abc",
      "_auth=abc",
      "key=abc",
      "ignore-scripts=true",
    ].join("\n");
    const kept = "registry=https://npm.example/\nignore-scripts=true";
    expect(closure(".npmrc", npmrc)).toBe(kept);
    expect(closure("apps/web/.npmrc", npmrc)).toBe(kept);
    expect(closure("apps/.npmrc/yarn.config.cjs", npmrc)).toBe(npmrc);
    expect(closure("x.npmrc", npmrc)).toBe(npmrc);
  });

  it.each([
    "//npm.example/:tokenHelper=/tmp/run-me",
    "cafile=/tmp/ca.pem",
    "my_auth_registry=https://evil.example/",
    "@_auth:registry=https://evil.example/",
    "# _auth=",
    "; //npm.example/:_authToken=x",
    "_auth",
    "registry=https://evil.example/?:_authToken=",
    "script-shell;:_authToken=./evil.sh",
    "node-options #:key=--require ./evil.cjs",
    "registry;:_auth=https://evil.example/",
    "//npm.example/;:_auth=x",
    '"registry\\u003b:_auth"=https://evil.example/',
    "registry:_auth=x",
    "'registry;'x:_auth'=https://evil.example/",
  ])("keep %s, which is no credential", (line) => {
    expect(closure(".npmrc", `${line}\n`)).toBe(`${line}\n`);
  });

  it("keep a setting that a bare carriage return hides in a credential's line", () => {
    const hidden = "//npm.example/:_authToken=a\rregistry=https://evil.example/\n";
    expect(closure(".npmrc", hidden)).toBe("registry=https://evil.example/\n");
  });

  it("keep bytes that are not UTF-8", () => {
    const bytes = Buffer.of(0x61, 0x3d, 0xff, 0x0a);
    expect(Buffer.from(closureBytes(".npmrc", bytes)).equals(bytes)).toBe(true);
  });
});
