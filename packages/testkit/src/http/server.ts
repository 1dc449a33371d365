import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { sha1 } from "../encoding/hash.ts";
import { answerWithFault, createFaults, type Faults } from "./fault.ts";
import type { RequestLog } from "./request-log.ts";
import type { TlsIdentity } from "./tls.ts";

export type Request = {
  method: string;
  /** Path without query, undecoded. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: Buffer;
};
export type Reply = {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
};

/** One server on 127.0.0.1 and a free port. */
export type LoopbackServer = {
  /** Origin, without a slash at the end. */
  url: string;
  /** `127.0.0.1:PORT`. */
  host: string;
  faults: Faults;
  close(): Promise<void>;
};

export async function startServer(options: {
  name: string;
  log: RequestLog;
  tls: TlsIdentity | null;
  answer: (request: Request) => Reply | Promise<Reply>;
}): Promise<LoopbackServer> {
  const faults = createFaults();
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/", headers } = incoming;
    options.log.add({
      server: options.name,
      method,
      path: url,
      headers,
      authorization: headers.authorization ?? null,
    });
    const fault = faults.take(method, url, headers["user-agent"]);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const [path = "/", query = ""] = url.split(/\?(.*)/s);
    const reply = await options.answer({
      method,
      path,
      query: new URLSearchParams(query),
      headers,
      body: Buffer.concat(chunks),
    });
    if (fault !== null) return await answerWithFault(response, fault, reply);
    const body = method === "HEAD" || reply.status === 304 ? "" : (reply.body ?? "");
    const length =
      reply.status === 304 ? {} : { "content-length": String(Buffer.byteLength(reply.body ?? "")) };
    response.writeHead(reply.status, { ...length, ...reply.headers }).end(body);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    serve(incoming, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(String((error as Error).stack));
    });
  };
  const server: Server =
    options.tls === null
      ? createHttpServer(listener)
      : createHttpsServer({ key: options.tls.key, cert: options.tls.certificate }, listener);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${options.tls === null ? "http" : "https"}://${host}`,
    host,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A JSON answer with an entity tag, so that clients may revalidate; `304` when theirs still holds. */
export function json(
  request: Request,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return cached(request, JSON.stringify(document), { "content-type": "application/json", ...headers });
}

export function cached(
  request: Request,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): Reply {
  const etag = `"${sha1(Buffer.from(body)).toString("hex")}"`;
  const all = { etag, "cache-control": "public, max-age=300", vary: "accept", ...headers };
  return request.headers["if-none-match"] === etag
    ? { status: 304, headers: all }
    : { status: 200, headers: all, body };
}

export const notFound: Reply = {
  status: 404,
  headers: { "content-type": "application/json" },
  body: '{"error":"Not found"}',
};
