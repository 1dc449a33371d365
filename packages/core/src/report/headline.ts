import { visible } from "./escape.ts";
import { plural } from "./layout.ts";
import type { Report } from "./report.ts";

/** The one line that a person reads first: `blocked: 3 of 412 packages fail (strict, .countersign/policy.yaml)`. */
export type Headline = { tone: "good" | "warn" | "bad"; sign: string; ascii: string; text: string };

export function headline(report: Report): Headline {
  const { mode, outcome, strict } = report.decision;
  const files = report.policy.layers.map(({ path }) => visible(path));
  const where = report.policy.builtIn || files.length === 0 ? "built-in policy" : files.join(" + ");
  const tail = ` (${mode}, ${where})`;
  if (mode === "disabled")
    return { tone: "warn", sign: "-", ascii: "-", text: `disabled: nothing was checked${tail}` };
  const troubles = listTroubles(report);
  if (outcome === "block") return { tone: "bad", sign: "✗", ascii: "x", text: `blocked: ${troubles}${tail}` };
  if (outcome === "incomplete")
    return { tone: "bad", sign: "?", ascii: "?", text: `incomplete: ${troubles}${tail}` };
  if (strict !== "allow") {
    const verb = strict === "block" ? "block" : "stop";
    return {
      tone: "warn",
      sign: "!",
      ascii: "!",
      text: `allowed, but strict would ${verb}: ${troubles}${tail}`,
    };
  }
  return { tone: "good", sign: "✓", ascii: "ok", text: `allowed: ${allowed(report)}${tail}` };
}

function listTroubles({ counts, findings }: Report): string {
  const others = findings.filter(({ effect, purl }) => effect === "block" && purl === null).length;
  const parts: string[] = [];
  const verb = counts.failed === 1 && counts.packages === 1 ? "fails" : "fail";
  if (counts.failed > 0) parts.push(`${counts.failed} of ${plural(counts.packages, "package")} ${verb}`);
  if (counts.unchecked > 0) {
    const of = counts.failed > 0 ? "" : ` of ${plural(counts.packages, "package")}`;
    parts.push(`${counts.unchecked}${of} could not be checked`);
  }
  if (others > 0) parts.push(`${plural(others, "problem")} outside the packages`);
  return parts.length === 0 ? "no finding says why" : parts.join(", ");
}

function allowed({ counts, lockfiles }: Report): string {
  if (lockfiles.length === 0) return "no lockfile";
  return `${plural(counts.packages, "package")} ${counts.packages === 1 ? "passes" : "pass"}`;
}
