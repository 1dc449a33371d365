import { spawnSync } from "node:child_process";
import process from "node:process";

/** Why nothing can be typed here; null: it can. */
export const terminalMissing: string | null =
  spawnSync("python3", ["-c", "import pty"]).status === 0 ? null : "python3 is not installed";

/** What a person waits for on the screen, and what they type then. */
export type Step = { at: string; type: string };

/** Runs a module's text at a terminal of its own; `shown` is all that was on the screen. */
export function atTerminal(
  program: string,
  steps: readonly Step[],
  setting: { directory?: string; variables?: Readonly<Record<string, string>> } = {},
): { status: number | null; shown: string } {
  const node = [process.execPath, "--conditions=@countersign/source", "--input-type=module", "-e", program];
  const { status, stdout, stderr } = spawnSync("python3", ["-c", driver, JSON.stringify(steps), ...node], {
    cwd: setting.directory,
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", ...setting.variables },
    timeout: 30_000,
  });
  return { status, shown: stdout + stderr };
}

/** Each step waits for its text behind what the last one saw. It ends with the program's own code. */
const driver = `
import json, os, pty, sys
steps = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
start = 0
while True:
    try:
        piece = os.read(terminal, 1024)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    while steps and seen.find(steps[0]["at"].encode(), start) >= 0:
        step = steps.pop(0)
        start = seen.find(step["at"].encode(), start) + len(step["at"].encode())
        os.write(terminal, step["type"].encode())
sys.stdout.write(seen.decode())
sys.stdout.flush()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(code if code >= 0 else 128 - code)
`;
