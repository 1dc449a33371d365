import { visible } from "../report/escape.ts";
import { untilAborted } from "../until-aborted.ts";
import { SignerError } from "./signer-error.ts";

/** The two things that are asked of a key management service. */
export type KmsOperation = "read" | "sign";

/** What went wrong, in words that every service shares. */
export type KmsCause =
  /** `fix` names the permission as the service's own policies write it. */
  | { kind: "denied"; fix: string }
  | { kind: "credentials"; fix: string }
  | { kind: "missing" }
  /** The service says no for a reason of its own. `detail` is its code or ours, never its prose. */
  | { kind: "refused"; detail: string; fix: string }
  /** Not an answer of this service: not JSON, parts missing, checksums wrong. */
  | { kind: "malformed"; detail: string }
  | { kind: "oversize" }
  | { kind: "unavailable"; detail: string };

/** Bounds of every service: the answers are a public key or a signature, a few hundred bytes. */
export const kmsLimits = {
  /** For one operation, its retries included. */
  timeoutMs: 30_000,
  attempts: 3,
  /** Before the second attempt; twice as long before the third. */
  pauseMs: 200,
  answerBytes: 65_536,
} as const;

export type KmsCall = {
  /** "AWS KMS" */
  service: string;
  /** URI of the key. */
  key: string;
  operation: KmsOperation;
  /** Ends the call: the caller's signal or the time limit. */
  signal: AbortSignal;
  /** The caller's signal alone: tells a cancelled call from one that took too long. */
  cancelled: AbortSignal | undefined;
  /** What an error that the SDK threw stands for. */
  explain(error: unknown): KmsCause;
};

/**
 * Runs one operation and turns whatever it throws into one line with its fix. SDKs cannot cancel every step (a chain of
 * credential providers cannot), so the signal ends the wait as well as the work.
 *
 * @throws SignerError
 */
export async function callKms<T>(call: KmsCall, run: () => Promise<T>): Promise<T> {
  try {
    return await untilAborted(call.signal, run);
  } catch (error) {
    if (call.cancelled?.aborted === true)
      throw new SignerError(`${asked(call)} was cancelled`, "run the command again");
    if (error instanceof SignerError) throw error;
    if (call.signal.aborted)
      throw new SignerError(
        `${asked(call)} took too long`,
        "check that the service can be reached from here and run the command again",
      );
    // The error itself is not kept as a cause: those of SDKs hold requests, and requests hold credentials.
    throw kmsFailure(call, call.explain(error));
  }
}

/**
 * Tries again where the SDK does not: at most {@link kmsLimits}. Asking twice does no harm, for a signature that was
 * made and lost costs nothing.
 *
 * @param pause waits that many milliseconds, and rejects when the call is over
 */
export async function retryKms<T>(
  run: () => Promise<T>,
  worthwhile: (error: unknown) => boolean,
  pause: (milliseconds: number) => Promise<void>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === kmsLimits.attempts || !worthwhile(error)) throw error;
    }
    await pause(kmsLimits.pauseMs * 2 ** (attempt - 1));
  }
}

/** One line for a cause: what was asked, why it failed, what to do. */
export function kmsFailure(
  call: Pick<KmsCall, "service" | "key" | "operation">,
  cause: KmsCause,
): SignerError {
  const because = (why: string, fix: string): SignerError =>
    new SignerError(`${asked(call)} failed: ${visible(why)}`, visible(fix));
  switch (cause.kind) {
    case "denied":
      return because("permission denied", cause.fix);
    case "credentials":
      return because("no valid credentials", cause.fix);
    case "missing":
      return because(
        "there is no such key",
        "check the name, the account and the region or vault of the key",
      );
    case "refused":
      return because(cause.detail, cause.fix);
    case "malformed":
      return because(`the answer is wrong (${cause.detail})`, "check what answers at that address");
    case "oversize":
      return because(
        `the answer is larger than ${kmsLimits.answerBytes} bytes`,
        "check what answers at that address",
      );
    case "unavailable":
      return because(
        `the service cannot be reached or is failing (${cause.detail})`,
        "run the command again later",
      );
  }
}

const asked = (call: Pick<KmsCall, "service" | "key" | "operation">): string =>
  call.operation === "read"
    ? `reading the public key of ${visible(call.key)} from ${call.service}`
    : `signing with ${visible(call.key)} in ${call.service}`;
