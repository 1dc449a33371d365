import { digestFromHex, parsePurl, type Digest, type Target } from "@countersign/core";
import { CommandError } from "./command-error.ts";

/** Forms that a Python distribution's file name ends in: compared as a parsed name instead of as text. */
const distribution = /\.(?:whl|tar\.gz|zip)$/i;

/**
 * What attestations must be about, as a person names it.
 * @param subject a purl of npm or PyPI, or a file name
 * @param digests of the artefact; [] skips the check
 */
export function targetOf(subject: string | null, digests: readonly Digest[]): Target {
  const nothing: Target = { ecosystem: null, name: null, version: null, file: null, digests };
  if (subject === null) return nothing;
  if (!subject.startsWith("pkg:")) {
    return { ...nothing, ecosystem: distribution.test(subject) ? "pypi" : null, file: subject };
  }
  const purl = parsePurl(subject);
  if (purl === null || purl.ecosystem === "jsr") {
    throw new CommandError(
      `--subject ${subject} is no purl of npm or PyPI with a version`,
      "write for example pkg:npm/%40acme/widget@1.0.0",
    );
  }
  return { ...nothing, ...purl };
}

/** `ALG:HEX`. */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(":");
  const digest = digestFromHex(text.slice(0, Math.max(colon, 0)).toLowerCase(), text.slice(colon + 1));
  if (digest === null) {
    throw new CommandError(
      `${text} is no digest`,
      "write sha256:, sha384: or sha512: and the whole digest in hex",
    );
  }
  return digest;
}

/**
 * The digests to hold statements against: the file's own, and the one that was named.
 * @throws CommandError where they contradict each other
 */
export function uniteDigests(own: readonly Digest[], named: Digest | null): readonly Digest[] {
  if (named === null) return own;
  const same = own.find(({ algorithm }) => algorithm === named.algorithm);
  if (same !== undefined && same.hex !== named.hex) {
    throw new CommandError(
      `the artefact is ${same.algorithm}:${same.hex}, not what --digest names`,
      "check which file you have",
      1,
    );
  }
  return same === undefined ? [...own, named] : own;
}
