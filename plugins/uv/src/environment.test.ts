import { describe, expect, it } from "vitest";
import { environmentOf, isOn, isPythonVersion, leftOut, strictVariables, type Step } from "./environment.ts";

const base = { platform: "linux", cacheDirectory: "/cache", project: "/work/project" } as const;
const strict = (
  variables: Record<string, string>,
  step: Step = "install",
): Record<string, string | undefined> => ({
  ...variables,
  ...strictVariables({ ...base, variables }, step, null),
});

const passed = [
  "UV_OFFLINE",
  "UV_HTTP_TIMEOUT",
  "UV_SYSTEM_CERTS",
  "UV_NO_PROGRESS",
  "UV_NO_DEV",
  "UV_TOOL_DIR",
  "UV_INDEX_ACME_USERNAME",
  "UV_INDEX_ACME_PASSWORD",
  "HTTPS_PROXY",
  "SSL_CERT_FILE",
];
const resolving = ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_PRERELEASE"];
const dropped = [
  "UV_NO_BINARY",
  "UV_NO_BINARY_PACKAGE",
  "UV_NO_BUILD",
  "UV_NO_BUILD_PACKAGE",
  "UV_NO_BUILD_ISOLATION",
  "UV_NO_VERIFY_HASHES",
  "UV_SKIP_WHEEL_FILENAME_CHECK",
  "UV_INSECURE_HOST",
  "UV_INSECURE_NO_ZIP_VALIDATION",
  "UV_FIND_LINKS",
  "UV_TORCH_BACKEND",
  "UV_OVERRIDE",
  "UV_CONSTRAINT",
  "UV_EXCLUDE",
  "UV_BUILD_CONSTRAINT",
  "UV_CONFIG_FILE",
  "UV_NO_CONFIG",
  "UV_PROJECT",
  "UV_WORKING_DIR",
  "UV_WORKING_DIRECTORY",
  "UV_PYTHON",
  "UV_PYTHON_INSTALL_MIRROR",
  "UV_PYTHON_DOWNLOADS_JSON_URL",
  "UV_PYTHON_SEARCH_PATH",
  "UV_ENV_FILE",
  "UV_ASTRAL_MIRROR_URL",
  "UV_PREVIEW_FEATURES",
  "UV_ISOLATED",
  "UV_INDEX_STRATEGY",
  "UV_INDEX_PASSWORD_FILE",
  "UV_SOMETHING_NEW",
  "uv_no_binary",
  "VIRTUAL_ENV",
  "CONDA_PREFIX",
  "PYTHONPATH",
  "PYTHONHOME",
];

describe("the environment of a strict step", () => {
  it.each(passed)("passes %s", (name) => {
    expect(strict({ [name]: "x" })[name]).toBe("x");
  });
  it.each(dropped)("leaves out %s", (name) => {
    for (const step of ["install", "resolve"] as const)
      expect(strict({ [name]: "x" }, step)[name]).toBeUndefined();
  });
  it.each(resolving)("passes %s to a resolution, which is judged afterwards, and to no install", (name) => {
    expect(strict({ [name]: "x" }, "resolve")[name]).toBe("x");
    expect(strict({ [name]: "x" })[name]).toBeUndefined();
  });

  it("fixes cache, link mode, downloads and environment, whatever was set", () => {
    const names = ["UV_CACHE_DIR", "UV_LINK_MODE", "UV_PYTHON_DOWNLOADS", "UV_PROJECT_ENVIRONMENT"];
    const result = strict(Object.fromEntries(names.map((name) => [name, "evil"])));
    expect(result).toMatchObject({
      UV_CACHE_DIR: "/cache/uv/cache",
      UV_LINK_MODE: "copy",
      UV_PYTHON_DOWNLOADS: "never",
      UV_PROJECT_ENVIRONMENT: "/cache/uv/absent",
    });
    expect(strictVariables({ ...base, variables: {}, platform: "darwin" }, "install", "/e")).toMatchObject({
      UV_LINK_MODE: "clone",
      UV_PROJECT_ENVIRONMENT: "/e",
    });
  });

  it("finds no program of the project on PATH", () => {
    const PATH = "/work/project/.venv/bin:/usr/bin::bin:.:/work/project:/work/projects/bin";
    expect(strict({ PATH })["PATH"]).toBe("/usr/bin:/work/projects/bin");
    const windows = strictVariables(
      {
        variables: { Path: "C:\\p\\.venv\\Scripts;C:\\Python;bin" },
        platform: "win32",
        cacheDirectory: "C:\\c",
        project: "C:\\p",
      },
      "install",
      null,
    );
    expect(windows["Path"]).toBe("C:\\Python");
  });

  it("names what it leaves out, and not what it takes in another way", () => {
    expect(
      leftOut({
        UV_NO_BINARY: "1",
        UV_FIND_LINKS: "x",
        UV_CONFIG_FILE: "",
        UV_FROZEN: "1",
        UV_CACHE_DIR: "x",
        UV_INDEX: "x",
        PATH: "x",
      }),
    ).toEqual(["UV_FIND_LINKS", "UV_NO_BINARY"]);
  });
});

describe("what is a version of Python", () => {
  it.each([
    "3",
    "3.12",
    "3.12.4",
    "3.13t",
    "cpython@3.12",
    "cpython-3.12",
    "pypy3.10",
    "python3.11",
    "3.14.0rc1",
    "cpython-3.12.3-linux-x86_64-gnu",
    ">=3.11,<3.13",
    "==3.12.*",
    "~=3.11",
  ])("%s", (text) => expect(isPythonVersion(text)).toBe(true));
  it.each([
    "./python",
    "/usr/bin/python3",
    "..\\python.exe",
    "evil",
    "python",
    "bin/3.12",
    "3.12/../x",
    "",
    " ",
    "3.12; evil",
    "-c",
    "C:3.12",
    "3.12\n./evil",
    `${"3.".repeat(200)}1`,
  ])("not %j", (text) => expect(isPythonVersion(text)).toBe(false));
});

it("UV_PROJECT_ENVIRONMENT says where the environment lies", () => {
  expect(environmentOf({}, "/p")).toBe("/p/.venv");
  expect(environmentOf({ UV_PROJECT_ENVIRONMENT: "" }, "/p")).toBe("/p/.venv");
  expect(environmentOf({ UV_PROJECT_ENVIRONMENT: "env" }, "/p")).toBe("/p/env");
  expect(environmentOf({ UV_PROJECT_ENVIRONMENT: "/env" }, "/p")).toBe("/env");
});

it("reads switches as uv does", () => {
  expect(["1", "true", "yes", "on", "x"].map(isOn)).toEqual([true, true, true, true, true]);
  expect([undefined, "", "0", "false", "F", "no", "off"].map(isOn)).not.toContain(true);
});
