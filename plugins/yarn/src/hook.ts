import type { Hooks, Project } from "./yarn.ts";
import type { InstallGate } from "./install-gate.ts";

/** One command, one project; Yarn makes every plugin twice. */
const gates = new WeakMap<Project, InstallGate>();
let watching: typeof import("./tarball-watch.ts") | null = null;

/**
 * What Yarn loads. Nothing else is loaded before an install begins, and nothing but the reading of the policy where
 * its mode is `disabled`.
 */
export const hooks: Hooks = {
  async validateProject(project, report) {
    if (gates.has(project)) return;
    const { InstallGate: Gate } = await import("./install-gate.ts");
    const gate = new Gate(project);
    gates.set(project, gate);
    if (await gate.begin(report)) watching = await import("./tarball-watch.ts");
  },
  async wrapNetworkRequest(execute, { method = "GET" }) {
    return watching === null || method !== "GET" ? execute : watching.watchTarball(execute);
  },
};
