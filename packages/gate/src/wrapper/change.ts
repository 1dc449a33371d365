import { join } from "node:path";
import type { ReportedFinding } from "@countersign/core";
import { closureOf } from "../closure/closure.ts";
import { takeSnapshot } from "../closure/snapshot.ts";
import { runUnchanged, workspacesOf } from "./frozen.ts";
import { copyClosure } from "./lock-copy.ts";
import { mayRun, waitsForApproval } from "./may-run.ts";
import type { LockChange, WrapperHost } from "./wrapper.ts";

/**
 * Resolves on a copy, decides on the lockfile that came of it, and only then replaces the project's and installs it
 * frozen. Where only its approval is missing the lockfile is replaced and not installed: it has to be there to be
 * approved. In `warn` the copy only tells what would be locked: the user's own command then runs on the project as it is.
 */
export async function changeLock(host: WrapperHost, change: LockChange): Promise<number> {
  const { manager, directory, tool, user } = change;
  if ((await host.mode(directory)) === "disabled") return host.run(tool, user);
  const current = await host.verify({ directory, lockfiles: [] });
  const { mode } = current.report.decision;
  if (mode === "strict" && current.report.findings.some(forbidsResolving)) {
    host.show(current);
    return 1;
  }
  const copy = await copyClosure(
    manager,
    directory,
    join(host.environment.cacheDirectory, "copies"),
    workspacesOf(current),
    change.needs ?? [],
  );
  try {
    const resolution = change.resolve(copy.directory);
    const resolved = await host.capture(tool, {
      ...resolution,
      directory: resolution.directory ?? copy.directory,
    });
    if (resolved.exitCode !== 0) {
      if (mode === "warn") {
        host.say(`${tool} could not resolve this on a copy, so what it locks was not looked at beforehand`);
        return await host.run(tool, user);
      }
      host.say(resolved.stderr.trim() === "" ? resolved.stdout : resolved.stderr);
      // A manager may refuse a doctored lockfile itself: then its words are not all that there is to say.
      if (current.report.decision.outcome !== "block") return resolved.exitCode;
      host.show(current);
      return current.exitCode;
    }
    const judged = await takeSnapshot(copy.directory, closureOf(manager), workspacesOf(current));
    const known = new Set(current.lockfiles.flatMap(({ set }) => set.packages.map(({ purl }) => purl)));
    const verification = await host.verify({
      introduced: (purl) => !known.has(purl),
      directory: copy.directory,
      policyDirectory: directory,
      lockfiles: [change.lockfile],
    });
    host.show(verification);
    host.introduce(current, verification);
    if (!mayRun(verification)) {
      if (waitsForApproval(verification)) {
        await copy.takeBack([change.lockfile]);
        host.say(
          `${change.lockfile} was changed and nothing was installed; have it approved (countersign sign --approve), then install it frozen`,
        );
      }
      return verification.exitCode;
    }
    if (mode === "warn") return await host.run(tool, user);
    await copy.takeBack([change.lockfile]);
    return await runUnchanged(host, change, verification, judged);
  } finally {
    await copy.remove();
  }
}

/**
 * A lockfile that is refused may be what the change mends. Settings that weaken would weaken the resolution as well, and
 * a policy that loosens cannot judge what comes of it.
 */
const forbidsResolving = ({ effect, code }: ReportedFinding): boolean =>
  effect === "block" && (code.startsWith("settings/") || code.startsWith("policy/loosens"));
