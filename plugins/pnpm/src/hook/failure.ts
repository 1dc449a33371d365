import process from "node:process";

/** Text for people, beside what pnpm prints: all of its versions show a hook's stderr, and only some its stdout. */
export const say = (text: string): void => void process.stderr.write(text);

/**
 * What ends pnpm's command. pnpm 12 prints an error's stack and nothing else of it, so the stack is the message and
 * the message has everything.
 */
export function failure(code: string, why: string, fix: string): Error {
  const error = new Error(`${code}: ${why}\nfix: ${fix}`);
  error.stack = error.message;
  return Object.assign(error, { code });
}
