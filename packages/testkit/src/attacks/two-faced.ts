import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server in front of another one that answers some clients by itself. */
export type TwoFaced = { url: string; close(): Promise<void> };

/**
 * Starts a mirror that shows one face to whoever verifies and another to whoever installs, told apart by their
 * `user-agent`. Addresses of the hidden servers are rewritten to the mirror's own in what it passes on.
 * @param face origin (no slash at the end) of the server that answers a client
 */
export async function startTwoFaced(face: (userAgent: string) => string): Promise<TwoFaced> {
  const server = createServer((request, response) => {
    const origin = face(request.headers["user-agent"] ?? "");
    const { host: _, connection: __, "if-none-match": ___, ...headers } = request.headers;
    const passOn = async (): Promise<void> => {
      const answer = await fetch(`${origin}${request.url ?? "/"}`, {
        headers: { ...(headers as Record<string, string>), "accept-encoding": "identity" },
        redirect: "manual",
      });
      const body = Buffer.from(await answer.arrayBuffer());
      const type = answer.headers.get("content-type") ?? "";
      const shown =
        type.includes("json") || type.includes("html") ? body.toString().replaceAll(origin, url) : body;
      response
        .writeHead(answer.status, { "content-type": type, "content-length": Buffer.byteLength(shown) })
        .end(shown);
    };
    passOn().catch((error: unknown) => response.writeHead(502).end(String(error)));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
