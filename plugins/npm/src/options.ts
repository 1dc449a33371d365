/** One option of a command line, by its full name. */
export type Option = { name: string; value: string | boolean };

export type Parsed = {
  options: readonly Option[];
  positional: readonly string[];
  /** Options that no npm knows, and those of which only some versions know that a value follows. */
  unclear: readonly string[];
};

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Options of npm 10 to 12 that are set by being named. */
const flags = words(`
  all allow-same-version allow-scripts-pending allow-scripts-pin allow-unused-patches audit
  bin-links browser bypass-2fa color commit-hooks dangerously-allow-all-scripts description dev
  diff-ignore-all-space diff-name-only diff-no-prefix diff-text dry-run engine-strict
  expect-results force foreground-scripts format-package-lock fund git-tag-version global
  global-style if-present ignore-existing ignore-extension ignore-patch-failures ignore-scripts
  include-attestations include-staged include-workspace-root init-private install-links json
  keep-edit-dir legacy-bundling legacy-peer-deps link long offline
  omit-lockfile-registry-resolved optional package-lock package-lock-only packages-all parseable
  prefer-dedupe prefer-offline prefer-online production progress provenance read-only
  rebuild-bundle save save-bundle save-dev save-exact save-optional save-peer save-prod
  shrinkwrap sign-git-commit sign-git-tag strict-allow-scripts strict-npmrc strict-peer-deps
  strict-ssl timing unicode update-notifier usage version versions workspaces workspaces-update
  yes
`);

/** Options of every npm from 10 to 12 that take a value. */
const valued = words(`
  _auth access also audit-level auth-type before ca cache cache-max cache-min cafile call cert
  cidr cpu depth diff diff-dst-prefix diff-src-prefix diff-unified editor expect-result-count
  fetch-retries fetch-retry-factor fetch-retry-maxtimeout fetch-retry-mintimeout fetch-timeout
  git globalconfig heading https-proxy include init-author-email init-author-name
  init-author-url init-license init-module init-version init.author.email init.author.name
  init.author.url init.license init.module init.version install-strategy key libc local-address
  location lockfile-version loglevel logs-dir logs-max maxsockets message node-options noproxy
  omit only os otp pack-destination package prefix preid provenance-file proxy registry
  replace-registry-host save-prefix sbom-format sbom-type scope script-shell searchexclude
  searchlimit searchopts searchstaleness shell tag tag-version-prefix umask user-agent
  userconfig viewer which workspace
`);

/** Options that take a value, and that one of these versions does not know: it would leave the value where it stands. */
const newer = words(`
  allow-directory allow-file allow-git allow-remote allow-scripts edit-dir expires
  extension-file global-ignore-file init-type min-release-age min-release-age-exclude name
  node-gyp orgs orgs-permission packages packages-and-scopes-permission password patches-dir
  scopes to token-description
`);

/** Flags that also take a word. */
const wordsOfFlags: Readonly<Record<string, readonly string[]>> = { color: ["always"] };

const shorthands: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    "enjoy-by": ["--before"],
    d: ["--loglevel", "info"],
    dd: ["--loglevel", "verbose"],
    ddd: ["--loglevel", "silly"],
    quiet: ["--loglevel", "warn"],
    q: ["--loglevel", "warn"],
    s: ["--loglevel", "silent"],
    silent: ["--loglevel", "silent"],
    verbose: ["--loglevel", "verbose"],
    desc: ["--description"],
    help: ["--usage"],
    local: ["--no-global"],
    n: ["--no-yes"],
    no: ["--no-yes"],
    porcelain: ["--parseable"],
    readonly: ["--read-only"],
    reg: ["--registry"],
    iwr: ["--include-workspace-root"],
    ws: ["--workspaces"],
    a: ["--all"],
    c: ["--call"],
    f: ["--force"],
    g: ["--global"],
    L: ["--location"],
    l: ["--long"],
    m: ["--message"],
    p: ["--parseable"],
    C: ["--prefix"],
    S: ["--save"],
    B: ["--save-bundle"],
    D: ["--save-dev"],
    E: ["--save-exact"],
    O: ["--save-optional"],
    P: ["--save-prod"],
    "?": ["--usage"],
    H: ["--usage"],
    h: ["--usage"],
    v: ["--version"],
    w: ["--workspace"],
    y: ["--yes"],
  }),
);

/**
 * Reads a command line as npm's own parser does (nopt with the definitions of npm 10 to 12), but for abbreviated
 * options, which are unclear: which option they stand for changes with every option that is added.
 */
export function parseOptions(args: readonly string[]): Parsed {
  const queue = [...args];
  const options: Option[] = [];
  const positional: string[] = [];
  const unclear: string[] = [];
  while (queue.length > 0) {
    const arg = queue.shift() as string;
    if (/^-{2,}$/.test(arg)) return { options, positional: [...positional, ...queue], unclear };
    if (!arg.startsWith("-") || arg === "-") {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const given = equals === -1 ? undefined : arg.slice(equals + 1);
    const bare = (equals === -1 ? arg : arg.slice(0, equals)).replace(/^-+/, "");
    const long = isKnown(bare) ? undefined : expand(bare);
    if (long !== undefined) {
      queue.unshift(...long, ...(given === undefined ? [] : [given]));
      continue;
    }
    if (given !== undefined) queue.unshift(given);
    read(bare, given !== undefined, queue, options, unclear);
  }
  return { options, positional, unclear };
}

const isKnown = (name: string): boolean => flags.has(name) || valued.has(name) || newer.has(name);

/** `-gf` is `-g -f` where every letter is a shorthand. */
function expand(bare: string): readonly string[] | undefined {
  const short = shorthands.get(bare);
  if (short !== undefined) return short;
  const letters = [...bare].map((letter) => shorthands.get(letter));
  return letters.length > 1 && letters.every((each) => each !== undefined) ? letters.flat() : undefined;
}

function read(bare: string, hadValue: boolean, queue: string[], options: Option[], unclear: string[]): void {
  let name = bare;
  let negated: boolean | null = null;
  while (name.startsWith("no-")) {
    negated = negated !== true;
    name = name.slice(3);
  }
  const next = queue[0];
  if (negated !== null || flags.has(name) || (!isKnown(name) && !hadValue)) {
    if (!isKnown(name)) unclear.push(bare);
    let value: string | boolean = negated !== true;
    if (next === "true" || next === "false") {
      queue.shift();
      value = (next === "true") === value;
    } else if (next !== undefined && (wordsOfFlags[name]?.includes(next) ?? false)) {
      queue.shift();
      value = next;
    } else if (hadValue) {
      queue.shift();
      unclear.push(bare);
    }
    options.push({ name, value });
    return;
  }
  if (!valued.has(name) && !(newer.has(name) && hadValue)) unclear.push(bare);
  // Whether npm takes a value that starts with a dash depends on the option's type.
  if (next === undefined || (!hadValue && next.startsWith("-"))) {
    unclear.push(bare);
    options.push({ name, value: true });
    return;
  }
  queue.shift();
  options.push({ name, value: next });
}

/** What an option comes to: its last value, as npm has it for all but lists. */
export const optionOf = ({ options }: Pick<Parsed, "options">, name: string): string | boolean | undefined =>
  options.findLast((option) => option.name === name)?.value;

/** An option as an argument that stands for itself. */
export const argumentOf = ({ name, value }: Option): string =>
  typeof value === "string" ? `--${name}=${value}` : value ? `--${name}` : `--no-${name}`;
