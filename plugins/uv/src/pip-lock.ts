import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  mayRun,
  nothingToApprove,
  policyHome,
  readManager,
  waitsForApproval,
  type Captured,
  type Verification,
} from "@countersign/gate";
import { commonOptions, namedOptions, optionsOf, variablesFor, workingDirectory, type Call } from "./call.ts";
import { isGiven, writeOptions, type Given } from "./command-line.ts";

/** What is to be locked for this machine: one wheel per package. */
export type PipRequest = {
  /** Requirements, one a line. */
  requirements: readonly string[];
  /** Absolute paths of requirements files. */
  files: readonly string[];
  /** `--python X`, or nothing. */
  python: readonly string[];
};

const pathOptions: ReadonlySet<string> = new Set(["constraints", "overrides", "excludes"]);

/** The options of a resolution, with files as absolute paths. */
export function compileOptions(call: Call): string[] {
  const names = new Set(["extra", "all-extras", "group", "no-deps", ...pathOptions]);
  const directory = workingDirectory(call);
  const absolute = (option: Given): Given =>
    option.value !== null && pathOptions.has(option.name)
      ? { ...option, value: resolve(directory, option.value) }
      : option;
  return [
    ...optionsOf(call.plan.line, "resolve"),
    ...writeOptions(call.plan.line.options.filter(({ name }) => names.has(name)).map(absolute)),
  ];
}

/** The configured indexes as options: configuration files themselves could also say what is built. */
export async function indexOptions(call: Call): Promise<string[]> {
  if (isGiven(call.plan.line, "index", "default-index", "index-url", "extra-index-url")) return [];
  const { first, others } = await configuredIndexes(call);
  return [...(first === null ? [] : [`--default-index=${first}`]), ...others.map((url) => `--index=${url}`)];
}

async function configuredIndexes(call: Call): Promise<{ first: string | null; others: readonly string[] }> {
  const { variables, home, platform } = call.host.environment;
  const configuration = await readManager("uv", {
    directory: workingDirectory(call),
    home,
    environment: variables,
    platform,
    registries: null,
  });
  const first = configuration.registryOf("pypi", "");
  return { first, others: configuration.registries.filter((url) => url !== first) };
}

/**
 * Locks requirements into a pylock.toml of a directory of its own (`uv pip compile`), and decides on it.
 * @param use is given the lockfile's absolute path and the decision
 */
export async function withPylock(
  call: Call,
  request: PipRequest,
  use: (pylock: string, verification: Verification) => Promise<number>,
  failed: (captured: Captured) => Promise<number>,
): Promise<number> {
  const { host, plan } = call;
  const parent = join(host.environment.cacheDirectory, "copies");
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parent, "pip-"));
  try {
    const pylock = join(directory, "pylock.toml");
    const input = join(directory, "requirements.in");
    await writeFile(input, `${request.requirements.join("\n")}\n`);
    const { first } = await configuredIndexes(call);
    // A pylock.toml of uv's names no index, so the verification is told which one was asked.
    const typed = plan.line.options.find(({ name }) => name === "default-index" || name === "index-url");
    const index = typed?.value ?? first;
    if (index !== null && index !== undefined)
      await writeFile(
        join(directory, "uv.toml"),
        `[[index]]\nurl = ${JSON.stringify(index)}\ndefault = true\n`,
      );
    const compiled = await host.capture("uv", {
      args: [
        "pip",
        "compile",
        "--format",
        "pylock.toml",
        "-o",
        pylock,
        "--no-build",
        "--no-config",
        ...request.python,
        ...commonOptions(plan.line),
        ...namedOptions(plan.line, "python-version"),
        ...compileOptions(call),
        ...(await indexOptions(call)),
        ...(request.requirements.length > 0 ? [input] : []),
        ...request.files,
      ],
      directory,
      variables: variablesFor(call, "resolve", policyHome(workingDirectory(call)), null),
    });
    if (compiled.exitCode !== 0) return await failed(compiled);
    const verification = await host.verify({
      directory,
      policyDirectory: policyHome(workingDirectory(call)),
      lockfiles: ["pylock.toml"],
    });
    if (!mayRun(verification) && waitsForApproval(verification)) host.refuse(nothingToApprove);
    else host.show(verification);
    host.introduce({ ...verification, lockfiles: [] }, verification);
    return await use(pylock, verification);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
