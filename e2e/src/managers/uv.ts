import { join } from "node:path";
import { pyproject } from "@countersign/testkit";
import type { Adapter } from "./adapter.ts";

export const uv: Adapter = {
  manager: "uv-0",
  family: "uv",
  lockfile: "uv.lock",
  installed: ".venv",
  files: ({ kit, pypi }) => ({
    "pyproject.toml": pyproject({ index: kit.pypi.simpleUrl, files: [pypi.leaf, pypi.trunk, pypi.twig] }),
  }),
  // uvx reads no project.
  home: ({ kit }) => ({
    ".config/uv/uv.toml": `[[index]]\nurl = ${JSON.stringify(kit.pypi.simpleUrl)}\ndefault = true\n`,
  }),
  variables: ({ root }) => ({
    UV_CACHE_DIR: join(root, "cache", "uv"),
    UV_PYTHON_DOWNLOADS: "never",
    UV_HTTP_RETRIES: "0",
    UV_NO_PROGRESS: "1",
  }),
  resolve: ["uv", "lock"],
  commands: {
    frozen: ["uv", "sync", "--frozen"],
    install: ["uv", "sync"],
    add: ["uv", "add", "extra==1.0.0"],
    run: ["uvx", "tool==1.0.0"],
  },
  offline: { args: { frozen: ["--offline"], install: ["--offline"] }, variables: {} },
  runs: [".venv/bin/python", "-c", "import leaf; print(leaf.NAME)"],
};
