import { spawn } from "node:child_process";
import {
  readSshArmour,
  readSshKey,
  sealTypes,
  SignerError,
  SshReader,
  visible,
  type PublicSealKey,
} from "@countersign/core";
import { findTool } from "../tool/find-tool.ts";
import { wordOf } from "./private-file.ts";
import type { SignerContext } from "./signer-context.ts";

/** An armoured signature is some hundred bytes; so is what ssh-keygen has to say. */
const most = 64 * 1024;

/**
 * The public half of an OpenSSH private key, which stands in the file unencrypted (OpenSSH PROTOCOL.key).
 * @throws SignerError where the file is damaged or of a kind that makes no seals
 */
export function publicHalfOfPrivate(name: string, armour: string): PublicSealKey {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(
    armour,
  )?.[1];
  const reader = new SshReader(Buffer.from(body ?? "", "base64"));
  const magic = reader.take(15).toString("latin1");
  // Cipher, KDF and the KDF's options come first; what follows the public half is encrypted with them.
  for (let skipped = 0; skipped < 3; skipped += 1) reader.string();
  const [keys, blob] = [reader.uint32(), reader.string()];
  if (magic !== "openssh-key-v1\0" || keys !== 1)
    throw new SignerError(`${name} is damaged: it is no OpenSSH private key`, "name another key");
  const read = readSshKey(blob);
  if (read.ok) return read.key;
  throw new SignerError(
    `${name} cannot make seals: ${visible(read.detail)}`,
    "make one: ssh-keygen -t ed25519",
  );
}

/**
 * Signs with the real ssh-keygen, which asks for the passphrase on the terminal and waits for FIDO keys by itself.
 * @param path absolute path of the key
 * @returns the SSHSIG blob, not yet checked
 */
export async function signWithSshKeygen(
  path: string,
  message: Uint8Array,
  context: SignerContext,
): Promise<Buffer> {
  const command = await findTool("ssh-keygen", context);
  if (command === null)
    throw new SignerError(
      "ssh-keygen is not on PATH",
      "install OpenSSH, or add the key to an agent: ssh-add",
    );
  const { exitCode, stdout, stderr } = await run(
    command,
    ["-Y", "sign", "-f", path, "-n", sealTypes.sshNamespace],
    message,
    context,
  );
  const blob = exitCode === 0 ? readSshArmour(stdout) : null;
  if (blob !== null) return blob;
  const said = visible(stderr.trim().split("\n").at(-1) ?? "", 300);
  throw new SignerError(
    `ssh-keygen could not sign with ${visible(path)}: ${said === "" ? `exit code ${exitCode}` : said}`,
    `try it alone: ssh-keygen -Y sign -n ${sealTypes.sshNamespace} -f ${wordOf(path)} FILE`,
  );
}

type Ended = { exitCode: number | null; stdout: string; stderr: string };

function run(
  command: string,
  args: readonly string[],
  input: Uint8Array,
  context: SignerContext,
): Promise<Ended> {
  context.signal.throwIfAborted();
  const child = spawn(command, args, {
    cwd: context.directory,
    env: { ...context.variables },
    stdio: ["pipe", "pipe", "pipe"],
    shell: false,
    signal: context.signal,
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    if (output.stdout.length < most) output.stdout += chunk.toString("latin1");
  });
  let line = "";
  child.stderr.on("data", (chunk: Buffer) => {
    const text = chunk.toString("utf8");
    if (output.stderr.length < most) output.stderr += text;
    const lines = (line + text).split("\n");
    line = (lines.pop() ?? "").slice(-most);
    // "Confirm user presence for key …" must be seen while it waits; what it reads from is our own affair.
    for (const said of lines) if (/presence|touch|pin/i.test(said)) context.tell(visible(said));
  });
  // It may end before it has read everything: what it says then is the reason, not the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(context.signal.aborted ? context.signal.reason : unstartable(command, error)),
    );
    child.once("close", (exitCode) => resolve({ exitCode, ...output }));
  });
}

const unstartable = (command: string, error: Error): SignerError =>
  new SignerError(
    `${command} cannot be run: ${"code" in error ? String(error.code) : error.name}`,
    "install OpenSSH",
  );
