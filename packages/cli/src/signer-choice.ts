import type { SignerChoice } from "@countersign/gate";
import { Option, type Command } from "commander";
import { CommandError } from "./command-error.ts";

/** Options that say which key signs; exactly one kind of them. */
export type SignerOptions = {
  key?: string;
  ssh?: string;
  hmac?: string;
  hmacFile?: string;
  keyless?: boolean;
  kms?: string;
  signingConfig?: string;
  fulcioUrl?: string;
  rekorUrl?: string;
  tsaUrl?: string;
  identityTokenFile?: string;
  oidcIssuer?: string;
  passphraseFd?: string;
};

/** Adds the options that choose a signer. No secret is ever among them. */
export function withSigner(command: Command): Command {
  return command
    .option("--key <file>", "Ed25519 or P-256 private key (PEM)")
    .option("--ssh <key>", "OpenSSH private key, a public key that ssh-agent has, or `agent`")
    .option("--keyless", "Sigstore: the CI's identity, or a person's by way of a browser")
    .option("--kms <uri>", "awskms://, gcpkms://, azurekms:// or hashivault:// key")
    .option("--hmac <variable>", "shared secret of at least 32 bytes in this variable")
    .option("--hmac-file <file>", "the same, in a file")
    .addOption(new Option("--signing-config <file>", "keyless: Sigstore SigningConfig of another instance"))
    .addOption(new Option("--fulcio-url <url>", "keyless: certificate authority"))
    .addOption(new Option("--rekor-url <url>", "keyless: transparency log"))
    .addOption(new Option("--tsa-url <url>", "keyless: timestamp authority"))
    .addOption(new Option("--identity-token-file <file>", "keyless: OIDC token"))
    .addOption(new Option("--oidc-issuer <url>", "keyless: where a person signs in"))
    .addOption(new Option("--passphrase-fd <n>", "--key: file descriptor that its passphrase is read from"));
}

/** The one signer that a command line names. */
export function signerChoice(options: SignerOptions): SignerChoice {
  const choices: (SignerChoice | null)[] = [
    options.key === undefined ? null : { kind: "key", path: options.key },
    options.ssh === undefined ? null : { kind: "ssh", key: options.ssh },
    options.hmac === undefined ? null : { kind: "hmac", variable: options.hmac },
    options.hmacFile === undefined ? null : { kind: "hmac-file", path: options.hmacFile },
    options.kms === undefined ? null : { kind: "kms", uri: options.kms },
    options.keyless !== true
      ? null
      : {
          kind: "keyless",
          signingConfig: options.signingConfig ?? null,
          fulcioUrl: options.fulcioUrl ?? null,
          rekorUrl: options.rekorUrl ?? null,
          tsaUrl: options.tsaUrl ?? null,
          identityTokenFile: options.identityTokenFile ?? null,
          oidcIssuer: options.oidcIssuer ?? null,
        },
  ];
  const [only, another] = choices.filter((choice) => choice !== null);
  if (only === undefined)
    throw new CommandError(
      "nothing says which key signs",
      "name one: --key, --ssh, --keyless, --kms or --hmac",
    );
  if (another !== undefined)
    throw new CommandError("several keys are named, and a seal has one", "sign once with each");
  if (options.passphraseFd !== undefined && only.kind !== "key")
    throw new CommandError(
      "--passphrase-fd is read for --key alone",
      only.kind === "ssh"
        ? "leave it out: ssh-keygen asks by itself, and a key that ssh-agent holds (ssh-add) needs no passphrase"
        : "leave it out",
    );
  return only;
}
