import { connect } from "node:net";
import { SignerError, SshReader, sshString, sshUint32, visible } from "@countersign/core";
import type { SignerContext } from "./signer-context.ts";

/** A key that an agent holds: its public half in wire form, and what its owner calls it. */
export type AgentIdentity = { blob: Buffer; comment: string };

/**
 * An SSH agent over its socket (OpenSSH PROTOCOL.agent). Whoever listens there may say anything: answers are bounded
 * in size and time, and what it signs is checked by whoever asked.
 */
export type SshAgent = {
  identities(): Promise<AgentIdentity[]>;
  /** The signature in wire form. Waits for a person where the key asks for one. */
  sign(blob: Buffer, data: Uint8Array): Promise<Buffer>;
};

export type AgentLimits = {
  /** Most bytes of one message; OpenSSH's own bound. */
  messageBytes: number;
  identities: number;
  listTime: number;
  /** A person may have to confirm, or to touch a key. */
  signTime: number;
};

export const agentLimits: AgentLimits = {
  messageBytes: 256 * 1024,
  identities: 2048,
  listTime: 10_000,
  signTime: 120_000,
};

const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const failures: ReadonlySet<number> = new Set([5, 30, 102]);

const start = "start one and add the key: eval $(ssh-agent) && ssh-add";

export function openSshAgent(
  { variables, platform, signal }: Pick<SignerContext, "variables" | "platform" | "signal">,
  limits: AgentLimits = agentLimits,
): SshAgent {
  const address =
    variables["SSH_AUTH_SOCK"] || (platform === "win32" ? String.raw`\\.\pipe\openssh-ssh-agent` : null);
  if (address === null) throw new SignerError("no ssh-agent: SSH_AUTH_SOCK is not set", start);
  const ask = (request: Buffer, time: number): Promise<SshReader> =>
    exchange(address, sshString(request), limits.messageBytes, AbortSignal.timeout(time), signal);
  return {
    identities: async () =>
      readIdentities(await ask(Buffer.from([requestIdentities]), limits.listTime), limits),
    sign: async (blob, data) => {
      const request = [Buffer.from([signRequest]), sshString(blob), sshString(data), sshUint32(0)];
      const answer = await ask(Buffer.concat(request), limits.signTime);
      const type = answer.take(1)[0];
      if (type !== undefined && failures.has(type))
        throw new SignerError(
          "ssh-agent refused to sign",
          "confirm or touch the key when it asks; ssh-add -l lists the keys, ssh-add -X unlocks the agent",
        );
      const signature = answer.string();
      if (type !== signResponse || !answer.isDone) throw malformed();
      return signature;
    },
  };
}

function readIdentities(answer: SshReader, limits: AgentLimits): AgentIdentity[] {
  const type = answer.take(1)[0];
  if (type !== undefined && failures.has(type))
    throw new SignerError("ssh-agent refused to list its keys", "unlock it: ssh-add -X");
  const count = answer.uint32();
  if (type !== identitiesAnswer || count > limits.identities) throw malformed();
  const identities = Array.from({ length: count }, () => ({
    blob: answer.string(),
    comment: answer.string().toString("utf8"),
  }));
  if (!answer.isDone) throw malformed();
  return identities;
}

const malformed = (): SignerError =>
  new SignerError("what answers at SSH_AUTH_SOCK does not speak ssh-agent's protocol", start);

/** Sends one message and reads one; a connection each, so that nothing of an earlier answer is taken for a later one. */
function exchange(
  address: string,
  message: Buffer,
  most: number,
  deadline: AbortSignal,
  cancelled: AbortSignal,
): Promise<SshReader> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (finish: () => void): void => {
      socket.destroy();
      deadline.removeEventListener("abort", late);
      cancelled.removeEventListener("abort", cancel);
      finish();
    };
    const fail = (error: unknown): void => settle(() => reject(error));
    const late = (): void =>
      fail(new SignerError("ssh-agent did not answer in time", "confirm or touch the key when it asks"));
    const cancel = (): void => fail(cancelled.reason);
    if (cancelled.aborted) return cancel();
    deadline.addEventListener("abort", late, { once: true });
    cancelled.addEventListener("abort", cancel, { once: true });
    socket.on("connect", () => void socket.write(message));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      const head = size < 4 ? null : Buffer.concat(chunks.slice(0, 4)).readUInt32BE(0);
      if (head !== null && (head === 0 || head > most || size > 4 + head)) return fail(malformed());
      if (head !== null && size === 4 + head)
        settle(() => resolve(new SshReader(Buffer.concat(chunks).subarray(4))));
    });
    socket.on("error", (error: NodeJS.ErrnoException) =>
      fail(
        new SignerError(
          `ssh-agent cannot be reached at ${visible(address)}: ${error.code ?? "unknown"}`,
          start,
        ),
      ),
    );
    socket.on("close", () => fail(malformed()));
  });
}
