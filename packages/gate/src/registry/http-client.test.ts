import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import type { Access, Client, Fetched } from "./client.ts";
import { createClient, defaultClientLimits, type ClientLimits } from "./http-client.ts";

const open: (Loopback | Client)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

type Handler = Parameters<typeof startLoopback>[0];

async function serve(handle: Handler): Promise<Loopback> {
  const server = await startLoopback(handle);
  open.push(server);
  return server;
}

function connect(
  allowed: string[],
  limits: Partial<ClientLimits> = {},
  access: Partial<Access> = {},
): Client {
  const client = createClient(
    { allowed, credentials: [], proxy: { https: null, http: null, noProxy: [] }, authorities: [], ...access },
    AbortSignal.timeout(30_000),
    { ...defaultClientLimits, retryPause: 1, ...limits },
  );
  open.push(client);
  return client;
}

const ask = (client: Client, url: string, maximumBytes = 1000): Promise<Fetched> =>
  client.get({ url, accept: "application/json", maximumBytes });

const text = (fetched: Fetched): string | null =>
  fetched.state === "body" ? Buffer.from(fetched.body).toString() : null;

describe("addresses", () => {
  it("D29: asks no host that neither configuration nor policy names, whatever a lockfile says", async () => {
    const server = await serve((_, response) => response.end("secret"));
    const client = connect(["https://registry.example/"]);
    expect(await ask(client, `${server.url}latest/meta-data`)).toMatchObject({
      state: "failed",
      code: "evidence/address-refused",
    });
    expect(server.seen).toHaveLength(0);
  });

  it.each([
    "http://registry.example/x",
    "https://user:pw@registry.example/x",
    "file:///etc/passwd",
    "//registry.example/x",
  ])("D29: refuses %s", async (url) => {
    const client = connect(["http://registry.example/", "https://registry.example/"]);
    expect(await ask(client, url)).toMatchObject({ state: "failed", code: "evidence/address-refused" });
    expect(client.requests).toBe(0);
  });

  it("keeps to the path prefix it was given", async () => {
    const server = await serve((_, response) => response.end("{}"));
    const client = connect([`${server.url}npm/`]);
    expect(text(await ask(client, `${server.url}npm/a`))).toBe("{}");
    for (const path of ["npmx/a", "npm/../other", "npm/%2e%2e/other"]) {
      expect(await ask(client, server.url + path)).toMatchObject({ code: "evidence/address-refused" });
    }
  });
});

describe("redirects", () => {
  it("D29: are refused when they lead to another host", async () => {
    const target = await serve((_, response) => response.end("evil"));
    const server = await serve((_, response) => response.writeHead(302, { location: target.url }).end());
    const client = connect([server.url, target.url]);
    expect(await ask(client, server.url)).toMatchObject({
      state: "failed",
      code: "evidence/redirect-refused",
    });
    expect(target.seen).toHaveLength(0);
  });

  it("are followed on the same host, within the prefix and a bound", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(301, { location: "/b" }).end();
      else if (request.url === "/b") response.end("here");
      else response.writeHead(302, { location: "/loop" }).end();
    });
    const client = connect([server.url]);
    expect(text(await ask(client, `${server.url}a`))).toBe("here");
    expect(await ask(client, `${server.url}loop`)).toMatchObject({ code: "evidence/redirect-refused" });
  });
});

