import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import {
  ask,
  codesAndEffects,
  openMachine,
  type Machine,
  type MachineOptions,
} from "../../test/manager-context.ts";
import type { ManagerConfiguration, ManagerName } from "./manager.ts";
import { readManager } from "./read-manager.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

function machine(options: MachineOptions = {}): Machine {
  const opened = openMachine(options);
  open.push(opened);
  return opened;
}

async function serve(): Promise<Loopback> {
  const server = await startLoopback((_, response) => response.end("{}"));
  open.push(server);
  return server;
}

const foreign = "block settings/credential-foreign";
const unguarded = "note settings/credential-unguarded";
const secret = { TOKEN: "user-secret" };
const placeOf = (url: string): string => url.slice("http:".length);

/** How each manager's project file sends a variable, or a literal, to an address. */
const files: readonly [ManagerName, string, (url: string, value: string) => Record<string, string>][] = [
  [
    "npm",
    "Bearer user-secret",
    (url, value) => ({ ".npmrc": `registry=${url}\n${placeOf(url)}:_authToken=${value}\n` }),
  ],
  [
    "pnpm",
    "Bearer user-secret",
    (url, value) => ({ ".npmrc": `registry=${url}\n${placeOf(url)}:_authToken=${value}\n` }),
  ],
  [
    "deno",
    "Bearer user-secret",
    (url, value) => ({ ".npmrc": `registry=${url}\n${placeOf(url)}:_authToken=${value}\n` }),
  ],
  [
    "yarn",
    "Bearer user-secret",
    (url, value) => ({ ".yarnrc.yml": `npmRegistryServer: "${url}"\nnpmAuthToken: "${value}"\n` }),
  ],
  [
    "bun",
    "Bearer user-secret",
    (url, value) => ({ "bunfig.toml": `[install]\nregistry = { url = "${url}", token = "${value}" }\n` }),
  ],
];

async function sent(
  configuration: ManagerConfiguration,
  server: Loopback,
  path = "",
): Promise<string | undefined> {
  await ask(configuration, `${server.url}${path}`);
  return server.seen.at(-1)?.authorization;
}

describe.each(files)("%s: a project's file that sends ${TOKEN}", (manager, header, write) => {
  it("D29: to a host that nothing trusted names is a finding, and the token is sent nowhere", async () => {
    const server = await serve();
    const { context, write: put } = machine({ policy: ["https://npm.acme.example/"], environment: secret });
    put(write(server.url, "${TOKEN}"));
    const configuration = await readManager(manager, context);
    expect(codesAndEffects(configuration)).toContain(foreign);
    expect(configuration.findings.find(({ code }) => code === "settings/credential-foreign")?.fix).toContain(
      `${placeOf(server.url)}", ecosystem: npm`,
    );
    expect(await sent(configuration, server)).toBeUndefined();
  });

  it("D29: to the company's own host, which the policy names, works", async () => {
    const server = await serve();
    const { context, write: put } = machine({ policy: [server.url], environment: secret });
    put(write(server.url, "${TOKEN}"));
    const configuration = await readManager(manager, context);
    expect(codesAndEffects(configuration)).toEqual([]);
    expect(await sent(configuration, server)).toBe(header);
  });

  it("to the host that the user's own .npmrc or configuration names works", async () => {
    const server = await serve();
    const { context, write: put } = machine({ policy: ["https://npm.acme.example/"], environment: secret });
    put(write(server.url, "${TOKEN}"));
    put(
      manager === "yarn"
        ? { "~/.yarnrc.yml": `npmRegistryServer: "${server.url}"\n` }
        : { "~/.npmrc": `@acme:registry=${server.url}\n` },
    );
    const configuration = await readManager(manager, context);
    expect(codesAndEffects(configuration)).toEqual([]);
    expect(await sent(configuration, server)).toBe(header);
  });

  it("with no policy does as the manager would, and says so", async () => {
    const server = await serve();
    const { context, write: put } = machine({ environment: secret });
    put(write(server.url, "${TOKEN}"));
    const configuration = await readManager(manager, context);
    // pnpm itself replaces no variable in a project's credentials.
    expect(codesAndEffects(configuration)).toEqual([manager === "pnpm" ? foreign : unguarded]);
    expect(await sent(configuration, server)).toBe(manager === "pnpm" ? undefined : header);
  });

  it("keeps a literal token for a foreign host back too", async () => {
    const server = await serve();
    const { context, write: put } = machine({ policy: [] });
    put(write(server.url, "committed"));
    const configuration = await readManager(manager, context);
    expect(codesAndEffects(configuration)).toEqual([foreign]);
    expect(await sent(configuration, server)).toBeUndefined();
  });

  it("sends it no further than the path that is named", async () => {
    const server = await serve();
    const { context, write: put } = machine({ policy: [`${server.url}acme/`], environment: secret });
    put(write(server.url, "${TOKEN}"));
    const configuration = await readManager(manager, context);
    expect(await sent(configuration, server, "acme/")).toBe(header);
    expect(await sent(configuration, server, "evil/")).toBeUndefined();
    await ask(configuration, `${server.url}acme/..%2fevil/`);
    expect(server.seen.map(({ path }) => path)).toEqual(["/acme/package", "/evil/package"]);
  });

  it("never sends one host's token to another", async () => {
    const [server, other] = [await serve(), await serve()];
    const { context, write: put } = machine({ policy: [server.url, other.url], environment: secret });
    put(write(server.url, "${TOKEN}"));
    expect(await sent(await readManager(manager, context), other)).toBeUndefined();
  });

  it("refuses a token with a line break in it", async () => {
    const server = await serve();
    const { context, write: put } = machine({
      policy: [server.url],
      environment: { TOKEN: "a\r\nx-evil: 1" },
    });
    put(write(server.url, "${TOKEN}"));
    const configuration = await readManager(manager, context);
    expect(configuration.credentials).toEqual([]);
    expect(codesAndEffects(configuration)).toContain("block settings/malformed");
  });
});

