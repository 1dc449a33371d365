import { join } from "node:path";
import { devNull } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import {
  codesAndEffects,
  openMachine,
  type Machine,
  type MachineOptions,
} from "../../test/manager-context.ts";
import type { ManagerConfiguration, ManagerName } from "./manager.ts";
import { readManager } from "./read-manager.ts";

const open: Machine[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function read(
  manager: ManagerName,
  files: Readonly<Record<string, string>>,
  options: MachineOptions = { policy: [] },
): Promise<ManagerConfiguration> {
  const machine = openMachine(options);
  open.push(machine);
  machine.write(files);
  return readManager(manager, machine.context);
}

const weakens = "block settings/weakens";

describe("settings that turn a check off", () => {
  it.each<[ManagerName, string, Record<string, string>, Record<string, string>]>([
    ["npm", "strict-ssl", { ".npmrc": "strict-ssl=false" }, {}],
    ["npm", "strict-ssl", { "~/.npmrc": "strict-ssl=false" }, {}],
    ["npm", "strict-ssl", {}, { npm_config_strict_ssl: "false" }],
    ["npm", "package-lock", { ".npmrc": "package-lock=false" }, {}],
    ["npm", "NODE_TLS_REJECT_UNAUTHORIZED", {}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
    ["pnpm", "trustLockfile", { "pnpm-workspace.yaml": "trustLockfile: true" }, {}],
    ["pnpm", "trustLockfile", { "~/.config/pnpm/config.yaml": "trustLockfile: true" }, {}],
    ["pnpm", "PNPM_CONFIG_TRUST_LOCKFILE", {}, { PNPM_CONFIG_TRUST_LOCKFILE: "true" }],
    ["pnpm", "pnpm_config_trust_lockfile", {}, { pnpm_config_trust_lockfile: "true" }],
    ["pnpm", "trust-lockfile", { ".npmrc": "trust-lockfile=true" }, {}],
    ["pnpm", "gitBranchLockfile", { "pnpm-workspace.yaml": "gitBranchLockfile: true" }, {}],
    ["pnpm", "verifyStoreIntegrity", { "pnpm-workspace.yaml": "verifyStoreIntegrity: false" }, {}],
    [
      "pnpm",
      "strictStorePkgContentCheck",
      { "pnpm-workspace.yaml": "strictStorePkgContentCheck: false" },
      {},
    ],
    ["pnpm", "ignorePnpmfile", { "pnpm-workspace.yaml": "ignorePnpmfile: true" }, {}],
    ["pnpm", "lockfile", { "pnpm-workspace.yaml": "lockfile: false" }, {}],
    ["pnpm", "strictSsl", { "pnpm-workspace.yaml": "strictSsl: false" }, {}],
    ["pnpm", "strict-ssl", { ".npmrc": "strict-ssl=false" }, {}],
    ["yarn", "checksumBehavior", { ".yarnrc.yml": "checksumBehavior: ignore" }, {}],
    ["yarn", "checksumBehavior", { ".yarnrc.yml": "checksumBehavior: update" }, {}],
    ["yarn", "checksumBehavior", { "~/.yarnrc.yml": "checksumBehavior: reset" }, {}],
    ["yarn", "checksumBehavior", {}, { YARN_CHECKSUM_BEHAVIOR: "ignore" }],
    ["yarn", "enableStrictSsl", { ".yarnrc.yml": "enableStrictSsl: false" }, {}],
    [
      "yarn",
      "enableStrictSsl",
      { ".yarnrc.yml": "networkSettings: { '*.example': { enableStrictSsl: false } }" },
      {},
    ],
    ["yarn", "unsafeHttpWhitelist", { ".yarnrc.yml": "unsafeHttpWhitelist: [npm.acme.example]" }, {}],
    ["yarn", "logFilters", { ".yarnrc.yml": "logFilters: [{ code: YN7001, level: discard }]" }, {}],
    ["yarn", "YARN_PLUGINS", {}, { YARN_PLUGINS: "/x/plugin.cjs" }],
    ["yarn", "YARN_PLUGINS", {}, { YARN_PLUGINS: ".yarn/plugins/yarn-plugin-countersign.cjs" }],
    ["yarn", "YARN_PLUGINS", {}, { YARN_PLUGINS: "/x/yarn-plugin-countersign.cjs;/x/plugin.cjs" }],
    ["yarn", "strict-ssl", { "yarn.lock": "# yarn lockfile v1\n", ".npmrc": "strict-ssl=false" }, {}],
    ["yarn", "strict-ssl", { "yarn.lock": "# yarn lockfile v1\n", "~/.yarnrc": "strict-ssl false" }, {}],
    ["bun", "BUN_CONFIG_NO_VERIFY", {}, { BUN_CONFIG_NO_VERIFY: "1" }],
    ["bun", "BUN_CONFIG_SKIP_LOAD_LOCKFILE", {}, { BUN_CONFIG_SKIP_LOAD_LOCKFILE: "1" }],
    ["bun", "BUN_CONFIG_NO_VERIFY", { ".env": "BUN_CONFIG_NO_VERIFY=1" }, {}],
    ["bun", "BUN_CONFIG_NO_VERIFY", { ".env.production.local": "export BUN_CONFIG_NO_VERIFY = '1'" }, {}],
    ["deno", "lock", { "deno.json": '{ "lock": false }' }, {}],
    ["deno", "lock", { "deno.jsonc": '{ // none\n "lock": { "path": "other.lock" }, }' }, {}],
    ["deno", "lock", { "deno.json": '{ "lock": "other.lock" }' }, {}],
    ["deno", "strict-ssl", { ".npmrc": "strict-ssl=false" }, {}],
    ["uv", "verify-hashes", { "uv.toml": "[pip]\nverify-hashes = false" }, {}],
    ["uv", "allow-insecure-host", { "pyproject.toml": '[tool.uv]\nallow-insecure-host = ["x.example"]' }, {}],
    ["uv", "cache-dir", { "pyproject.toml": '[tool.uv]\ncache-dir = ".cache"' }, {}],
    ["uv", "UV_NO_VERIFY_HASHES", {}, { UV_NO_VERIFY_HASHES: "true" }],
    ["uv", "UV_SKIP_WHEEL_FILENAME_CHECK", {}, { UV_SKIP_WHEEL_FILENAME_CHECK: "1" }],
    ["pip", "trusted-host", { "~/.config/pip/pip.conf": "[global]\ntrusted-host = x.example" }, {}],
    ["pip", "trusted-host", {}, { PIP_TRUSTED_HOST: "x.example" }],
  ])("%s: %s", async (manager, key, files, environment) => {
    const configuration = await read(manager, files, { policy: [], environment });
    const found = configuration.findings.filter(({ code }) => code === "settings/weakens");
    expect(found).toHaveLength(1);
    expect(found[0]?.why).toContain(key);
    expect(found[0]?.effect).toBe("block");
  });

  it.each<[ManagerName, Record<string, string>, Record<string, string>]>([
    ["npm", { ".npmrc": "strict-ssl=true\npackage-lock=true" }, {}],
    [
      "pnpm",
      { "pnpm-workspace.yaml": "trustLockfile: false\nlockfile: true" },
      { PNPM_CONFIG_TRUST_LOCKFILE: "false" },
    ],
    [
      "yarn",
      { ".yarnrc.yml": "checksumBehavior: throw\nunsafeHttpWhitelist: [localhost]\nenableStrictSsl: true" },
      {},
    ],
    ["bun", {}, { BUN_CONFIG_NO_VERIFY: "0" }],
    ["bun", { ".env": "PORT=3000" }, {}],
    ["deno", { "deno.json": '{ "lock": { "path": "./deno.lock", "frozen": true } }' }, {}],
    ["deno", { "deno.json": '{ "lock": true }' }, {}],
    [
      "uv",
      { "~/.config/uv/uv.toml": 'cache-dir = "/var/cache/uv"' },
      { UV_NO_VERIFY_HASHES: "off", UV_INSECURE_HOST: "" },
    ],
    ["pip", {}, { PIP_TRUSTED_HOST: "" }],
  ])("%s: the same settings with their safe values are none", async (manager, files, environment) => {
    expect(codesAndEffects(await read(manager, files, { policy: [], environment }))).toEqual([]);
  });

  it("points at the line", async () => {
    const { findings } = await read("pnpm", {
      "pnpm-workspace.yaml": "packages: []\n\ntrustLockfile: true\n",
    });
    expect(findings[0]?.at).toEqual({ path: "pnpm-workspace.yaml", line: 3, column: 1 });
  });
});

describe("which registry serves a name", () => {
  const a = "https://a.example/npm/";
  const b = "https://b.example/";
  it.each<[ManagerName, string, Record<string, string>, Record<string, string>]>([
    [
      "npm",
      "project over user",
      { ".npmrc": `registry=${a}\n@s:registry=${b}`, "~/.npmrc": "registry=https://c.example/" },
      {},
    ],
    [
      "npm",
      "environment over project",
      { ".npmrc": `registry=https://c.example/\n@s:registry=${b}` },
      { npm_config_registry: a },
    ],
    [
      "npm",
      "the file that npm_config_userconfig names",
      { "~/rc": `registry=${a}\n@s:registry=${b}` },
      { npm_config_userconfig: "HOME/rc" },
    ],
    [
      "pnpm",
      "pnpm-workspace.yaml over .npmrc",
      {
        "pnpm-workspace.yaml": `registries: { default: "${a}", "@s": "${b}" }`,
        ".npmrc": "registry=https://c.example/",
      },
      {},
    ],
    [
      "pnpm",
      "pnpm's own config.yaml",
      { "~/.config/pnpm/config.yaml": `registries: { default: "${a}", "@s": "${b}" }` },
      {},
    ],
    [
      "pnpm",
      "auth.ini over ~/.npmrc",
      {
        "~/.config/pnpm/auth.ini": `registry=${a}`,
        "~/.npmrc": `registry=https://c.example/\n@s:registry=${b}`,
      },
      {},
    ],
    ["pnpm", "the environment", { ".npmrc": `@s:registry=${b}` }, { PNPM_CONFIG_REGISTRY: a }],
    [
      "yarn",
      "project over home",
      {
        ".yarnrc.yml": `npmRegistryServer: "${a}"\nnpmScopes: { s: { npmRegistryServer: "${b}" } }`,
        "~/.yarnrc.yml": "npmRegistryServer: https://c.example",
      },
      {},
    ],
    [
      "yarn",
      "the environment",
      { ".yarnrc.yml": `npmRegistryServer: "${b}"\nnpmScopes: { s: { npmRegistryServer: "${b}" } }` },
      { YARN_NPM_REGISTRY_SERVER: a },
    ],
    [
      "yarn",
      "Yarn 1: .npmrc",
      {
        "yarn.lock": "# yarn lockfile v1\n",
        ".npmrc": `registry=${a}\n@s:registry=${b}`,
        ".yarnrc.yml": "npmRegistryServer: https://c.example",
      },
      {},
    ],
    [
      "bun",
      "bunfig over .npmrc",
      {
        "bunfig.toml": `[install]\nregistry = "${a}"\n[install.scopes]\ns = "${b}"`,
        ".npmrc": "registry=https://c.example/",
      },
      {},
    ],
    [
      "bun",
      "a user name in the address",
      {
        "~/.bunfig.toml": `[install]\nregistry = "https://u:p@a.example/npm"\n[install.scopes]\n"@s" = "${b}"`,
      },
      {},
    ],
    [
      "bun",
      "the environment",
      { "bunfig.toml": `[install]\nregistry = "https://c.example"\n[install.scopes]\ns = "${b}"` },
      { BUN_CONFIG_REGISTRY: a },
    ],
    ["deno", ".npmrc", { ".npmrc": `registry=${a}\n@s:registry=${b}` }, {}],
  ])("%s: %s", async (manager, _, files, environment) => {
    const machine = openMachine({ policy: [] });
    open.push(machine);
    machine.write(files);
    const given = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, value.replace("HOME", machine.context.home)]),
    );
    const configuration = await readManager(manager, {
      ...machine.context,
      environment: { ...machine.context.environment, ...given },
    });
    expect(configuration.registryOf("npm", "left-pad")).toBe(a);
    expect(configuration.registryOf("npm", "@s/x")).toBe(b);
    expect(configuration.registryOf("pypi", "x")).toBeNull();
    expect(configuration.registries).toEqual(expect.arrayContaining([a, b]));
    expect(codesAndEffects(configuration)).toEqual([]);
  });

  it("Yarn Berry ignores .npmrc, and takes the library's default where nothing is set", async () => {
    const configuration = await read("yarn", { ".npmrc": `registry=${a}\n//a.example/npm/:_authToken=x` });
    expect(configuration.registryOf("npm", "x")).not.toBe(a);
    expect(configuration.credentials).toEqual([]);
  });

  it.each<[ManagerName, string, Record<string, string>]>([
    ["npm", weakens, { ".npmrc": "@s:registry=http://npm.acme.example/" }],
    ["npm", "block settings/malformed", { ".npmrc": "@s:registry=https://u:p@npm.acme.example/" }],
    ["npm", "block settings/malformed", { ".npmrc": "@s:registry=https://${UNSET}/" }],
    [
      "yarn",
      weakens,
      { ".yarnrc.yml": "npmScopes: { s: { npmRegistryServer: 'http://npm.acme.example' } }" },
    ],
    ["pnpm", weakens, { "pnpm-workspace.yaml": "registries: { '@s': 'http://npm.acme.example/' }" }],
    ["bun", weakens, { "bunfig.toml": '[install.scopes]\ns = "http://npm.acme.example/"' }],
  ])(
    "%s: an address that cannot be asked is a finding, and no other registry takes its place: %s",
    async (manager, code, files) => {
      const configuration = await read(manager, files);
      expect(codesAndEffects(configuration)).toEqual([code]);
      expect(configuration.registryOf("npm", "@s/x")).toBeNull();
    },
  );

  it("Deno asks JSR where JSR_URL says, and nowhere without it", async () => {
    expect((await read("deno", {})).registryOf("jsr", "@std/fs")).toBeNull();
    const configuration = await read(
      "deno",
      {},
      { policy: [], environment: { JSR_URL: "https://jsr.acme.example" } },
    );
    expect(configuration.registryOf("jsr", "@std/fs")).toBe("https://jsr.acme.example/");
  });
});

