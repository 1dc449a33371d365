import { createPrivateKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atTerminal, terminalMissing, type Step } from "./pseudo-terminal.ts";
import { openTrustScene, type Person } from "./trust-scene.ts";

const missing = terminalMissing;
const prompt = "Passphrase of ";
const question = "[y/N] ";

describe.skipIf(missing !== null)(`at a terminal${missing === null ? "" : ` (${missing})`}`, () => {
  let scene: ReturnType<typeof openTrustScene>;
  let alice: Person;
  /** `trust sign` with two encrypted root keys, which a version waits for. */
  let sign: readonly string[];

  const typing = (...steps: readonly Step[]): ReturnType<typeof atTerminal> => {
    const main = JSON.stringify(new URL("../src/main.ts", import.meta.url).href);
    const program = `
      const { main } = await import(${main});
      process.exitCode = await main(${JSON.stringify(sign)}, "0.0.0-test");
    `;
    const variables = { HOME: alice.home, XDG_STATE_HOME: join(alice.home, "state") };
    return atTerminal(program, steps, { directory: alice.directory, variables });
  };
  const encrypted = (name: string, passphrase: string): string => {
    const { secret } = alice.key(name);
    const format = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase } as const;
    writeFileSync(secret, createPrivateKey(readFileSync(secret)).export(format));
    return secret;
  };

  beforeAll(async () => {
    scene = openTrustScene();
    alice = scene.person("alice");
    const keys = [encrypted("one", "first"), encrypted("two", "second")];
    const roots = ["one", "two"].flatMap((name) => ["--root-key", join(alice.home, `${name}-public.pem`)]);
    await alice.trust("init", ...roots, "--threshold", "2");
    sign = ["trust", "sign", ...keys.flatMap((path) => ["--key", path])];
  });
  afterAll(() => scene.close());

  it.each([
    ["a question", [`first\r`, `second\r`, "\u0003"]],
    ["the first passphrase", ["fir\u0003"]],
    ["the second passphrase", ["first\r", "\u0003"]],
  ])("Ctrl-C at %s cancels the run", (_, typed) => {
    const steps = typed.map((type, index) => ({ at: index === 2 ? question : prompt, type }));
    const { status, shown } = typing(...steps);
    expect(shown).toMatch(/\ncountersign: cancelled\r\n$/);
    expect(shown).not.toMatch(/fix:|nothing was/);
    expect(status).toBe(130);
  });

  it("asks for one passphrase after the other, and shows none", () => {
    const { status, shown } = typing(
      { at: "one.pem: ", type: "first\r" },
      { at: "two.pem: ", type: "second\r" },
      { at: question, type: "y\r" },
    );
    expect(shown).toMatch(/Passphrase of \S*one\.pem: \r\nPassphrase of \S*two\.pem: \r\n/);
    expect(shown).toContain("signed by enough keys");
    expect(shown).not.toMatch(/: (?:first|second)/);
    expect(status).toBe(0);
  });
});
