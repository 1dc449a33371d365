import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createGzip } from "node:zlib";
import { matches } from "./request-log.ts";
import type { Reply } from "./server.ts";

/** What a server does instead of answering well. */
export type Fault =
  | { kind: "stall"; after?: "request" | "headers" }
  /** Half of the body (or `bytes` of it) under the full content-length, then the connection is reset. */
  | { kind: "cut"; bytes?: number }
  | { kind: "reset" }
  | { kind: "status"; status: number; body?: string; headers?: Readonly<Record<string, string>> }
  | { kind: "redirect"; to: string; status?: 301 | 302 | 303 | 307 | 308 }
  /** A body of `bytes` spaces, written as fast as it is read and never held; `gzip`: as a decompression bomb. */
  | {
      kind: "oversize";
      bytes: number;
      length?: "declared" | "chunked";
      encoding?: "gzip";
      contentType?: string;
    }
  | { kind: "type"; contentType: string }
  | { kind: "drip"; bytes: number; everyMs: number }
  | { kind: "delay"; ms: number }
  | { kind: "body"; body: string | Uint8Array; contentType?: string }
  /** Edits the JSON that would have been answered. */
  | { kind: "edit"; edit: (document: never) => unknown };

export type FaultRule = {
  /** Whole path without query, or a pattern on path and query; every path when left out. */
  path?: string | RegExp;
  method?: string;
  /** Only clients whose `user-agent` it matches: a server that shows each of them another face. */
  client?: RegExp;
  /** How often; then the server answers well again. */
  times?: number;
  /** This many matching requests are let through first. */
  skip?: number;
  fault: Fault;
};

export type Faults = {
  /** Rules are tried in order of adding; returns how to take the rule back. */
  add(rule: FaultRule): () => void;
  clear(): void;
  take(method: string, path: string, client?: string): Fault | null;
};

export function createFaults(): Faults {
  const rules: { rule: FaultRule; seen: number }[] = [];
  return {
    add(rule) {
      const entry = { rule, seen: 0 };
      rules.push(entry);
      return () => {
        const index = rules.indexOf(entry);
        if (index >= 0) rules.splice(index, 1);
      };
    },
    clear: () => void rules.splice(0),
    take(method, path, client = "") {
      for (const entry of rules) {
        const { rule } = entry;
        if (rule.method !== undefined && rule.method !== method) continue;
        if (rule.path !== undefined && !matches(rule.path, path)) continue;
        if (rule.client !== undefined && !rule.client.test(client)) continue;
        const turn = entry.seen++ - (rule.skip ?? 0);
        if (turn >= 0 && turn < (rule.times ?? Number.POSITIVE_INFINITY)) return rule.fault;
      }
      return null;
    },
  };
}

/** Answers with a fault; `reply` is what the server would have said. */
export async function answerWithFault(response: ServerResponse, fault: Fault, reply: Reply): Promise<void> {
  const body = Buffer.from(reply.body ?? "");
  const headers = { ...reply.headers };
  switch (fault.kind) {
    case "stall":
      if (fault.after === "headers") {
        response.writeHead(reply.status, { ...headers, "content-length": String(body.length + 1) });
        response.write(body);
      }
      return;
    case "reset":
      response.socket?.destroy();
      return;
    case "cut":
      response.writeHead(reply.status, { ...headers, "content-length": String(body.length) });
      response.write(body.subarray(0, fault.bytes ?? Math.floor(body.length / 2)), () =>
        response.socket?.destroy(),
      );
      return;
    case "status":
      response
        .writeHead(fault.status, { "content-type": "application/json", ...fault.headers })
        .end(fault.body ?? "{}");
      return;
    case "redirect":
      response.writeHead(fault.status ?? 302, { location: fault.to }).end();
      return;
    case "oversize":
      return await stream(response, fault, headers);
    case "type":
      response.writeHead(reply.status, { ...headers, "content-type": fault.contentType }).end(body);
      return;
    case "delay":
      await pause(fault.ms);
      response.writeHead(reply.status, headers).end(body);
      return;
    case "drip":
      response.writeHead(reply.status, { ...headers, "content-length": String(body.length) });
      for (let sent = 0; sent < body.length && !response.destroyed; sent += fault.bytes) {
        response.write(body.subarray(sent, sent + fault.bytes));
        await pause(fault.everyMs);
      }
      response.end();
      return;
    case "body":
      response
        .writeHead(200, { ...headers, "content-type": fault.contentType ?? "application/json" })
        .end(fault.body);
      return;
    case "edit": {
      const edited = fault.edit(JSON.parse(body.toString()) as never);
      response.writeHead(reply.status, headers).end(JSON.stringify(edited));
      return;
    }
  }
}

async function stream(
  response: ServerResponse,
  fault: Extract<Fault, { kind: "oversize" }>,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  response.writeHead(200, {
    ...headers,
    "content-type": fault.contentType ?? headers["content-type"] ?? "application/json",
    ...(fault.length === "declared" && fault.encoding === undefined
      ? { "content-length": String(fault.bytes) }
      : {}),
    ...(fault.encoding === undefined ? {} : { "content-encoding": fault.encoding }),
  });
  const gzip = fault.encoding === undefined ? null : createGzip();
  gzip?.pipe(response);
  const sink = gzip ?? response;
  const chunk = Buffer.alloc(64 * 1024, " ");
  const closed = once(response, "close");
  for (let left = fault.bytes; left > 0 && !response.destroyed; left -= chunk.length) {
    if (!sink.write(chunk.subarray(0, Math.min(left, chunk.length))))
      await Promise.race([once(sink, "drain"), closed]);
  }
  if (!response.destroyed) sink.end();
  else gzip?.destroy();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
