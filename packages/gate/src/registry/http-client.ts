import { setTimeout as delay } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import { createGunzip } from "node:zlib";
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from "undici";
import { liesBelow, parseAddress } from "./address.ts";
import type { Access, Client, Fetched, Wanted } from "./client.ts";

/** Every bound of the client: counts, bytes, milliseconds. */
export type ClientLimits = {
  concurrency: number;
  totalBytes: number;
  /** From the first byte sent to the last byte read, redirects included. */
  requestTime: number;
  retries: number;
  /** First pause before a retry; it doubles. */
  retryPause: number;
  redirects: number;
};

export const defaultClientLimits: ClientLimits = {
  concurrency: 24,
  totalBytes: 4 * 1024 ** 3,
  requestTime: 30_000,
  retries: 2,
  retryPause: 250,
  redirects: 3,
};

const longestPause = 5_000;

type Attempt = { fetched: Fetched; retry: false } | { fetched: Fetched; retry: true; after: number | null };

/** A client on undici; pools of connections are kept until {@link Client.close}. */
export function createClient(
  access: Access,
  signal: AbortSignal,
  limits: ClientLimits = defaultClientLimits,
): Client {
  const dispatcher = createDispatcher(access, limits);
  let requests = 0;
  let bytesLeft = limits.totalBytes;
  let running = 0;
  const waiting: (() => void)[] = [];

  const enter = async (): Promise<void> => {
    if (running >= limits.concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
  };
  const leave = (): void => {
    running -= 1;
    waiting.shift()?.();
  };

  async function attempt(wanted: Wanted): Promise<Attempt> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(limits.requestTime)]);
    let address = wanted.url;
    for (let hop = 0; hop <= limits.redirects; hop += 1) {
      const refusal = refuseAddress(address, access);
      if (refusal !== null) return { fetched: refusal, retry: false };
      requests += 1;
      const response = await request(address, {
        dispatcher,
        signal: deadline,
        headers: headersFor(address, wanted.accept, access),
      });
      const status = response.statusCode;
      if (status === 200) {
        const body = await readBody(response, Math.min(wanted.maximumBytes, bytesLeft));
        if (body === null) {
          const detail = `more than ${Math.min(wanted.maximumBytes, bytesLeft)} bytes`;
          return { fetched: { state: "failed", code: "evidence/too-large", detail }, retry: false };
        }
        bytesLeft -= body.byteLength;
        return {
          fetched: { state: "body", body, contentType: String(response.headers["content-type"] ?? "") },
          retry: false,
        };
      }
      response.body.destroy();
      response.body.on("error", () => {});
      if (status < 300 || status > 399) {
        const fetched: Fetched = { state: "status", status };
        if (status !== 429 && status < 500) return { fetched, retry: false };
        return { fetched, retry: true, after: retryAfter(response.headers["retry-after"]) };
      }
      const next = redirectTarget(address, response.headers["location"]);
      if (next === null) {
        const detail = `${status} to another host`;
        return { fetched: { state: "failed", code: "evidence/redirect-refused", detail }, retry: false };
      }
      address = next;
    }
    const detail = `more than ${limits.redirects} redirects`;
    return { fetched: { state: "failed", code: "evidence/redirect-refused", detail }, retry: false };
  }

  async function attemptSafely(wanted: Wanted): Promise<Attempt> {
    try {
      return await attempt(wanted);
    } catch (error) {
      signal.throwIfAborted();
      const detail = describe(error);
      const timeout = /Timeout|TimeoutError|aborted/.test(detail);
      const code = timeout ? "evidence/timeout" : "evidence/unreachable";
      return { fetched: { state: "failed", code, detail }, retry: !timeout, after: null };
    }
  }

  return {
    get requests() {
      return requests;
    },
    async get(wanted) {
      await enter();
      try {
        for (let tries = 0; ; tries += 1) {
          const result = await attemptSafely(wanted);
          if (!result.retry || tries >= limits.retries) return result.fetched;
          await delay(Math.min(result.after ?? limits.retryPause * 2 ** tries, longestPause), undefined, {
            signal,
          });
        }
      } finally {
        leave();
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function createDispatcher(access: Access, limits: ClientLimits): Dispatcher {
  const tls = access.authorities.length === 0 ? {} : { ca: [...rootCertificates, ...access.authorities] };
  const options = {
    connections: limits.concurrency,
    headersTimeout: limits.requestTime,
    bodyTimeout: limits.requestTime,
    connect: { ...tls, timeout: Math.min(10_000, limits.requestTime) },
  };
  const { https, http, noProxy } = access.proxy;
  if (https === null && http === null) return new Agent(options);
  return new EnvHttpProxyAgent({
    ...options,
    requestTls: tls,
    proxyTls: tls,
    httpsProxy: https ?? "",
    httpProxy: http ?? "",
    noProxy: noProxy.join(","),
  });
}

function refuseAddress(address: string, access: Access): Fetched | null {
  if (parseAddress(address) === null) {
    return {
      state: "failed",
      code: "evidence/address-refused",
      detail: "not https, or with a user name in it",
    };
  }
  if (access.allowed.some((prefix) => liesBelow(address, prefix))) return null;
  return {
    state: "failed",
    code: "evidence/address-refused",
    detail: "neither the configuration nor the policy names this host",
  };
}

function headersFor(address: string, accept: string, access: Access): Record<string, string> {
  const headers: Record<string, string> = { accept, "accept-encoding": "gzip", "user-agent": "countersign" };
  const matching = access.credentials.filter(({ prefix }) => liesBelow(address, prefix));
  const closest = matching.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  if (closest !== undefined) headers["authorization"] = closest.authorization;
  return headers;
}

/** The body, decoded; null as soon as it exceeds the bound, whatever the server announced. */
async function readBody(response: Dispatcher.ResponseData, maximum: number): Promise<Uint8Array | null> {
  const announced = Number(response.headers["content-length"] ?? 0);
  const stop = (): null => {
    response.body.on("error", () => {});
    response.body.destroy();
    return null;
  };
  if (announced > maximum) return stop();
  const coding = String(response.headers["content-encoding"] ?? "identity").toLowerCase();
  if (coding !== "identity" && coding !== "gzip") throw new Error(`content-encoding ${coding}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = coding === "gzip" ? response.body.compose(createGunzip()) : response.body;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maximum) return stop();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

/** Same scheme, host and port, or nothing: a redirect must not move a request to a host of the server's choice. */
function redirectTarget(from: string, location: string | string[] | undefined): string | null {
  if (typeof location !== "string" || !URL.canParse(location, from)) return null;
  const target = new URL(location, from);
  return target.origin === new URL(from).origin ? target.href : null;
}

function retryAfter(header: string | string[] | undefined): number | null {
  const seconds = Number(typeof header === "string" ? header : Number.NaN);
  return Number.isInteger(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return "failed";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return `${code}: ${error.message}`.slice(0, 300);
}
