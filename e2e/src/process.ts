import { spawn } from "node:child_process";

export type Command = {
  command: string;
  args: readonly string[];
  directory: string;
  variables: Record<string, string>;
};
export type Ended = { exitCode: number | null; output: string; timedOut: boolean };

const maximumOutput = 512 * 1024;

/** Runs a command in a process group of its own, which ends with the time limit. Its two streams are one text. */
export function runCommand({ command, args, directory, variables }: Command, limit: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: directory,
      env: variables,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const collect = (chunk: Buffer): void => {
      if (size < maximumOutput) chunks.push(chunk);
      size += chunk.length;
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
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
      resolve({ exitCode, output: Buffer.concat(chunks).toString("utf8"), timedOut });
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
