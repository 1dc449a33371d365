import { setTimeout as pause } from "node:timers/promises";
import {
  boundedBody,
  kmsLimits,
  parseJson,
  retryKms,
  type KmsCause,
  type KmsOperation,
} from "@countersign/core";
import type { Dispatcher } from "undici";
import type { Settings } from "./settings.ts";

/** What the transit engine answered, or why it did not. */
export class TransitError extends Error {
  readonly answer: KmsCause;

  constructor(answer: KmsCause) {
    super(answer.kind);
    this.answer = answer;
  }
}

export type TransitRequest = {
  operation: KmsOperation;
  /** Name of the key. */
  key: string;
  body: Readonly<Record<string, unknown>> | null;
};

const maxDepth = 16;

/**
 * One request to the transit engine and its `data`. Server errors and broken connections are tried again.
 *
 * @throws TransitError for what the vault says; whatever undici throws otherwise
 */
export async function askTransit(
  dispatcher: Dispatcher,
  settings: Settings,
  request: TransitRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  return await retryKms(
    () => askOnce(dispatcher, settings, request, signal),
    (error) => !signal.aborted && (!(error instanceof TransitError) || error.answer.kind === "unavailable"),
    (milliseconds) => pause(milliseconds, undefined, { signal }),
  );
}

async function askOnce(
  dispatcher: Dispatcher,
  settings: Settings,
  { operation, key, body }: TransitRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const path = `${settings.mount}/${operation === "read" ? "keys" : "sign"}/${key}`;
  const url = new URL(`${settings.address}/v1/${path}`);
  const response = await dispatcher.request({
    origin: url.origin,
    path: url.pathname,
    method: body === null ? "GET" : "POST",
    headers: {
      accept: "application/json",
      "x-vault-request": "true",
      "x-vault-token": settings.token,
      ...(settings.namespace === null ? {} : { "x-vault-namespace": settings.namespace }),
      ...(body === null ? {} : { "content-type": "application/json" }),
    },
    body: body === null ? null : JSON.stringify(body),
    signal,
  });
  const tooLarge = (): Error => new TransitError({ kind: "oversize" });
  const bytes = await boundedBody(response.body, kmsLimits.answerBytes, tooLarge);
  const problem = problemOf(response.statusCode, operation, path);
  if (problem !== null) throw new TransitError(problem);
  const parsed = parseJson(bytes.toString("utf8"), maxDepth);
  const data = parsed.ok ? member(parsed.value, "data") : null;
  if (!isRecord(data)) throw new TransitError({ kind: "malformed", detail: "not an answer of Vault" });
  return data;
}

function problemOf(status: number, operation: KmsOperation, path: string): KmsCause | null {
  if (status === 200) return null;
  if (status === 403 || status === 401) {
    // Vault answers alike when the token is no good and when its policies do not reach.
    const capability = operation === "read" ? "read" : "update";
    return { kind: "denied", fix: `use a live token with a policy that grants "${capability}" on ${path}` };
  }
  if (status === 404) return { kind: "missing" };
  if (status >= 500 || status === 429 || status === 412)
    return { kind: "unavailable", detail: `HTTP ${status}` };
  return {
    kind: "refused",
    detail: `HTTP ${status}`,
    fix: "check VAULT_ADDR, VAULT_NAMESPACE and the type of the key in the transit engine",
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An own member of a JSON object. */
export const member = (value: unknown, name: string): unknown =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