describe("bodies", () => {
  const gigabyte = 1024 ** 3;

  it("D30: a body of a gigabyte is cut at its bound, announced or not", async () => {
    let sent = 0;
    const server = await serve((request, response) => {
      if (request.url === "/announced") response.setHeader("content-length", gigabyte);
      const chunk = Buffer.alloc(65_536, 0x20);
      const pump = (): void => {
        while (sent < gigabyte && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", pump);
        }
        response.end();
      };
      pump();
    });
    const client = connect([server.url]);
    expect(await ask(client, `${server.url}announced`)).toMatchObject({ code: "evidence/too-large" });
    expect(await ask(client, `${server.url}chunked`)).toMatchObject({ code: "evidence/too-large" });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("D30: a compressed bomb is cut at the bound of what it decodes to", async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const server = await serve((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
    );
    expect(await ask(connect([server.url]), server.url, 100_000)).toMatchObject({
      code: "evidence/too-large",
    });
  });

  it("decodes gzip", async () => {
    const server = await serve((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("{}")),
    );
    expect(text(await ask(connect([server.url]), server.url))).toBe("{}");
  });

  it("the bytes of a whole run are bounded", async () => {
    const server = await serve((_, response) => response.end("x".repeat(600)));
    const client = connect([server.url], { totalBytes: 1000 });
    expect((await ask(client, server.url)).state).toBe("body");
    expect(await ask(client, server.url)).toMatchObject({ code: "evidence/too-large" });
  });

  it("one cut short is not a body", async () => {
    const server = await serve((_, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("{");
      setTimeout(() => response.destroy(), 10);
    });
    expect(await ask(connect([server.url], { retries: 0 }), server.url)).toMatchObject({
      state: "failed",
      code: "evidence/unreachable",
    });
  });
});

describe("time and errors", () => {
  it("D30: a server that stalls, before or inside the body, costs the time limit and no more", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/body") response.writeHead(200).write("{");
    });
    const client = connect([server.url], { requestTime: 200 });
    for (const path of ["headers", "body"]) {
      expect(await ask(client, server.url + path)).toMatchObject({
        state: "failed",
        code: "evidence/timeout",
      });
    }
  });

  it("D30: retries 5xx within its bound and reports the last status", async () => {
    let failures = 2;
    const server = await serve((request, response) => {
      const fail = request.url === "/always" || failures-- > 0;
      response.writeHead(fail ? 503 : 200).end("{}");
    });
    const client = connect([server.url]);
    expect(text(await ask(client, server.url))).toBe("{}");
    expect(client.requests).toBe(3);
    expect(await ask(client, `${server.url}always`)).toEqual({ state: "status", status: 503 });
    expect(client.requests).toBe(6);
  });

  it("D30: does not repeat a 404", async () => {
    const server = await serve((_, response) => response.writeHead(404).end());
    const client = connect([server.url]);
    expect(await ask(client, server.url)).toEqual({ state: "status", status: 404 });
    expect(client.requests).toBe(1);
  });

  it("a server that is not there is a value, not an exception", async () => {
    const server = await startLoopback((_, response) => response.end());
    await server.close();
    expect(await ask(connect([server.url]), server.url)).toMatchObject({
      state: "failed",
      code: "evidence/unreachable",
    });
  });

  it("D15: never has more requests under way than its bound", async () => {
    let now = 0;
    let most = 0;
    const server = await serve((_, response) => {
      most = Math.max(most, (now += 1));
      setTimeout(() => {
        now -= 1;
        response.end("{}");
      }, 5);
    });
    const client = connect([server.url], { concurrency: 4 });
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, index) => ask(client, `${server.url}${index}`)),
    );
    expect(all.every(({ state }) => state === "body")).toBe(true);
    expect(most).toBe(4);
  });

  it("is cancelled with the run", async () => {
    const server = await serve(() => {});
    const controller = new AbortController();
    const access: Access = {
      allowed: [server.url],
      credentials: [],
      proxy: { https: null, http: null, noProxy: [] },
      authorities: [],
    };
    const client = createClient(access, controller.signal);
    open.push(client);
    const pending = ask(client, server.url);
    setTimeout(() => controller.abort(new Error("stopped")), 20);
    await expect(pending).rejects.toThrow("stopped");
  });
});

describe("credentials", () => {
  it("go to the longest prefix that holds the address, and nowhere else", async () => {
    const server = await serve((_, response) => response.end("{}"));
    const other = await serve((_, response) => response.end("{}"));
    const credentials = [
      { prefix: server.url, authorization: "Bearer host" },
      { prefix: `${server.url}team/`, authorization: "Bearer team" },
    ];
    const client = connect([server.url, other.url], {}, { credentials });
    await ask(client, `${server.url}a`);
    await ask(client, `${server.url}team/a`);
    await ask(client, `${server.url}teamx`);
    await ask(client, other.url);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual([
      "Bearer host",
      "Bearer team",
      "Bearer host",
    ]);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it("do not leave on a redirect out of their prefix", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/team/a") response.writeHead(302, { location: "/elsewhere" }).end();
      else response.end("{}");
    });
    const credentials = [{ prefix: `${server.url}team/`, authorization: "Bearer team" }];
    await ask(connect([server.url], {}, { credentials }), `${server.url}team/a`);
    expect(server.seen).toEqual([
      { path: "/team/a", authorization: "Bearer team" },
      { path: "/elsewhere", authorization: undefined },
    ]);
  });
});
