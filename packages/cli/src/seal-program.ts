import { Option, type Command } from "commander";
import type { Add, Runner } from "./program.ts";
import { jsonFlag, lockfiles, withProject } from "./options.ts";
import { withSigner } from "./signer-choice.ts";

/** Adds `sign` and `seal …`. */
export function addSeals(add: Add, program: Command, run: Runner): void {
  withSigner(
    withProject(
      add(program, "sign", "approve the lockfile as it stands, or sign a summary of its verification", [
        "countersign sign --approve --ssh ~/.ssh/id_ed25519",
        "countersign sign --approve --key release.pem --lockfile uv.lock",
        "countersign sign --summary --keyless --yes",
        "countersign sign --summary --kms awskms:///alias/countersign --expires 14 --yes",
      ]),
    ),
  )
    .option("--approve", "these bytes were reviewed by me (the default)")
    .option("--summary", "these bytes passed the policy: replaces evidence until it expires")
    .option("--as <id>", "signer of the trust store, where a key or identity is of several")
    .addOption(new Option("--expires <days>", "of a summary; else the policy's maxAge"))
    .option("--yes", "sign without asking")
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/sign.ts")).sign));
  const seal = program.command("seal").description("look at seals, check them, clear them away");
  add(seal, "inspect", "show what seals say, unverified", [
    "countersign seal inspect",
    "countersign seal inspect .countersign/seals/DIGEST/CLAIM.json --json",
  ])
    .argument("[files...]", "seal files; else those of the lockfiles as they stand")
    .addOption(lockfiles())
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/seal-inspect.ts")).inspectSeals));
  withProject(
    add(seal, "verify", "say of each seal whether it counts, and why not", [
      "countersign seal verify",
      "countersign seal verify --base origin/main --ref refs/heads/main --json",
    ]),
  )
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/seal-verify.ts")).verifySealsCommand));
  withProject(
    add(seal, "prune", "remove seals that count for nothing", [
      "countersign seal prune --dry-run",
      "countersign seal prune --yes",
    ]),
  )
    .option("--dry-run", "only name them")
    .option("--yes", "remove without asking")
    .action(run(async () => (await import("./commands/seal-prune.ts")).pruneSeals));
}