describe("an address made of a variable", () => {
  it.each([
    ["npm", { ".npmrc": "registry=http://127.0.0.1:9/${TOKEN}/\n" }],
    ["npm", { ".npmrc": "@a:registry=http://127.0.0.1:9/${TOKEN}/\n" }],
    ["yarn", { ".yarnrc.yml": 'npmRegistryServer: "http://127.0.0.1:9/${TOKEN}/"\n' }],
    ["bun", { "bunfig.toml": '[install]\nregistry = "http://127.0.0.1:9/$TOKEN/"\n' }],
  ] as const)(
    "D29: in a %s file of the project would send the secret in the path: it is not asked",
    async (manager, files) => {
      const { context, write } = machine({ policy: [], environment: secret });
      write(files);
      const configuration = await readManager(manager, context);
      expect(codesAndEffects(configuration)).toEqual([foreign]);
      expect(configuration.registries.join()).not.toContain("user-secret");
      expect(JSON.stringify(configuration.findings)).not.toContain("user-secret");
    },
  );
});

describe("the user's token and the project's choice of host", () => {
  it.each([
    ["a top-level token of the home's file", { "~/.yarnrc.yml": "npmAuthToken: user-secret\n" }, {}],
    ["YARN_NPM_AUTH_TOKEN", {}, { YARN_NPM_AUTH_TOKEN: "user-secret" }],
    ["a scope's token", { "~/.yarnrc.yml": "npmScopes: { acme: { npmAuthToken: user-secret } }\n" }, {}],
  ])(
    "D29: %s does not follow a registry that the project's .yarnrc.yml names",
    async (_, home, environment) => {
      const server = await serve();
      const { context, write } = machine({ policy: [], environment });
      write({
        ...home,
        ".yarnrc.yml": `npmRegistryServer: "${server.url}"\nnpmScopes: { acme: { npmRegistryServer: "${server.url}" } }\n`,
      });
      const configuration = await readManager("yarn", context);
      expect(codesAndEffects(configuration)).toEqual([foreign]);
      expect(await sent(configuration, server)).toBeUndefined();
    },
  );

  it("D29: a project's index that takes the name of the company's does not get UV_INDEX_ACME_PASSWORD", async () => {
    const server = await serve();
    const { context, write } = machine({
      policy: [],
      environment: { UV_INDEX_ACME_USERNAME: "u", UV_INDEX_ACME_PASSWORD: "user-secret" },
    });
    write({ "pyproject.toml": `[[tool.uv.index]]\nname = "acme"\nurl = "${server.url}simple/"\n` });
    const configuration = await readManager("uv", context);
    expect(codesAndEffects(configuration)).toEqual([foreign]);
    expect(configuration.findings[0]?.fix).toContain("ecosystem: pypi");
    expect(await sent(configuration, server, "simple/")).toBeUndefined();
  });

  it("gives a named index its credential, for its Integrity API too", async () => {
    const server = await serve();
    const { context, write } = machine({
      policy: [`${server.url}simple/`],
      environment: { UV_INDEX_ACME_USERNAME: "u", UV_INDEX_ACME_PASSWORD: "p" },
    });
    write({ "pyproject.toml": `[[tool.uv.index]]\nname = "acme"\nurl = "${server.url}simple/"\n` });
    const configuration = await readManager("uv", context);
    expect(await sent(configuration, server, "simple/")).toBe("Basic dTpw");
    expect(await sent(configuration, server, "elsewhere/")).toBeUndefined();
  });

  it.each(["~/.npmrc", "project/evil"])(
    "D29: a project's .npmrc cannot make %s of its own the user's",
    async (place) => {
      const server = await serve();
      const { context, write } = machine({ policy: [], environment: secret });
      write({
        ".npmrc": `userconfig=./evil\nglobalconfig=./evil\nprefix=.\n`,
        evil: `registry=${server.url}\n${placeOf(server.url)}:_authToken=\${TOKEN}\n`,
        "etc/npmrc": `registry=${server.url}\n${placeOf(server.url)}:_authToken=\${TOKEN}\n`,
      });
      if (place === "~/.npmrc") write({ "~/.npmrc": "" });
      expect(await sent(await readManager("npm", context), server)).toBeUndefined();
    },
  );

  it("D29: a variable that names a file of the project does not make it the user's", async () => {
    const server = await serve();
    const opened = machine({ policy: [] });
    opened.write({ evil: `registry=${server.url}\n${placeOf(server.url)}:_authToken=\${TOKEN}\n` });
    const context = {
      ...opened.context,
      environment: {
        ...opened.context.environment,
        ...secret,
        npm_config_userconfig: join(opened.context.directory, "evil"),
      },
    };
    const configuration = await readManager("npm", context);
    expect(codesAndEffects(configuration)).toEqual([foreign]);
    expect(await sent(configuration, server)).toBeUndefined();
  });

  it("D29: what npm hands on from the project's file to a script is no word of the user's", async () => {
    const server = await serve();
    const { context, write } = machine({
      policy: [],
      environment: { ...secret, npm_config_registry: server.url, npm_lifecycle_event: "verify" },
    });
    write({ ".npmrc": `registry=${server.url}\n${placeOf(server.url)}:_authToken=\${TOKEN}\n` });
    const configuration = await readManager("npm", context);
    expect(codesAndEffects(configuration)).toEqual([foreign]);
  });
});