describe("Python indexes", () => {
  const a = "https://a.example/simple/";
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["[tool.uv]", { "pyproject.toml": `[[tool.uv.index]]\nurl = "${a}"\ndefault = true` }, {}],
    [
      "uv.toml before [tool.uv]",
      {
        "uv.toml": `index-url = "${a}"`,
        "pyproject.toml": '[tool.uv]\nindex-url = "https://b.example/simple"',
      },
      {},
    ],
    [
      "UV_DEFAULT_INDEX before files",
      { "uv.toml": 'index-url = "https://b.example/simple"' },
      { UV_DEFAULT_INDEX: `acme=${a}` },
    ],
    ["the user's uv.toml", { "~/.config/uv/uv.toml": `index-url = "${a}"` }, {}],
    [
      "a pyproject.toml without [tool.uv] is passed over",
      { "pyproject.toml": "[project]", "~/.config/uv/uv.toml": `index-url = "${a}"` },
      {},
    ],
    [
      "UV_NO_CONFIG",
      { "uv.toml": 'index-url = "https://b.example/simple"' },
      { UV_NO_CONFIG: "1", UV_INDEX_URL: a },
    ],
  ])("uv: %s", async (_, files, environment) => {
    const configuration = await read("uv", files, { policy: [], environment });
    expect(configuration.registryOf("pypi", "x")).toBe(a);
    expect(configuration.registryOf("npm", "x")).toBeNull();
    expect(codesAndEffects(configuration)).toEqual([]);
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["user", { "~/.config/pip/pip.conf": `[global]\nindex-url = ${a}` }, {}],
    [
      "[install] before [global], in whichever file",
      {
        "~/.pip/pip.conf": `[install]\nindex_url: ${a}`,
        "~/.config/pip/pip.conf": "[global]\nindex-url = https://b.example/simple",
      },
      {},
    ],
    [
      "PIP_INDEX_URL before files",
      { "~/.config/pip/pip.conf": "[global]\nindex-url = https://b.example/simple" },
      { PIP_INDEX_URL: a },
    ],
    [
      "PIP_CONFIG_FILE instead of the user's",
      {
        "~/.config/pip/pip.conf": "[global]\nindex-url = https://b.example/simple",
        "~/other.conf": `[global]\nindex-url = ${a}`,
      },
      { PIP_CONFIG_FILE: "HOME/other.conf" },
    ],
  ])("pip: %s", async (_, files, environment) => {
    const machine = openMachine({ policy: [] });
    open.push(machine);
    machine.write(files);
    const given = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, value.replace("HOME", machine.context.home)]),
    );
    const configuration = await readManager("pip", {
      ...machine.context,
      environment: { ...machine.context.environment, ...given },
    });
    expect(configuration.registryOf("pypi", "x")).toBe(a);
    expect(codesAndEffects(configuration)).toEqual([]);
  });

  it("pip: PIP_CONFIG_FILE as the null device reads none", async () => {
    const files = {
      "~/.config/pip/pip.conf": "[global]\nindex-url = https://b.example/simple\ntrusted-host = b.example",
    };
    const configuration = await read("pip", files, { policy: [], environment: { PIP_CONFIG_FILE: devNull } });
    expect(configuration.registries).toEqual([]);
    expect(configuration.findings).toEqual([]);
  });

  it("pip: a file that is none is a finding", async () => {
    const { findings } = await read("pip", { "~/.config/pip/pip.conf": "[global]\nnonsense\n" });
    expect(findings).toMatchObject([{ code: "settings/malformed", effect: "block", at: { line: 2 } }]);
  });

  it("pip: a virtual environment of the project is the project's word", async () => {
    const machine = openMachine({ policy: [] });
    open.push(machine);
    machine.write({
      ".venv/pip.conf":
        "[global]\nindex-url = https://u:p@evil.example/simple\nproxy = http://evil.example/\n",
    });
    const environment = {
      ...machine.context.environment,
      VIRTUAL_ENV: join(machine.context.directory, ".venv"),
    };
    const configuration = await readManager("pip", { ...machine.context, environment });
    expect(configuration.credentials).toEqual([]);
    expect(configuration.proxy.https).toBeNull();
    expect(codesAndEffects(configuration)).toEqual([
      "block settings/credential-foreign",
      "block settings/weakens",
    ]);
  });

  it("reads .netrc for the hosts of the indexes alone", async () => {
    const netrc =
      "default login x password y\nmachine a.example login u password p\nmachine other.example login u password q\n";
    const configuration = await read("uv", { "~/.netrc": netrc, "uv.toml": `index-url = "${a}"` });
    expect(configuration.credentials).toEqual([
      { prefix: a, authorization: "Basic dTpw" },
      { prefix: "https://a.example/integrity/", authorization: "Basic dTpw" },
    ]);
  });
});

it("what is not read is said", async () => {
  const pnpm = await read("pnpm", { "~/.config/pnpm/config.yaml": "_auth: {}" });
  const yarn = await read("yarn", {
    "yarn.lock": "# yarn lockfile v1\n",
    ".yarnrc": 'registry "https://a.example/"',
  });
  for (const configuration of [pnpm, yarn])
    expect(codesAndEffects(configuration)).toEqual(["note settings/unread"]);
});
