import type { Budget } from "../budget.ts";
import type { Digest } from "../digest.ts";
import type { Result } from "../result.ts";
import type { PackageSet } from "./package-set.ts";

/** A lockfile's text (clean UTF-8, CRLF kept) with the digest of the bytes it was decoded from. */
export type ReaderInput = { path: string; text: string; digest: Digest; budget: Budget };

/**
 * Reads one format. Either the whole file was understood, with what must not be trusted in `problems`, or it is
 * refused; a file is never half-read. Total: nothing is thrown whatever the text holds.
 */
export type LockfileReader = (input: ReaderInput) => Result<PackageSet>;

/** As {@link LockfileReader}, for formats of which a part is loaded only when a file needs it. */
export type LazyLockfileReader = (input: ReaderInput) => Promise<Result<PackageSet>>;
