import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { SshReader, sshKeyBlob, sshString, sshUint32, type PublicSealKey } from "@countersign/core";
import { rawSignature, type SealKeyPair } from "../../core/test/seal-keys.ts";

/** What an agent says to one request; null: it hangs up. */
export type AgentAnswer = (type: number, request: SshReader) => Buffer | null | "silence";

export type StubAgent = { socket: string; requests: number[]; close(): Promise<void> };

/** Listens as an SSH agent does (OpenSSH PROTOCOL.agent) and answers as told. `answer` gives whole messages. */
export async function startStubAgent(directory: string, answer: AgentAnswer): Promise<StubAgent> {
  const requests: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE()) return;
      const type = received.readUInt8(4);
      requests.push(type);
      const said = answer(type, new SshReader(received.subarray(5)));
      if (said === null) socket.destroy();
      // In two pieces, as a stream may deliver it.
      else if (said !== "silence") socket.write(said.subarray(0, 3), () => socket.write(said.subarray(3)));
    });
  });
  const socket = join(directory, `agent-${Math.random().toString(36).slice(2, 8)}`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    requests,
    close: async () => {
      for (const each of sockets) each.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const agentMessage = (type: number, ...parts: readonly Buffer[]): Buffer =>
  sshString(Buffer.concat([Buffer.of(type), ...parts]));

/** An honest agent that holds these keys, FIDO ones with an authenticator whose owner touches it at once. */
export function honestAgent(keys: readonly SealKeyPair[], comment = "alice@laptop"): AgentAnswer {
  return (type, request) => {
    if (type === 11) {
      const listed = keys.flatMap(({ key }) => [sshString(sshKeyBlob(key)), sshString(comment)]);
      return agentMessage(12, sshUint32(keys.length), ...listed);
    }
    const [blob, data] = [request.string(), request.string()];
    const pair = keys.find(({ key }) => sshKeyBlob(key).equals(blob));
    return pair === undefined ? agentMessage(5) : agentMessage(14, sshString(wireSignature(pair, data)));
  };
}

const names: Partial<Record<PublicSealKey["algorithm"], string>> = {
  "sshsig-ed25519": "ssh-ed25519",
  "sshsig-ecdsa-p256": "ecdsa-sha2-nistp256",
  "sshsig-sk-ed25519": "sk-ssh-ed25519@openssh.com",
  "sshsig-sk-ecdsa-p256": "sk-ecdsa-sha2-nistp256@openssh.com",
};

/** A signature as an agent gives it; of FIDO keys with flags (present) and counter (OpenSSH PROTOCOL.u2f). */
export function wireSignature({ key, privateKey }: SealKeyPair, data: Uint8Array): Buffer {
  const name = sshString(names[key.algorithm] ?? "");
  if (key.application === null) return Buffer.concat([name, sshString(rawSignature(privateKey, data))]);
  const proof = Buffer.concat([Buffer.of(1), sshUint32(7)]);
  const signed = Buffer.concat([sha256(Buffer.from(key.application)), proof, sha256(data)]);
  return Buffer.concat([name, sshString(rawSignature(privateKey, signed)), proof]);
}

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