describe("proxies and certificate authorities", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  it.each([
    ["npm", { ".npmrc": "https-proxy=http://evil.example/\ncafile=./ca.pem\n" }],
    ["yarn", { ".yarnrc.yml": "httpsProxy: http://evil.example/\nhttpsCaFilePath: ./ca.pem\n" }],
    [
      "bun",
      { "bunfig.toml": '[install]\ncafile = "./ca.pem"\n', ".npmrc": "https-proxy=http://evil.example/\n" },
    ],
  ] as const)(
    "D29: %s: a project's own are not used under a policy: they could read every credential",
    async (manager, files) => {
      const { context, write } = machine({ policy: [] });
      write({ ...files, "ca.pem": pem });
      const configuration = await readManager(manager, context);
      expect(configuration.authorities).toEqual([]);
      expect(configuration.proxy.https).toBeNull();
      expect(codesAndEffects(configuration)).toEqual(["block settings/weakens", "block settings/weakens"]);
    },
  );

  it("the user's own are used; a project's too where there is no policy, with a note", async () => {
    const { context, write } = machine();
    write({
      ".npmrc": "https-proxy=http://proxy.example/\n",
      "~/.npmrc": `cafile=${join(context.home, "ca.pem")}\n`,
      "~/ca.pem": pem,
    });
    const configuration = await readManager("npm", context);
    expect(configuration).toMatchObject({ authorities: [pem], proxy: { https: "http://proxy.example/" } });
    expect(codesAndEffects(configuration)).toEqual(["note settings/weakens"]);
  });

  it("a proxy that is no address is a finding", async () => {
    const configuration = await readManager(
      "uv",
      machine({ environment: { HTTPS_PROXY: "http://[::" } }).context,
    );
    expect(configuration.proxy.https).toBeNull();
    expect(codesAndEffects(configuration)).toEqual(["block settings/malformed"]);
  });
});

