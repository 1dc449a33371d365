import type { Refusal } from "@countersign/gate";
import { isGiven, readCommandLine, type CommandLine, type Given } from "./command-line.ts";
import type { OptionKind } from "./options.ts";

/**
 * Which flow a command takes. `plain` fetches and runs nothing of a package; `read` looks at the project's lockfile;
 * `inspect` runs the environment's interpreter; `uncovered` could fetch and no flow covers it.
 */
export type Flow =
  | "plain"
  | "read"
  | "inspect"
  | "sync"
  | "change"
  | "run"
  | "throwaway"
  | "tool-install"
  | "pip-install"
  | "pip-compile"
  | "venv"
  | "uncovered";

export type Plan = {
  flow: Flow;
  line: CommandLine;
  /** What strict mode does not let through of this command line. */
  refusals: readonly Refusal[];
};

const always: ReadonlySet<OptionKind> = new Set(["place", "display", "network", "python", "own"]);

const selection = `extra all-extras no-extra dev no-dev only-dev group no-group no-default-groups only-group all-groups
  no-editable no-editable-package exact inexact no-install-project no-install-workspace no-install-local
  no-install-package package all-packages reinstall reinstall-package refresh refresh-package compile-bytecode
  no-compile-bytecode`;
const resolution = `index default-index index-url extra-index-url index-strategy upgrade upgrade-package upgrade-group
  resolution prerelease prerelease-package fork-strategy exclude-newer exclude-newer-package no-sources
  no-sources-package refresh refresh-package`;

/** Whether an option of `uv sync` chooses among what is locked. */
export const isSelection = ({ name }: Given): boolean => selected.has(name);
const selected: ReadonlySet<string> = new Set(`${selection} output-format dry-run check`.split(/\s+/));

/** What each command takes in strict mode, besides the options that every one takes. */
const commands: Readonly<Record<string, { flow: Flow; takes?: string }>> = {
  sync: { flow: "sync", takes: `${selection} ${resolution} output-format dry-run check` },
  run: {
    flow: "run",
    takes: `${selection} ${resolution} module env-file no-env-file no-project with script`,
  },
  lock: { flow: "change", takes: `${resolution} dry-run check check-exists script` },
  add: {
    flow: "change",
    takes: `${resolution} requirements constraints marker dev optional group raw bounds rev tag branch lfs extra package script
      no-install-project no-install-workspace no-install-local workspace no-workspace`,
  },
  remove: { flow: "change", takes: `${resolution} dev optional group package script` },
  upgrade: { flow: "change", takes: `${resolution} exclude` },
  version: { flow: "change", takes: `${resolution} bump package short output-format` },
  tree: {
    flow: "read",
    takes: `universal format depth prune package no-dedupe invert show-sizes no-dev only-dev group no-group
      no-default-groups only-group all-groups python-version python-platform`,
  },
  export: {
    flow: "read",
    takes: `format all-packages package prune extra all-extras no-extra no-dev dev only-dev group no-group
      no-default-groups only-group all-groups no-annotate no-header no-editable no-hashes output-file no-emit-project
      no-emit-workspace no-emit-local no-emit-package`,
  },
  "workspace dir": { flow: "read", takes: "package" },
  "workspace list": { flow: "read" },
  "tool run": { flow: "throwaway", takes: `${resolution} from with isolated` },
  "tool install": { flow: "tool-install", takes: `${resolution} with force` },
  "pip install": {
    flow: "pip-install",
    takes: `${resolution} requirements constraints overrides excludes extra all-extras group no-deps system target prefix
      break-system-packages no-break-system-packages reinstall reinstall-package compile-bytecode strict dry-run
      output-format exact`,
  },
  "pip sync": {
    flow: "pip-install",
    takes: `${resolution} constraints system target prefix break-system-packages no-break-system-packages reinstall
      reinstall-package compile-bytecode strict dry-run output-format allow-empty-requirements`,
  },
  "pip compile": {
    flow: "pip-compile",
    takes: `${resolution} constraints overrides excludes extra all-extras group no-deps output-file format no-strip-extras
      no-strip-markers no-annotate no-header annotation-style generate-hashes python-platform universal
      no-emit-package emit-index-url emit-index-annotation python-version`,
  },
  "pip list": { flow: "inspect", takes: "format strict system target prefix" },
  "pip freeze": { flow: "inspect", takes: "strict system target prefix" },
  "pip show": { flow: "inspect", takes: "strict system target prefix" },
  "pip tree": {
    flow: "inspect",
    takes: "depth prune package no-dedupe invert show-sizes strict system target prefix",
  },
  "pip check": { flow: "inspect", takes: "system target prefix" },
  "pip uninstall": {
    flow: "inspect",
    takes: "requirements system target prefix dry-run break-system-packages",
  },
  "python find": { flow: "inspect", takes: "system no-project" },
  venv: {
    flow: "venv",
    takes: "clear force allow-existing prompt relocatable no-project system-site-packages",
  },
  ...plain(
    `help init publish generate-shell-completion`,
    `cache dir|cache clean|cache prune|cache size|self version|auth login|auth logout|auth token|auth dir|tool list|tool
      dir|tool uninstall|tool update-shell|python dir|python list|python pin|python uninstall|python update-shell`,
  ),
};

