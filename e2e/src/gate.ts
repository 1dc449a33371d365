import type { Flow, Gate } from "./cell.ts";
import type { CommandLine } from "./managers/adapter.ts";
import { executable, type Scene } from "./scene.ts";
import { managedPolicy } from "./seals.ts";

/** A gate's steps, one after the other while they succeed. */
export type Steps = readonly CommandLine[];

/** What a person types with this gate in the way. */
export function stepsOf(
  scene: Scene,
  gate: Gate,
  flow: Flow,
  offline: boolean,
  options: readonly string[],
): Steps {
  const { adapter } = scene;
  const manager: CommandLine = [
    ...adapter.commands[flow],
    ...(offline ? (adapter.offline.args[flow] ?? []) : []),
  ];
  const ours = (...args: readonly string[]): CommandLine => [process.execPath, executable, ...args];
  switch (gate) {
    case "wrapper":
      return [ours(...options, ...(offline ? ["--offline"] : []), ...manager)];
    case "sealed":
      return [
        ours(
          "--managed-policy",
          managedPolicy(scene),
          ...options,
          ...(offline ? ["--offline"] : []),
          ...manager,
        ),
      ];
    case "verify":
      return [ours("verify", ...options, ...(offline ? ["--offline"] : [])), manager];
    case "audit":
      return [manager, ["npm", "audit", "signatures"]];
    case "hook":
    case "plain":
    case "trust-policy":
      return [manager];
  }
}

/** Whether the gate exists for this manager. */
export function gateApplies(gate: Gate, manager: string): boolean {
  switch (gate) {
    case "wrapper":
    case "sealed":
    case "verify":
    case "plain":
      return true;
    case "audit":
      return manager === "npm-11" || manager === "npm-12";
    case "trust-policy":
      return manager.startsWith("pnpm");
    case "hook":
      return hooks.has(manager);
  }
}

/** npm 10 and 11 run a root script last: the hook's `devEngines` stops them before they install anything at all. */
const hooks: ReadonlySet<string> = new Set(["npm-12", "pnpm-10", "pnpm-11", "pnpm-12", "yarn-4", "bun-1"]);