/** The file that each manager reads first in a project. */
const first: readonly [ManagerName, string][] = [
  ["npm", ".npmrc"],
  ["pnpm", "pnpm-workspace.yaml"],
  ["yarn", ".yarnrc.yml"],
  ["bun", "bunfig.toml"],
  ["deno", ".npmrc"],
  ["uv", "pyproject.toml"],
];

describe.each(first)("%s: a hostile %s", (manager, name) => {
  const malformed = "block settings/malformed";
  const read = async (prepare: (path: string, opened: Machine) => void): Promise<string[]> => {
    const opened = machine({ policy: [] });
    prepare(join(opened.context.directory, name), opened);
    return codesAndEffects(await readManager(manager, opened.context));
  };

  it("as a pipe does not hang", async () => {
    expect(await read((path) => void execFileSync("mkfifo", [path]))).toContain(malformed);
  });
  it("as a directory is a finding", async () => {
    expect(await read((path) => mkdirSync(path))).toContain(malformed);
  });
  it("as a link out of the project is a finding and is not read", async () => {
    expect(
      await read((path, { root }) => {
        writeFileSync(join(root, "outside"), "a = 1");
        symlinkSync(join(root, "outside"), path);
      }),
    ).toContain(malformed);
  });
  it("of more than 4 MiB is a finding", async () => {
    expect(
      await read((path) => {
        writeFileSync(path, "");
        truncateSync(path, 5 * 1024 * 1024);
      }),
    ).toContain(malformed);
  });
  it("that is no text is a finding", async () => {
    expect(await read((path) => writeFileSync(path, Buffer.from([0x61, 0xff, 0xfe])))).toContain(malformed);
    expect(await read((path) => writeFileSync(path, "a=\0"))).toContain(malformed);
  });
  if (name !== ".npmrc") {
    it("that is malformed is a finding", async () => {
      expect(await read((path) => writeFileSync(path, "a: [\n= {"))).toContain(malformed);
    });
  }
});

describe("prototype keys", () => {
  it.each([
    [
      "npm",
      {
        ".npmrc":
          "__proto__=x\n__pr${E?}oto__[]=x\n[__proto__]\nregistry=http://127.0.0.1:9/\n@constructor:registry=http://127.0.0.1:9/\n",
      },
    ],
    [
      "pnpm",
      {
        "pnpm-workspace.yaml":
          "__proto__: { trustLockfile: true }\nregistries: { __proto__: { default: 'http://127.0.0.1:9/' } }\n",
      },
    ],
    [
      "yarn",
      {
        ".yarnrc.yml":
          "__proto__: { npmRegistryServer: 'http://127.0.0.1:9/' }\nnpmScopes: { __proto__: { npmRegistryServer: 'http://127.0.0.1:9/' } }\n",
      },
    ],
    [
      "bun",
      { "bunfig.toml": '[__proto__]\nregistry = "x"\n[install.scopes]\n__proto__ = "http://127.0.0.1:9/"\n' },
    ],
    ["uv", { "uv.toml": '[__proto__]\nindex-url = "http://127.0.0.1:9/"\n' }],
  ] as const)("%s: set nothing", async (manager, files) => {
    const { context, write } = machine({ policy: [] });
    write(files);
    const configuration = await readManager(manager, context);
    expect(configuration.registryOf(manager === "uv" ? "pypi" : "npm", "left-pad")).not.toBe(
      "http://127.0.0.1:9/",
    );
    expect(Object.hasOwn(Object.prototype, "registry")).toBe(false);
    expect(codesAndEffects(configuration).filter((each) => each.includes("weakens"))).toEqual([]);
  });
});
