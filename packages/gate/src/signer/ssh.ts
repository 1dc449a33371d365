import { resolve } from "node:path";
import {
  formatSshSignature,
  readSshKey,
  sealTypes,
  SignerError,
  sshFingerprint,
  sshKeyBlob,
  sshSignedData,
  verifySshSignature,
  visible,
  type PublicSealKey,
} from "@countersign/core";
import { readPrivateFile, readPublicFile, wordOf } from "./private-file.ts";
import { sshSealKeyFor } from "./public-key.ts";
import type { OpenedSigner, SignerContext } from "./signer-context.ts";
import { openSshAgent, type AgentIdentity, type SshAgent } from "./ssh-agent.ts";
import { publicHalfOfPrivate, signWithSshKeygen } from "./ssh-keygen.ts";

/** Makes the SSHSIG blob over a message; whether it holds is checked afterwards. */
type MakeBlob = (message: Uint8Array) => Promise<Buffer>;

/**
 * A signer on an OpenSSH key: a private key's file through ssh-keygen, or a key that an agent holds, named by its
 * public file or, where it is the only one that fits, by `agent`.
 */
export async function openSsh(choice: string, context: SignerContext): Promise<OpenedSigner> {
  if (choice === "agent") {
    const agent = openSshAgent(context);
    return agentSigner("ssh-agent", agent, onlyKey(await agent.identities()), context);
  }
  const name = visible(choice);
  const text = (await readPublicFile(choice, context)).toString("latin1");
  if (text.includes("-----BEGIN OPENSSH PRIVATE KEY-----")) {
    const armour = (await readPrivateFile(choice, context)).toString("latin1");
    const path = resolve(context.directory, choice);
    return sshSigner(name, publicHalfOfPrivate(name, armour), context, (message) =>
      signWithSshKeygen(path, message, context),
    );
  }
  if (text.includes("PRIVATE KEY-----"))
    throw new SignerError(
      `${name} is no OpenSSH key`,
      `use --key ${wordOf(choice)}, or convert it: ssh-keygen -p -f ${wordOf(choice)}`,
    );
  const key = sshSealKeyFor(name, text.trim());
  const agent = openSshAgent(context);
  const wanted = sshKeyBlob(key);
  if (!(await agent.identities()).some(({ blob }) => blob.equals(wanted)))
    throw new SignerError(
      `ssh-agent does not hold the private half of ${name}`,
      `ssh-add ${wordOf(choice.replace(/\.pub$/, ""))}`,
    );
  return agentSigner(name, agent, key, context);
}

/** The one key of an agent that can make seals; with several, guessing would sign with somebody else's hat on. */
function onlyKey(identities: readonly AgentIdentity[]): PublicSealKey {
  const usable = identities.flatMap(({ blob, comment }) => {
    const read = readSshKey(blob);
    return read.ok ? [{ key: read.key, shown: `${sshFingerprint(blob)} ${visible(comment, 80)}` }] : [];
  });
  const [first, ...others] = usable;
  if (first === undefined)
    throw new SignerError(
      "ssh-agent holds no Ed25519 or P-256 key",
      "add one: ssh-add; make one: ssh-keygen -t ed25519",
    );
  if (others.length > 0)
    throw new SignerError(
      `ssh-agent holds ${usable.length} keys that fit: ${usable
        .slice(0, 8)
        .map(({ shown }) => shown)
        .join(", ")}`,
      "name one by its public file: --ssh ~/.ssh/id_ed25519.pub",
    );
  return first.key;
}

function agentSigner(
  name: string,
  agent: SshAgent,
  key: PublicSealKey,
  context: SignerContext,
): OpenedSigner {
  const publicKey = sshKeyBlob(key);
  const namespace = sealTypes.sshNamespace;
  const hash = "sha512";
  return sshSigner(name, key, context, async (message) => {
    if (key.application !== null) context.tell(`Touch the security key to sign with ${name}.`);
    const signature = await agent.sign(publicKey, sshSignedData(namespace, hash, message));
    return formatSshSignature({ publicKey, namespace, hash, signature });
  });
}

const sshSigner = (
  name: string,
  key: PublicSealKey,
  { signal }: SignerContext,
  make: MakeBlob,
): OpenedSigner => ({
  name,
  algorithm: key.algorithm,
  keyid: async () => key.keyid,
  sealKey: async () => key,
  sign: async (pae) => {
    signal.throwIfAborted();
    const signature = await make(pae);
    if (!verifySshSignature(key, pae, signature))
      throw new SignerError(
        `${name} was asked and something else came back: the signature is not this key's`,
        "see which key answers: ssh-add -l",
      );
    return { signature, material: { kind: "ssh", keyid: key.keyid } };
  },
});
