/** A command line of pnpm, taken apart as far as a gate must know it. */
export type CommandLine = {
  /** pnpm's own name of the command: `install` for `i`; null where there is none (`pnpm`, `pnpm --version`). */
  command: string | null;
  /** The command as typed, for people. */
  typed: string;
  /** Everything before the command. */
  before: readonly string[];
  /** Everything after it. */
  after: readonly string[];
  /** What of that is neither an option nor an option's value. */
  operands: readonly string[];
  /** `-C`, `--dir`. */
  directory: string | null;
  /** `-g`, `--global`. */
  global: boolean;
  /** An option before the command that may take the next word: then the command could be another one. */
  doubtful: boolean;
  /** Options as they stand, without values: `--lockfile-only`. */
  options: ReadonlySet<string>;
};

const aliases: ReadonlyMap<string, string> = new Map([
  ["i", "install"],
  ["clean-install", "ci"],
  ["ic", "ci"],
  ["install-clean", "ci"],
  ["rm", "remove"],
  ["un", "remove"],
  ["uninstall", "remove"],
  ["uni", "remove"],
  ["up", "update"],
  ["upgrade", "update"],
  ["rb", "rebuild"],
  ["run-script", "run"],
  ["t", "test"],
  ["tst", "test"],
  ["ls", "list"],
  ["la", "list"],
  ["ll", "list"],
  ["c", "config"],
  ["it", "install-test"],
  ["ln", "link"],
]);

/** Options that take the next argument. */
const valued: ReadonlySet<string> = new Set([
  "-C",
  "--dir",
  "-F",
  "--filter",
  "--filter-prod",
  "--workspace-concurrency",
  "--reporter",
  "--loglevel",
  "--registry",
  "--store-dir",
  "--virtual-store-dir",
  "--modules-dir",
  "--lockfile-dir",
  "--cache-dir",
  "--state-dir",
  "--global-dir",
  "--global-bin-dir",
  "--network-concurrency",
  "--child-concurrency",
  "--fetch-retries",
  "--fetch-timeout",
  "--node-linker",
  "--package-import-method",
  "--test-pattern",
  "--changed-files-ignore-pattern",
  "--resume-from",
  "--script-shell",
  "--save-catalog-name",
  "--save-prefix",
  "--tag",
  "--depth",
  "--cpu",
  "--os",
  "--libc",
  "--package",
  "--allow-build",
]);

/** Options that take none and may stand before the command. Any other there leaves in doubt which word is the command. */
const plain: ReadonlySet<string> = new Set(
  (
    "-r --recursive -w --workspace-root -g --global -s --silent -h --help -v --version --color --no-color --stream " +
    "--parallel --no-bail --bail --use-stderr --aggregate-output --include-workspace-root --ignore-workspace " +
    "--if-present --fail-if-no-match --offline --prefer-offline --ignore-pnpmfile"
  ).split(" "),
);

/** Commands whose later words belong to another program. */
const passing: ReadonlySet<string> = new Set([
  "run",
  "exec",
  "dlx",
  "create",
  "test",
  "start",
  "restart",
  "stop",
  "node",
]);

/** @param args after `pnpm` */
export function readCommandLine(args: readonly string[]): CommandLine {
  const options = new Set<string>();
  const operands: string[] = [];
  let at: number | null = null;
  let directory: string | null = null;
  let doubtful = false;
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] as string;
    if (at !== null && (arg === "--" || (passing.has(nameOf(args[at] as string)) && operands.length > 0))) {
      operands.push(...args.slice(arg === "--" ? index + 1 : index));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      if (at === null) at = index;
      else operands.push(arg);
      continue;
    }
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const option = equals === -1 ? arg : arg.slice(0, equals);
    let value = equals === -1 ? null : arg.slice(equals + 1);
    if (at === null && value === null && !valued.has(option) && !plain.has(option)) doubtful = true;
    if (value === null && valued.has(option)) {
      index += 1;
      value = args[index] ?? null;
    }
    if (value !== "false") options.add(option);
    if (option === "-C" || option === "--dir") directory = value;
  }
  const typed = at === null ? "" : (args[at] as string);
  return {
    command: at === null ? null : nameOf(typed),
    typed: `pnpm ${typed}`.trimEnd(),
    before: args.slice(0, at ?? args.length),
    after: at === null ? [] : args.slice(at + 1),
    operands,
    directory,
    doubtful,
    global: options.has("-g") || options.has("--global"),
    options,
  };
}

const nameOf = (typed: string): string => aliases.get(typed) ?? typed;

/** The same command line for where `--dir` leads to. */
export function withoutDirectory(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] as string;
    if (arg === "--") return [...kept, ...args.slice(index)];
    if (arg === "-C" || arg === "--dir") index += 1;
    else if (!arg.startsWith("--dir=")) kept.push(arg);
  }
  return kept;
}
