import { formatDigest, visible, type HumanOptions, type Mode } from "@countersign/core";
import {
  isFailure,
  type Held,
  type InstalledCheck,
  type ItemState,
  type RestoreItem,
} from "@countersign/gate";
import { count } from "./render.ts";

/**
 * `countersign/restore/1`, one lockfile. `as-locked`: all was there and nothing was done. `would-install`: `--dry-run`
 * found something to do. `failed`: the manager failed, or what it left is not what is locked.
 */
export type RestoredLockfile = InstalledCheck & {
  path: string;
  manager: string;
  mode: Mode;
  /** null where nothing was decided: mode `disabled`. */
  decision: "allow" | "block" | "incomplete" | null;
  action: "none" | "install";
  outcome: "as-locked" | "restored" | "would-install" | "blocked" | "incomplete" | "failed";
};

export type Restored = { dryRun: boolean; lockfiles: readonly RestoredLockfile[] };

/** What `--json` prints: digests as text, every other field as it is. */
export function restoreDocument({ dryRun, lockfiles }: Restored): unknown {
  const held = (value: Held | null): unknown =>
    value === null
      ? null
      : { version: value.version, digest: value.digest === null ? null : formatDigest(value.digest) };
  return {
    schema: "countersign/restore/1",
    dryRun,
    lockfiles: lockfiles.map(({ path, manager, mode, decision, action, outcome, items, obstacles }) => ({
      path,
      manager,
      mode,
      decision,
      action,
      outcome,
      items: items.map(({ purl, location, locked, installed, state, why }) => ({
        purl,
        location,
        locked: held(locked),
        installed: held(installed),
        state,
        why,
      })),
      obstacles,
    })),
  };
}

const shownItems = 20;
/** Where a manager keeps files that it links into projects, an edit in the project is an edit of those. */
const fixes: ReadonlyMap<string, string> = new Map([
  ["pnpm", 'rm -rf "$(pnpm store path)" node_modules && countersign restore'],
  ["yarn", "yarn cache clean --all && rm -rf node_modules && countersign restore"],
  ["uv", "uv cache clean && rm -rf .venv && countersign restore"],
]);
const words: Readonly<Record<ItemState, string>> = {
  installed: "as locked",
  missing: "missing",
  differs: "different",
  unlocked: "not locked",
  "not-needed": "not needed here",
  unchecked: "not checked",
};

/** One line for each lockfile, and what is not as locked. */
export function renderRestored({ lockfiles }: Restored, layout: HumanOptions): string {
  return lockfiles.map((lockfile) => renderLockfile(lockfile, layout)).join("");
}

function renderLockfile(lockfile: RestoredLockfile, { palette, verbose }: HumanOptions): string {
  const { path, outcome, items, obstacles } = lockfile;
  const good = outcome === "as-locked" || outcome === "restored";
  const colour = good ? palette.green : outcome === "would-install" ? palette.yellow : palette.red;
  const lines = [colour(`${outcome.replace("-", " ")}: ${visible(path)}: ${tally(items)}`)];
  const bad = items.filter(isFailure);
  for (const item of verbose ? bad : bad.slice(0, shownItems)) lines.push(...renderItem(item));
  if (!verbose && bad.length > shownItems)
    lines.push(`  and ${bad.length - shownItems} more; --verbose shows all`);
  for (const { location, why } of obstacles.slice(0, shownItems))
    lines.push(`  ${visible(location)}: ${visible(why)}`);
  if (obstacles.length > shownItems)
    lines.push(`  and ${count(obstacles.length - shownItems, "place")} more`);
  if (outcome === "failed" && (bad.length > 0 || obstacles.length > 0))
    lines.push(
      `  fix: ${fixes.get(lockfile.manager) ?? "remove what is installed, and run countersign restore again"}`,
    );
  return `${lines.join("\n")}\n`;
}

function tally(items: readonly RestoreItem[]): string {
  const parts = (Object.keys(words) as ItemState[]).flatMap((state) => {
    const number = items.filter((item) => item.state === state).length;
    return number === 0 ? [] : [`${number} ${words[state]}`];
  });
  return parts.length === 0 ? "nothing looked at" : parts.join(", ");
}

function renderItem({ purl, location, state, locked, why }: RestoreItem): string[] {
  const digest = locked?.digest ?? null;
  const place = location === null ? "" : ` in ${visible(location)}`;
  const what = why ?? (digest === null ? "" : `locked as ${formatDigest(digest)}`);
  return [`  ${words[state]}: ${visible(purl)}${place}`, ...(what === "" ? [] : [`    ${visible(what)}`])];
}
