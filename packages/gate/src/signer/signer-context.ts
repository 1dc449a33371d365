import type { Instant, SealKey, Signer } from "@countersign/core";

/** Which key signs, as a command line or a configuration names it. Paths are relative to the working directory. */
export type SignerChoice =
  /** Ed25519 or P-256, PKCS#8 or SEC1 in PEM. */
  | { kind: "key"; path: string }
  /** Path of an OpenSSH private key, of a public one whose private half the agent has, or `agent`. */
  | { kind: "ssh"; key: string }
  /** Name of the environment variable that holds the secret. */
  | { kind: "hmac"; variable: string }
  | { kind: "hmac-file"; path: string }
  | ({ kind: "keyless" } & KeylessChoice)
  /** `awskms:///…`, `gcpkms://…`, `azurekms://…`, `hashivault://…`. */
  | { kind: "kms"; uri: string };

/**
 * Where a keyless signer gets certificate, log entry and timestamp, and who it says it is. With neither a signing
 * configuration nor an address, the Sigstore library's own instance is used. Addresses name the whole instance: what
 * is not named is not asked.
 */
export type KeylessChoice = {
  /** Path of a Sigstore SigningConfig; not together with addresses. */
  signingConfig: string | null;
  fulcioUrl: string | null;
  /** Of a Rekor v1; a v2 log is named by a signing configuration. */
  rekorUrl: string | null;
  tsaUrl: string | null;
  /** Path of a file with an identity token. */
  identityTokenFile: string | null;
  /** A person signs in at this issuer with a browser, even where a CI has a token. */
  oidcIssuer: string | null;
};

/** What a signer may know of the machine, and whom it may ask. */
export type SignerContext = {
  /** Absolute path of the working directory. */
  directory: string;
  /** Absolute path of the checked project: no program and no signer package is taken from it. */
  project: string;
  home: string;
  platform: NodeJS.Platform;
  variables: Readonly<Record<string, string | undefined>>;
  now(): Instant;
  /** Aborted by Ctrl-C: whatever waits for a person, a device or a server ends. */
  signal: AbortSignal;
  /** Asks the person at the terminal, without echo; null where nobody sits there or they gave up. */
  askPassphrase(prompt: string): Promise<string | null>;
  /** Open file descriptor that holds a passphrase and ends; null: ask. */
  passphraseFd: number | null;
  /** One line for the person, escaped already: a security key waits to be touched. */
  tell(line: string): void;
  /** Shows a person the page to sign in at; null where nobody sits at the terminal. */
  openBrowser: ((url: string) => Promise<void>) | null;
};

/** A signer with its public half. */
export type OpenedSigner = Signer & {
  /**
   * The key as the trust store holds it; null for keyless signers (their identity is in the certificate) and for a
   * secret in a file, which the trust store would name by a variable.
   */
  sealKey(): Promise<SealKey | null>;
};
