import { expect } from "vitest";

/** How a program ended, and all that it wrote. */
type Ended = { readonly exitCode: number };

declare module "vitest" {
  // oxlint-disable-next-line typescript/no-unused-vars -- declared as vitest does
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** The program's exit code; where it is another one, what the program wrote is shown. */
    toExitWith(exitCode: number): R;
  }
}

expect.extend({
  toExitWith({ exitCode, ...written }: Ended, expected: number) {
    const texts = Object.values(written).filter((text) => typeof text === "string" && text !== "");
    return {
      pass: exitCode === expected,
      actual: exitCode,
      expected,
      message: () => [`it ended with ${exitCode} instead of ${expected}, and wrote:`, ...texts].join("\n"),
    };
  },
});
