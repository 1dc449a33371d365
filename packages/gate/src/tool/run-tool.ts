import { constants } from "node:os";
import process from "node:process";
import type { ChildProcess } from "node:child_process";
import spawn from "cross-spawn";

export type ToolCommand = {
  /** Absolute path of the executable. */
  command: string;
  args: readonly string[];
  directory: string;
  variables: Readonly<Record<string, string | undefined>>;
};

export type Captured = { exitCode: number; stdout: string; stderr: string };

const forwarded = ["SIGTERM", "SIGHUP", "SIGINT"] as const;

/**
 * Runs a program on our own standard streams, so that a terminal, a pipe and a prompt are the program's.
 * @returns its exit code; 128 and the signal's number where a signal ended it
 */
export function runTool(command: ToolCommand): Promise<number> {
  return ending(start(command, "inherit"), true).then(({ exitCode }) => exitCode);
}

/** Output of a resolution is shown where it fails, and is some KiB; beyond this the rest is dropped. */
const maximumOutput = 8 * 1024 * 1024;

/** Runs a program whose output is ours to read. It gets no input. */
export function captureTool(command: ToolCommand, signal: AbortSignal): Promise<Captured> {
  const child = start(command, ["ignore", "pipe", "pipe"]);
  const abort = (): void => void child.kill();
  signal.addEventListener("abort", abort, { once: true });
  return ending(child, false).finally(() => signal.removeEventListener("abort", abort));
}

const start = (
  { command, args, directory, variables }: ToolCommand,
  stdio: "inherit" | ["ignore", "pipe", "pipe"],
): ChildProcess => spawn(command, [...args], { cwd: directory, env: { ...variables }, stdio });

function ending(child: ChildProcess, forward: boolean): Promise<Captured> {
  // A terminal sends Ctrl-C to the program as well: it decides what that means, and we end with what it says.
  const pass = (signal: NodeJS.Signals): void => {
    if (signal !== "SIGINT") child.kill(signal);
  };
  if (forward) for (const signal of forwarded) process.on(signal, pass);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  return new Promise<Captured>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      resolve({ exitCode, stdout: stdout(), stderr: stderr() });
    });
  }).finally(() => {
    for (const signal of forwarded) process.removeListener(signal, pass);
  });
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (size < maximumOutput) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
