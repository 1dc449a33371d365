import { spawnSync } from "node:child_process";
import { PassThrough } from "node:stream";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { askPassphrase, type Keyboard } from "./ask-passphrase.ts";

type Scene = { keyboard: PassThrough & Keyboard; shown: () => string; raw: boolean[]; screen: PassThrough };

function scene(): Scene {
  const raw: boolean[] = [];
  const keyboard = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => void raw.push(on),
  });
  const screen = Object.assign(new PassThrough(), { isTTY: true });
  let text = "";
  screen.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { keyboard, screen, raw, shown: () => text };
}
const { signal } = new AbortController();

describe("asking for a passphrase", () => {
  it.each([
    ["open sesame\r", "open sesame"],
    ["open\n", "open"],
    ["opne\u007f\u007fen\r", "open"],
    ["wrong\u0015right\r", "right"],
    ["pässwörd🔑x\u007f\r", "pässwörd🔑"],
    ["\r", ""],
    ["abc\u0003", null],
    ["\u0004", null],
  ])("reads %j as %j, shows nothing of it and turns echo on again", async (keys, expected) => {
    const { keyboard, screen, raw, shown } = scene();
    const asking = askPassphrase("Passphrase: ", signal, keyboard, screen);
    // A character may come in two pieces.
    for (const byte of Buffer.from(keys)) keyboard.write(Buffer.of(byte));
    expect(await asking).toBe(expected);
    expect(raw).toEqual([true, false]);
    expect(shown()).toBe("Passphrase: \n");
  });

  it("gives up at the end of input and on an abort", async () => {
    const ended = scene();
    const asking = askPassphrase("", signal, ended.keyboard, ended.screen);
    ended.keyboard.end("abc");
    expect(await asking).toBeNull();
    const stopped = scene();
    const controller = new AbortController();
    const waiting = askPassphrase("", controller.signal, stopped.keyboard, stopped.screen);
    controller.abort();
    expect(await waiting).toBeNull();
    expect(stopped.raw).toEqual([true, false]);
  });

  it("asks nobody where there is no terminal", async () => {
    const { keyboard, screen, shown, raw } = scene();
    keyboard.isTTY = false;
    expect(await askPassphrase("Passphrase: ", signal, keyboard, screen)).toBeNull();
    expect([shown(), raw]).toEqual(["", []]);
  });

  const python = spawnSync("python3", ["-c", "import pty"]).status === 0;
  it.skipIf(!python)(`does not echo on a real terminal${python ? "" : " (python3 is not installed)"}`, () => {
    const program = `
      import { askPassphrase } from ${JSON.stringify(new URL("ask-passphrase.ts", import.meta.url).href)};
      const typed = await askPassphrase("Passphrase: ", new AbortController().signal);
      console.log("read " + [...typed].toReversed().join(""));
    `;
    const driver = `
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
asked = False
while True:
    try:
        piece = os.read(terminal, 1024)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if not asked and b"Passphrase: " in seen:
        asked = True
        os.write(terminal, b"sesame\\r")
print(seen.decode())
`;
    const args = ["-c", driver, process.execPath, "--input-type=module", "-e", program];
    const { stdout, stderr } = spawnSync("python3", args, { encoding: "utf8", timeout: 30_000 });
    expect(stdout, stderr).toContain("read emases");
    expect(stdout).not.toContain("sesame");
  });
});
