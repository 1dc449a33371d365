import type { OpenedSigner, SignerChoice, SignerContext } from "./signer-context.ts";

/**
 * Opens the signer that was named. What a kind of key needs is loaded when it is chosen.
 * @throws SignerError where the key is missing, locked, of the wrong kind, or out of reach; an abort's reason
 */
export async function openSigner(choice: SignerChoice, context: SignerContext): Promise<OpenedSigner> {
  context.signal.throwIfAborted();
  switch (choice.kind) {
    case "key":
      return (await import("./key-file.ts")).openKeyFile(choice.path, context);
    case "ssh":
      return (await import("./ssh.ts")).openSsh(choice.key, context);
    case "hmac":
    case "hmac-file":
      return (await import("./hmac.ts")).openHmac(choice, context);
    case "keyless":
      return (await import("./keyless.ts")).openKeyless(choice, context);
    case "kms":
      return (await import("./kms.ts")).openKms(choice.uri, context);
  }
}
