import {
  buildExplanation,
  formatPurl,
  parsePurl,
  renderExplain,
  rulesFor,
  shellWord,
  type Explanation,
  type LockedPackage,
} from "@countersign/core";
import { verifyProject, type Verification } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { MistakesError, mistakesOf } from "../mistakes.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { json, layoutOf } from "../render.ts";
import { requestOf } from "../request.ts";

export type ExplainOptions = ProjectOptions & { json?: boolean; verbose?: boolean };

/** Shows every locked package of that name; 0 when there is one, whatever was found out about it. */
export async function explain(host: Host, wanted: string, options: ExplainOptions): Promise<number> {
  const environment = environmentOf(host);
  const verification = await verifyProject({ ...requestOf(host, options), saves: "nothing" }, environment);
  const mistakes = mistakesOf(verification);
  if (mistakes.length > 0) throw new MistakesError(mistakes);
  const explanations = explanationsOf(verification, matcher(wanted), environment.now);
  if (explanations.length === 0) throw notLocked(wanted, verification);
  if (options.json === true) {
    host.terminal.out(json({ schema: "countersign/explanations/1", packages: explanations }));
    return 0;
  }
  const layout = layoutOf(host, "out", options.verbose ?? false);
  host.terminal.out(explanations.map((explanation) => renderExplain(explanation, layout)).join("\n"));
  return 0;
}

function explanationsOf(
  { lockfiles, policy }: Verification,
  wanted: (pkg: LockedPackage) => boolean,
  now: number,
): Explanation[] {
  return lockfiles.flatMap(({ set, verdicts, decision, origins }) =>
    set.packages.filter(wanted).map((pkg) =>
      buildExplanation({
        set,
        package: pkg,
        verdicts,
        decision,
        rules: rulesFor(policy, pkg, origins(pkg)?.voice ?? null),
        exceptions: policy.exceptions.filter(({ purl }) => purl === pkg.purl),
        now,
      }),
    ),
  );
}

/** `name`, `name@version` or a purl. An alias counts as a name: it is what the project calls the package. */
function matcher(wanted: string): (pkg: LockedPackage) => boolean {
  const purl = parsePurl(wanted);
  if (purl !== null) return (pkg) => pkg.purl === formatPurl(purl);
  const at = wanted.lastIndexOf("@");
  const [name, version] = at > 0 ? [wanted.slice(0, at), wanted.slice(at + 1)] : [wanted, null];
  return (pkg) =>
    (pkg.name === name || pkg.aliases.includes(name)) && (version === null || pkg.version === version);
}

const suggestions = 5;

function notLocked(wanted: string, { lockfiles }: Verification): CommandError {
  const files = lockfiles.map(({ set }) => set.lockfile.path).join(", ");
  const bare = wanted
    .replace(/^pkg:[a-z]+\//, "")
    .replace(/(?<!^)@[^@/]*$/, "")
    .toLowerCase();
  const near = new Set(
    lockfiles.flatMap(({ set }) =>
      set.packages
        .filter(({ name }) => name.toLowerCase().includes(bare))
        .map(({ name, version }) => `${name}@${version}`),
    ),
  );
  const shown = [...near].slice(0, suggestions).map((name) => `countersign explain ${shellWord(name)}`);
  return new CommandError(
    `${wanted} is not locked in ${files === "" ? "any lockfile that could be read" : files}`,
    shown.length === 0 ? "name it as the lockfile does: name, name@version or purl" : shown.join("\n"),
  );
}
