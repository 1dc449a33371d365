import type { Code } from "../codes.ts";
import type { Finding } from "../finding.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { formatBinding, type Binding, type Exception } from "./policy.ts";

/**
 * The exceptions of a policy by what they are bound to. Of several for the same purl, digest and code the one that
 * expires first counts.
 */
export class ExceptionIndex {
  readonly #exceptions: readonly Exception[];
  readonly #now: Instant;
  readonly #byKey = new Map<string, Exception>();
  readonly #used = new Set<string>();

  constructor(exceptions: readonly Exception[], now: Instant) {
    this.#exceptions = exceptions;
    this.#now = now;
    for (const exception of exceptions) {
      for (const code of exception.codes) {
        const key = exceptionKey(exception, code);
        const other = this.#byKey.get(key);
        if (other === undefined || exception.expires < other.expires) this.#byKey.set(key, exception);
      }
    }
  }

  /** The exception that accepts this finding now; null when there is none or it has expired. */
  accept(purl: string, digest: Binding, code: Code): Exception | null {
    const key = exceptionKey({ purl, digest }, code);
    const exception = this.#byKey.get(key);
    if (exception === undefined) return null;
    this.#used.add(key);
    return this.#now < exception.expires ? exception : null;
  }

  /** Notes on exceptions that have expired and on those that accepted nothing. */
  notes(): Finding[] {
    return this.#exceptions.flatMap((exception): Finding[] => {
      const { purl, at, owner } = exception;
      const expired = this.#now >= exception.expires;
      if (!expired && exception.codes.some((code) => this.#used.has(exceptionKey(exception, code))))
        return [];
      const codes = exception.codes.join(", ");
      const why = expired
        ? `The exception of ${codes} for ${purl} expired on ${formatInstant(exception.expires).slice(0, 10)}; ${owner} answers for it.`
        : `The exception of ${codes} for ${purl} accepts nothing in this lockfile.`;
      const fix = expired ? "Take it out, or give it a new date after a new review." : "Take it out.";
      return [
        {
          code: expired ? "policy/exception-expired" : "policy/exception-unused",
          effect: "note",
          purl,
          at,
          why,
          fix,
        },
      ];
    });
  }
}

/** One exception is about one code of one artefact. */
export const exceptionKey = (exception: Pick<Exception, "purl" | "digest">, code: Code): string =>
  `${exception.purl} ${formatBinding(exception.digest)} ${code}`;
