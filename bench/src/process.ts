import { spawn } from "node:child_process";

/** Milliseconds of a whole Node.js process; one that fails spoils the comparison, so it ends it. */
export async function timeProcess(
  args: readonly string[],
  directory: string,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done) => void child.on("close", done));
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${output}`);
  return performance.now() - start;
}
