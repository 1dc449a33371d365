import type { Finding } from "@countersign/core";
import type { Verification } from "@countersign/gate";

/** What stops an install. */
export type Stop = Pick<Finding, "code" | "at" | "why" | "fix">;

const isBound = new Set(["signed", "provenance"]);

/** Blocking findings; entries that Yarn locks without a checksum are left to the run that has hashed them. */
export function stopsBefore({ report, lockfiles }: Verification): Stop[] {
  const conditional = new Set(
    lockfiles.flatMap(({ set }) =>
      set.packages.flatMap(({ purl, markers }) => (markers.expression === null ? [] : [purl])),
    ),
  );
  return report.findings.filter(
    ({ effect, code, purl }) =>
      effect === "block" && !(code === "artefact/digest-missing" && purl !== null && conditional.has(purl)),
  );
}

/**
 * Blocking findings of the run on what is about to be linked.
 * @param unlocked SHA-512 of the zips that no checksum of the lockfile binds, hex: for them a registry's unsigned
 * listing is not enough, since nothing else says that today's bytes are those of yesterday
 */
export function stopsAfter({ report, lockfiles }: Verification, unlocked: ReadonlySet<string>): Stop[] {
  const stops: Stop[] = report.findings.filter(({ effect }) => effect === "block");
  for (const { verdicts } of lockfiles) {
    for (const { artefact, level, outcome, purl, at } of verdicts) {
      if (artefact === null || !unlocked.has(artefact.hex)) continue;
      if (outcome === "verified" && isBound.has(level)) continue;
      stops.push({
        code: "artefact/digest-missing",
        at,
        why: `Yarn locks ${purl} without a checksum, and no signature of its registry binds what was fetched.`,
        fix: "Lock a version that its registry signs, or do without it.",
      });
    }
  }
  return stops;
}

/** One message each: code, place, why and what to do. */
export const linesOf = (stops: readonly Stop[]): string[] =>
  stops.map(({ code, at, why, fix }) => {
    const place = at.line > 0 ? `${at.path}:${at.line}` : at.path;
    return [`${code} ${place}: ${why}`, ...fix.split("\n")].map(printable).join("\n    ");
  });

/** Texts of lockfiles and registries must not write to the terminal what they like. */
const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, "?");
