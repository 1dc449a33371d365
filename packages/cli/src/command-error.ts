/** Why a command cannot go on, and what to do about it. Shown as one line and the fix; no stack. */
export class CommandError extends Error {
  readonly fix: string;
  readonly exitCode: 1 | 2;

  /**
   * @param why a sentence, without "error"
   * @param fix a command or what to write; "" where the sentence says it
   * @param exitCode 1 where something contradicts, 2 where the command could not be carried out
   */
  constructor(why: string, fix: string, exitCode: 1 | 2 = 2) {
    super(why);
    this.name = "CommandError";
    this.fix = fix;
    this.exitCode = exitCode;
  }
}

/** The system's reason for a failed file operation, in a few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error ? String(error.code) : "";
  const words: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EEXIST: "it exists already",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of the path is not a directory",
  };
  return words[code] ?? error.message;
}
