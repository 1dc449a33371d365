import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { atTerminal, terminalMissing } from "../test/pseudo-terminal.ts";
import { askPassphrase, type Desk, type Keyboard } from "./ask-passphrase.ts";

type Scene = Desk & { input: PassThrough & Keyboard; shown: () => string; raw: boolean[]; cut: () => number };

function scene(): Scene {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => void raw.push(on),
  });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  let text = "";
  let interrupts = 0;
  output.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const interrupt = (): void => void (interrupts += 1);
  return { input, output, interrupt, raw, shown: () => text, cut: () => interrupts };
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
    ["abc\u0003", null, 1],
    ["\u0004", null],
  ])("reads %j as %j, shows nothing of it and turns echo on again", async (keys, expected, cuts = 0) => {
    const desk = scene();
    const asking = askPassphrase("Passphrase: ", signal, desk);
    // A character may come in two pieces.
    for (const byte of Buffer.from(keys)) desk.input.write(Buffer.of(byte));
    expect(await asking).toBe(expected);
    expect(desk.cut()).toBe(cuts);
    expect(desk.raw).toEqual([true, false]);
    expect(desk.shown()).toBe("Passphrase: \n");
  });

  it("gives up at the end of input and on an abort", async () => {
    const ended = scene();
    const asking = askPassphrase("", signal, ended);
    ended.input.end("abc");
    expect(await asking).toBeNull();
    const stopped = scene();
    const controller = new AbortController();
    const waiting = askPassphrase("", controller.signal, stopped);
    controller.abort();
    expect(await waiting).toBeNull();
    expect(stopped.raw).toEqual([true, false]);
  });

  it("asks nobody where there is no terminal", async () => {
    const desk = scene();
    desk.input.isTTY = false;
    expect(await askPassphrase("Passphrase: ", signal, desk)).toBeNull();
    expect([desk.shown(), desk.raw]).toEqual(["", []]);
  });

  const missing = terminalMissing;
  it.skipIf(missing !== null)(
    `does not echo on a real terminal${missing === null ? "" : ` (${missing})`}`,
    () => {
      const program = `
      import { askPassphrase } from ${JSON.stringify(new URL("ask-passphrase.ts", import.meta.url).href)};
      const typed = await askPassphrase("Passphrase: ", new AbortController().signal);
      console.log("read " + [...typed].toReversed().join(""));
    `;
      const { shown } = atTerminal(program, [{ at: "Passphrase: ", type: "sesame\r" }]);
      expect(shown).toContain("read emases");
      expect(shown).not.toContain("sesame");
    },
  );
});
