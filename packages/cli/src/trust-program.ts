import { Option, type Command } from "commander";
import type { Add, Runner } from "./program.ts";
import { jsonFlag, repeated, withPolicy } from "./options.ts";

/** The commands of the trust store: who may seal lockfiles, and who may change that. */
export function addTrust(add: Add, program: Command, run: Runner): void {
  const trust = program
    .command("trust")
    .description("say who may seal lockfiles, and change it by more than one person");
  add(trust, "init", "make version 1 of .countersign/trust, signed with the given root keys", [
    "countersign trust init --root-key root.pem --signer alice=alice.pub",
    "countersign trust init --root-key mine.pem --root-key theirs-public.pem --threshold 2 --signer ci=ci.pem",
  ])
    .addOption(
      repeated("--signer <id=key>", "a signer and its public key: a file, or an OpenSSH line (repeatable)"),
    )
    .addOption(
      repeated(
        "--root-key <file>",
        "root key, Ed25519 or P-256 in PEM (repeatable); a public one signs later",
      ),
    )
    .option("--threshold <n>", "how many root keys must sign each version", "1")
    .option("--expires <days>", "days until the version must be renewed", "365")
    .option("--repository <url>", "whose lockfiles the signers approve; else the remote origin")
    .addOption(passphraseFd())
    .action(run(async () => (await import("./commands/trust-init.ts")).initTrust));
  withEdit(
    add(trust, "add", "add a signer, or a key or scope to one", [
      "countersign trust add bob --ssh-key bob.pub --paths 'apps/**' --key root.pem",
      "countersign trust add ci --identity issuer=https://issuer.example,san=https://forge.example/acme/app/ci.yml@refs/heads/main --predicates summary",
      "countersign trust add --allowed-signers .git_allowed_signers",
    ])
      .argument("[id]", "the signer's id, as the policy's groups name it")
      .addOption(repeated("--public-key <file>", "public key in PEM (repeatable)"))
      .addOption(repeated("--ssh-key <file>", "OpenSSH public key (repeatable)"))
      .option("--hmac <variable>", "variable that holds a shared secret; only its id is kept")
      .addOption(
        repeated("--identity <fields>", "keyless: issuer=…,san=…[,repositoryId=…][,ownerId=…] (repeatable)"),
      )
      .option("--predicates <list>", "approval, summary, or both with a comma; approval unless given")
      .addOption(repeated("--paths <glob>", "lockfiles that it may seal (repeatable); all unless given"))
      .addOption(repeated("--refs <glob>", "refs that it may seal for (repeatable); any unless given"))
      .option("--valid-from <time>", "what it signed before counts for nothing")
      .option("--valid-to <time>", "what it signs from then on counts for nothing")
      .option("--verifier-id <id>", "verifier that its summaries must name")
      .option("--allowed-signers <file>", "add every signer of an OpenSSH allowed_signers file"),
  ).action(run(async () => (await import("./commands/trust-add.ts")).addSigner));
  withEdit(
    add(trust, "remove", "take a signer out", ["countersign trust remove bob --key root.pem"]).argument(
      "<id>",
      "the signer's id",
    ),
  ).action(run(async () => (await import("./commands/trust-remove.ts")).removeTrusted));
  withEdit(
    add(trust, "rotate", "change the root keys, or renew the expiry", [
      "countersign trust rotate --add-root new-public.pem --remove-root KEYID --key old.pem",
      "countersign trust rotate --expires 365 --key root.pem",
    ])
      .addOption(repeated("--add-root <file>", "root key to add, public or private (repeatable)"))
      .addOption(repeated("--remove-root <keyid>", "root key to take out (repeatable)"))
      .option("--threshold <n>", "how many root keys must sign each version"),
  ).action(run(async () => (await import("./commands/trust-rotate.ts")).rotateTrust));
  withEdit(
    add(trust, "revoke", "revoke a key, a signer, or all older seals of a lockfile", [
      "countersign trust revoke alice --reason compromised --key root.pem",
      "countersign trust revoke SHA256:… --reason superseded --since 2027-06-30",
      "countersign trust revoke --path package-lock.json --not-before 2027-06-30",
    ])
      .argument("[keyid-or-signer]", "what is revoked")
      .addOption(
        new Option(
          "--reason <reason>",
          "compromised: nothing counts; superseded: what has an older trusted time does",
        ).choices(["compromised", "superseded"]),
      )
      .option("--since <time>", "from when on; now unless given")
      .option("--path <lockfile>", "with --not-before: from the repository's root")
      .option("--not-before <time>", "seals that were issued earlier count for nothing"),
  ).action(run(async () => (await import("./commands/trust-revoke.ts")).revokeTrust));
  add(trust, "sign", "sign the version that waits for signatures, after showing what it changes", [
    "countersign trust sign --key root.pem",
  ])
    .addOption(rootKeys())
    .addOption(yes())
    .addOption(passphraseFd())
    .action(run(async () => (await import("./commands/trust-sign.ts")).signTrust));
  withPolicy(
    add(trust, "list", "show versions, fingerprint, signers, keys, revocations and what pins them", [
      "countersign trust list",
      "countersign trust list --json --base origin/main",
      "countersign trust list --allowed-signers > allowed_signers",
    ]),
  )
    .addOption(jsonFlag())
    .option("--allowed-signers", "print the SSH keys as an OpenSSH allowed_signers file")
    .option("--trust-root <file>", "pin this root, whose fingerprint you have compared")
    .action(run(async () => (await import("./commands/trust-list.ts")).listTrust));
}

const rootKeys = (): Option => repeated("--key <file>", "private root key to sign with (repeatable)");
const yes = (): Option => new Option("--yes", "sign without asking");
const passphraseFd = (): Option =>
  new Option("--passphrase-fd <n>", "file descriptor with a line for each encrypted key: its passphrase");

/** Adds what every command takes that makes a version. */
function withEdit(command: Command): Command {
  return command
    .addOption(rootKeys())
    .option("--expires <days>", "days until the version must be renewed; 365 unless given")
    .addOption(yes())
    .addOption(passphraseFd());
}