function plain(words: string, pairs: string): Record<string, { flow: Flow }> {
  const names = [...words.split(" "), ...pairs.split("|").map((name) => name.replaceAll(/\s+/g, " "))];
  return Object.fromEntries(names.map((name) => [name, { flow: "plain" }]));
}

/** Which flow a command line takes, and what of it strict mode refuses. Pure. */
export function planOf(tool: "uv" | "uvx", args: readonly string[]): Plan {
  const line = readCommandLine(tool, args);
  const { command } = line;
  if (command === "" || isGiven(line, "help") || (tool === "uvx" && isGiven(line, "version")))
    return { flow: "plain", line, refusals: [] };
  const spec = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (spec === undefined) return { flow: "uncovered", line, refusals: [] };
  const flow = narrowed(line, spec.flow);
  if (flow === "plain") return { flow, line, refusals: [] };
  const takes = new Set((spec.takes ?? "").split(/\s+/));
  return {
    flow,
    line,
    refusals: [
      ...(command === "upgrade" ? [upgrades] : []),
      ...line.options.flatMap((option) => refusalOf(option, command, takes)),
    ],
  };
}

/** `uv version` alone only reads, `uv lock --check` and `--dry-run` write nothing. */
function narrowed(line: CommandLine, flow: Flow): Flow {
  const { command, rest } = line;
  if (command === "version" && rest.length === 0 && !isGiven(line, "bump")) return "plain";
  if (command === "lock" && isGiven(line, "check", "check-exists", "dry-run", "locked", "frozen"))
    return "read";
  return flow;
}

/** It has no options that keep source archives from being built. */
const upgrades: Refusal = {
  code: "command/uncovered",
  why: "uv upgrade cannot be told to build nothing, and a project can set what is built.",
  fix: "countersign uv lock --upgrade, or --upgrade-package NAME",
};

const reasons: Readonly<Record<string, string>> = {
  "no-binary": "source archives would be built, which runs what they bring",
  "no-binary-package": "source archives would be built, which runs what they bring",
  build: "source archives would be built, which runs what they bring",
  "allow-insecure-host": "anybody on the way can answer for that host",
  "config-file": "the settings that were judged would not be the ones in force",
  "cache-dir": "archives in a cache are installed without a hash check",
  "no-verify-hashes": "hashes are not compared with what is downloaded",
  "find-links": "files from there come from no registry",
  "no-index": "what is left to install from is no registry",
  active: "the active environment was not made by a verified install",
  "link-mode": "a linked file that is edited in the environment changes the cache",
  seed: "pip and what comes with it are fetched without a lockfile",
};

function refusalOf({ name, kind, written }: Given, command: string, takes: ReadonlySet<string>): Refusal[] {
  if (takes.has(name) || (kind !== null && always.has(kind))) return [];
  if (kind === "weakens") {
    const why = reasons[name] ?? "it changes how packages are built or fetched";
    return [{ code: "settings/weakens", why: `${written}: ${why}.`, fix: `Leave ${written} out.` }];
  }
  return [
    {
      code: "command/uncovered",
      why: `No flow of strict mode covers ${written} of uv ${command}.`,
      fix: `Leave ${written} out.`,
    },
  ];
}
