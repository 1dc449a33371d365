/**
 * What an option of uv's does to what is installed. `place` says which project; `display`, `network` and `python`
 * hold for every step; `own` is what a strict run sets by itself; `select` chooses among what is locked; `resolve`
 * changes what gets locked; `weakens` turns a check off or brings in what no lockfile names.
 */
export type OptionKind =
  | "place"
  | "display"
  | "network"
  | "python"
  | "own"
  | "select"
  | "resolve"
  | "weakens";
export type Option = { kind: OptionKind; valued: boolean };

/** Names without dashes; `=` after those that take a value. */
const kinds: Readonly<Record<OptionKind, string>> = {
  place: "directory= project=",
  display: "quiet verbose color= no-progress help version",
  network: "offline system-certs native-tls no-cache keyring-provider=",
  python: "python= managed-python no-managed-python no-python-downloads",
  own: "frozen locked no-build binary no-config require-hashes no-sync require-build-hashes",
  select: `extra= all-extras no-extra= dev no-dev only-dev group= no-group= no-default-groups only-group= all-groups
    no-editable no-editable-package= exact inexact no-install-project no-install-workspace no-install-local
    no-install-package= package= all-packages output-format= dry-run check check-exists reinstall
    reinstall-package= refresh refresh-package= compile-bytecode no-compile-bytecode python-platform= script=
    module gui-script env-file= no-env-file no-project isolated with= with-editable= with-requirements= from= lfs
    requirements= constraints= overrides= excludes= editable marker= optional= raw bounds= rev= tag= branch=
    workspace no-workspace bump= short exclude= depth= prune= no-dedupe invert outdated show-sizes universal
    python-version= format= output-file= no-annotate no-header no-hashes no-emit-project no-emit-workspace
    no-emit-local no-emit-package= no-deps strict system break-system-packages no-break-system-packages target=
    prefix= force clear allow-existing prompt= relocatable system-site-packages generate-hashes no-strip-extras
    no-strip-markers annotation-style= emit-index-url emit-index-annotation with-executables-from= all
    allow-empty-requirements only-binary= user`,
  resolve: `index= default-index= index-url= extra-index-url= index-strategy= upgrade upgrade-package=
    upgrade-group= resolution= prerelease= prerelease-package= fork-strategy= exclude-newer=
    exclude-newer-package= no-sources no-sources-package=`,
  weakens: `no-binary no-binary-package= build no-build-package= no-build-isolation no-build-isolation-package=
    config-setting= config-settings-package= allow-insecure-host= config-file= cache-dir= no-verify-hashes
    find-links= no-index active link-mode= torch-backend= build-constraints= no-require-build-hashes seed cert=`,
};

const options: ReadonlyMap<string, Option> = new Map(
  (Object.entries(kinds) as [OptionKind, string][]).flatMap(([kind, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name): [string, Option] => [name.replace("=", ""), { kind, valued: name.endsWith("=") }]),
  ),
);

const shorts: Readonly<Record<string, string>> = {
  C: "config-setting",
  P: "upgrade-package",
  U: "upgrade",
  V: "version",
  f: "find-links",
  h: "help",
  i: "index-url",
  n: "no-cache",
  p: "python",
  q: "quiet",
  v: "verbose",
};
const requirementShorts = { r: "requirements", c: "constraints", b: "build-constraints" };
/** Where a command has a letter of its own. */
const commandShorts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  add: { r: "requirements", c: "constraints", m: "marker" },
  run: { m: "module", s: "script", w: "with" },
  export: { o: "output-file" },
  tree: { d: "depth" },
  venv: { c: "clear" },
  "tool run": { w: "with", c: "constraints", b: "build-constraints" },
  "tool install": { w: "with", c: "constraints", b: "build-constraints", e: "editable" },
  "pip install": { ...requirementShorts, e: "editable", t: "target" },
  "pip sync": { ...requirementShorts, t: "target" },
  "pip compile": { ...requirementShorts, o: "output-file" },
};
/** Where one name is a flag for one command and takes a value for another. */
const exceptions: Readonly<Record<string, boolean>> = {
  "run script": false,
  "pip install editable": true,
  "pip install no-binary": true,
  "pip sync no-binary": true,
  "pip compile no-binary": true,
};

/** The long name behind a letter of a command's. */
export const longName = (command: string, letter: string): string | null =>
  commandShorts[command]?.[letter] ?? (Object.hasOwn(shorts, letter) ? (shorts[letter] as string) : null);

/** @param name without dashes; null for an option that this table does not know */
export function optionOf(command: string, name: string): Option | null {
  const option = options.get(name);
  if (option === undefined) return null;
  const valued = exceptions[`${command} ${name}`];
  return valued === undefined ? option : { ...option, valued };
}
