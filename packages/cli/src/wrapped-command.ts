/** Package managers and their runners that a command line may start with. */
export const wrappedCommands: readonly string[] = [
  "npm",
  "npx",
  "pnpm",
  "pnx",
  "yarn",
  "bun",
  "bunx",
  "deno",
  "uv",
  "uvx",
];

/** A command line of a package manager: our own options stand before its name, everything after it is the manager's. */
export type WrappedCommand = { options: readonly string[]; name: string; args: readonly string[] };

const valued = new Set([
  "--mode",
  "--base",
  "--managed-policy",
  "--trusted-root",
  "--npm-keys",
  "--trust-root",
  "--ref",
]);
const flags = new Set(["--verbose", "--offline", "--debug"]);

/** null where the command line is one of our own commands. */
export function wrappedCommand(args: readonly string[]): WrappedCommand | null {
  let at = 0;
  while (at < args.length) {
    const arg = args[at] as string;
    if (wrappedCommands.includes(arg))
      return { options: args.slice(0, at), name: arg, args: args.slice(at + 1) };
    if (valued.has(arg)) at += 2;
    else if (flags.has(arg) || valued.has(arg.split("=", 1)[0] as string)) at += 1;
    else return null;
  }
  return null;
}
