import { Command, Option, type OutputConfiguration } from "commander";
import { visible } from "@countersign/core";
import type { Host } from "./host.ts";
import { initManagers } from "./init/managers.ts";
import { laterCommands } from "./later.ts";
import { addSeals } from "./seal-program.ts";
import { addTrust } from "./trust-program.ts";
import { wrappedCommands } from "./wrapped-command.ts";
import {
  format,
  jsonFlag,
  lockfiles,
  mode,
  npmKeys,
  repeated,
  trustedRoots,
  withPolicy,
  withProject,
} from "./options.ts";

/** A command's work: what a command line came to, as an exit code. */
type Run<Args extends unknown[]> = (host: Host, ...args: Args) => Promise<number>;

/**
 * Every command with its options and examples. What a command does is loaded when it runs, so that help and
 * completion cost next to nothing.
 * @param exit receives the exit code of the command that ran
 * @param first the command line's first word: where it names a command, that one is all that is described
 */
export function createProgram(host: Host, exit: (code: number) => void, first = ""): Command {
  const program = new Command("countersign");
  program
    .description("Verifies what a lockfile names before a package manager runs any of it.")
    .version(host.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput(outputOf(host))
    .configureHelp({ helpWidth: host.terminal.width("out"), sortSubcommands: false })
    .addHelpText(
      "after",
      `\nExit codes: 0 allowed, 1 blocked, 2 could not complete.\n\nGated package managers, with options of ours before the name:\n  ${wrappedCommands.join(" ")}\n\nThese names are taken for later versions:\n  ${laterCommands.join(" ")}\n\nStart with:\n  $ countersign verify`,
    );
  const run =
    <Args extends unknown[]>(load: () => Promise<Run<Args>>) =>
    async (...args: unknown[]): Promise<void> => {
      // commander passes the arguments, the options and the command itself; the last is not needed.
      const command = await load();
      exit(await command(host, ...(args.slice(0, -1) as Args)));
    };
  const add = (parent: Command, usage: string, description: string, examples: readonly string[]): Command =>
    parent
      .command(usage)
      .description(description)
      .addOption(new Option("--debug", "show the stack of an unexpected error"))
      .addHelpText("after", examplesText(examples));

  const known = commands.filter(({ names }) => names.includes(first));
  for (const { describe } of known.length > 0 ? known : commands) describe(add, program, run);
  if (known.length === 0) for (const name of laterCommands) refuseLater(program, name);
  return program;
}

export type Add = (
  parent: Command,
  usage: string,
  description: string,
  examples: readonly string[],
) => Command;
export type Runner = <Args extends unknown[]>(
  load: () => Promise<Run<Args>>,
) => (...args: unknown[]) => Promise<void>;

/** In the order of the help. */
const commands: readonly {
  names: readonly string[];
  describe: (add: Add, program: Command, run: Runner) => void;
}[] = [
  { names: ["verify"], describe: addVerify },
  { names: ["explain"], describe: addExplain },
  { names: ["verify-attestation"], describe: addVerifyAttestation },
  { names: ["evidence"], describe: addEvidence },
  { names: ["policy"], describe: addPolicy },
  { names: ["sign", "seal"], describe: addSeals },
  { names: ["trust"], describe: addTrust },
  { names: ["restore"], describe: addRestore },
  { names: ["init"], describe: addInit },
  { names: ["doctor"], describe: addDoctor },
  { names: ["sigstore-conformance"], describe: addConformance },
  { names: [], describe: addCompletion },
];

function addVerify(add: Add, program: Command, run: Runner): void {
  withProject(
    add(program, "verify", "verify every lockfile of the project and decide by its policy", [
      "countersign verify",
      "countersign verify --mode strict --base origin/main",
      "countersign verify --format json --output report.json",
    ]).addOption(mode()),
  )
    .addOption(
      new Option("--platform <which>", "artefacts of this machine only, or of all")
        .choices(["current", "all"])
        .default("all"),
    )
    .addOption(format())
    .addOption(new Option("--json", "the same as --format json"))
    .option("--output <file>", "write the report there; the summary stays on the terminal")
    .option("--verbose", "show what is fine too")
    .action(run(async () => (await import("./commands/verify.ts")).verify));
}

function addExplain(add: Add, program: Command, run: Runner): void {
  withProject(
    add(program, "explain", "show all that is known of a locked package", [
      "countersign explain left-pad",
      "countersign explain @acme/widget@1.2.0 --json",
      "countersign explain pkg:pypi/requests@2.32.0",
    ]).argument("<package>", "name, name@version or purl"),
  )
    .addOption(jsonFlag())
    .option("--verbose", "list everything that requires it")
    .action(run(async () => (await import("./commands/explain.ts")).explain));
}

function addVerifyAttestation(add: Add, program: Command, run: Runner): void {
  add(program, "verify-attestation", "verify the attestations of a file, without a project or a network", [
    "countersign verify-attestation widget-1.0.0.tgz --bundle attestations.json --subject pkg:npm/widget@1.0.0",
    "countersign verify-attestation --bundle widget.sigstore.json --identity repository=acme/widget",
    "countersign verify-attestation --bundle lines.jsonl --digest sha512:… --json",
  ])
    .argument("[artefact]", "the file that the attestations are about")
    .requiredOption("--bundle <file>", "bundle, JSON lines of bundles, npm attestations, or a PEP 740 object")
    .option("--digest <digest>", "ALG:HEX of the artefact: sha256, sha384 or sha512")
    .option("--subject <subject>", "purl or file name that the statements must name")
    .addOption(trustedRoots())
    .addOption(npmKeys())
    .addOption(
      repeated(
        "--identity <key=value>",
        "field of the builder's identity, as in a policy (repeatable); the issuer is github unless given",
      ),
    )
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/verify-attestation.ts")).verifyAttestation));
}

function addRestore(add: Add, program: Command, run: Runner): void {
  withProject(
    add(program, "restore", "make what is installed be what the lockfile names, and prove it", [
      "countersign restore",
      "countersign restore --dry-run --json",
      "countersign restore --lockfile uv.lock --mode strict",
    ]).addOption(mode()),
  )
    .option("--dry-run", "decide and compare, and change nothing")
    .addOption(jsonFlag())
    .option("--verbose", "show all that is not as locked, and the report")
    .action(run(async () => (await import("./commands/restore.ts")).restore));
}

function addInit(add: Add, program: Command, run: Runner): void {
  add(program, "init", "put the hook of this project's package manager in place, and a first policy", [
    "countersign init",
    "countersign init --yes --manager npm",
    "countersign init --remove",
  ])
    .addOption(
      new Option("--manager <name>", "this manager only; else all that are found").choices(initManagers),
    )
    .option("--remove", "take back what init wrote")
    .option("--yes", "write without asking")
    .action(run(async () => (await import("./commands/init.ts")).init));
}

function addDoctor(add: Add, program: Command, run: Runner): void {
  withProject(
    add(program, "doctor", "show versions, lockfiles, registries, trust and what would weaken them", [
      "countersign doctor",
      "countersign doctor --offline --json",
    ]),
  )
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/doctor.ts")).doctor));
}

function addConformance(add: Add, program: Command, run: Runner): void {
  const conformance = program
    .command("sigstore-conformance")
    .description("the protocol of Sigstore's conformance suite");
  add(conformance, "verify-bundle", "verify one bundle", [
    "countersign sigstore-conformance verify-bundle --bundle b.json --certificate-identity ID --certificate-oidc-issuer URL a.txt",
  ])
    .argument("<file-or-digest>", "the artefact, or its sha256:HEX")
    .requiredOption("--bundle <file>", "the bundle")
    .option("--certificate-identity <identity>", "subject alternative name, compared whole")
    .option("--certificate-oidc-issuer <url>", "issuer, compared whole")
    .option("--key <pem>", "public key, for a bundle without a certificate")
    .option("--trusted-root <file>", "trusted_root.json; else the embedded one")
    .option("--staging", "the staging instance (its root must be given)")
    .action(run(async () => (await import("./commands/sigstore-conformance.ts")).verifyBundle));
  add(conformance, "sign-bundle", "sign one file with an identity", [
    "countersign sigstore-conformance sign-bundle --identity-token TOKEN --bundle b.json a.txt",
  ])
    .argument("<file>", "the artefact, or with --in-toto the statement")
    .requiredOption("--identity-token <token>", "OpenID Connect token of whoever signs")
    .requiredOption("--bundle <file>", "where the bundle is written")
    .option("--trusted-root <file>", "trusted_root.json that the bundle must verify under")
    .option("--signing-config <file>", "Sigstore SigningConfig of the instance; else the library's own")
    .option("--in-toto", "sign the file as the statement of an envelope")
    .option("--staging", "the staging instance (its configuration must be given)")
    .action(run(async () => (await import("./commands/sigstore-conformance.ts")).signBundle));
}

/** It describes all the others, so no name of its own stands in the list. */
function addCompletion(add: Add, program: Command, run: Runner): void {
  add(program, "completion", "print a completion script", [
    'eval "$(countersign completion bash)"',
    "countersign completion fish > ~/.config/fish/completions/countersign.fish",
  ])
    .argument("<shell>", "bash, zsh, fish or powershell")
    .action(
      run(async () => {
        const { completion } = await import("./commands/completion.ts");
        return (own: Host, shell: string) => completion(own, shell, program);
      }),
    );
}

function addEvidence(add: Add, program: Command, run: Runner): void {
  const evidence = program
    .command("evidence")
    .description("collect evidence, and carry it to machines without a network");
  withProject(
    add(evidence, "fetch", "collect what verify needs, without deciding", ["countersign evidence fetch"]),
  ).action(run(async () => (await import("./commands/evidence-fetch.ts")).fetchEvidence));
  withProject(
    add(evidence, "pack", "write all that verifies one lockfile into one file", [
      "countersign evidence pack -o evidence.pack",
      "countersign evidence pack --lockfile uv.lock",
    ]),
  )
    .option("-o, --output <file>", "the pack", "evidence.pack")
    .action(run(async () => (await import("./commands/evidence-pack.ts")).packEvidence));
  withPolicy(
    add(evidence, "check", "say whether a pack is whole, of this lockfile, and enough to verify it offline", [
      "countersign evidence check evidence.pack",
    ])
      .argument("<pack>", "file made by evidence pack")
      .addOption(lockfiles())
      .addOption(trustedRoots())
      .addOption(npmKeys()),
  ).action(run(async () => (await import("./commands/evidence-check.ts")).checkEvidence));
  add(evidence, "import", "take a pack's evidence into the store", [
    "countersign evidence import evidence.pack --sha256 HEX",
  ])
    .argument("<pack>", "file made by evidence pack")
    .option(
      "--sha256 <hex>",
      "the pack's digest, from whoever made it; without it only evidence that proves itself is taken",
    )
    .action(run(async () => (await import("./commands/evidence-import.ts")).importEvidence));
}

function addPolicy(add: Add, program: Command, run: Runner): void {
  const policy = program.command("policy").description("write, check and show the policy");
  add(policy, "init", "write .countersign/policy.yaml for this project, in mode warn", [
    "countersign policy init",
  ])
    .addOption(lockfiles())
    .action(run(async () => (await import("./commands/policy-init.ts")).initPolicy));
  withPolicy(
    add(policy, "check", "list every mistake of the policy, with its line", [
      "countersign policy check",
      "countersign policy check other-policy.yaml",
    ]).argument("[file]", "a policy file; else all layers of this project"),
  ).action(run(async () => (await import("./commands/policy-check.ts")).checkPolicy));
  withPolicy(
    add(policy, "show", "show the policy that holds, and which line says so", [
      "countersign policy show",
      "countersign policy show --base origin/main --json",
    ]),
  )
    .addOption(jsonFlag())
    .action(run(async () => (await import("./commands/policy-show.ts")).showPolicy));
}

/** A name that is taken: whatever follows it is not looked at. */
function refuseLater(parent: Command, name: string): void {
  const command = parent.command(name, { hidden: true });
  command
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions()
    .argument("[args...]")
    .action(() => {
      command.error(`error: ${name} comes later; this version verifies: countersign verify`, { exitCode: 2 });
    });
}

const examplesText = (examples: readonly string[]): string =>
  `\n${examples.length === 1 ? "Example" : "Examples"}:\n${examples.map((example) => `  $ ${example}`).join("\n")}`;

function outputOf({ terminal }: Host): OutputConfiguration {
  return {
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
    // What is echoed of the command line may come from a script's variables.
    outputError: (text, write) => {
      const lines = text
        .trimEnd()
        .replace(/^error: /, "countersign: ")
        .split("\n");
      write(`${lines.map((line) => visible(line)).join("\n")}\n`);
    },
    getOutHelpWidth: () => terminal.width("out"),
    getErrHelpWidth: () => terminal.width("err"),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  };
}
