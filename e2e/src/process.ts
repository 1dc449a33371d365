import { spawn } from "node:child_process";

export type Command = {
  command: string;
  args: readonly string[];
  directory: string;
  variables: Record<string, string>;
};
/** `output` is both streams as they came, `stdout` the one alone. */
export type Ended = { exitCode: number | null; output: string; stdout: string; timedOut: boolean };

const maximumOutput = 512 * 1024;

/** Runs a command in a process group of its own, which ends with the time limit. */
export function runCommand({ command, args, directory, variables }: Command, limit: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: directory,
      env: variables,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const chunks: { stream: "stdout" | "stderr"; chunk: Buffer }[] = [];
    let size = 0;
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => {
        if (size < maximumOutput) chunks.push({ stream, chunk });
        size += chunk.length;
      });
    }
    const text = (some: typeof chunks): string =>
      Buffer.concat(some.map(({ chunk }) => chunk)).toString("utf8");
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, limit);
    child.once("error", reject);
    child.once("close", (exitCode) => {
      clearTimeout(timer);
      // A manager may leave something running (a daemon, a script's child): it belongs to the cell and ends with it.
      endGroup(child.pid);
      const stdout = text(chunks.filter(({ stream }) => stream === "stdout"));
      resolve({ exitCode, output: text(chunks), stdout, timedOut });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
