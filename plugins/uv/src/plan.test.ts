import { describe, expect, it } from "vitest";
import { planOf, type Flow } from "./plan.ts";

const flows: readonly (readonly [string, Flow])[] = [
  ["", "plain"],
  ["--version", "plain"],
  ["-V", "plain"],
  ["help sync", "plain"],
  ["sync --help", "plain"],
  ["sync", "sync"],
  ["--project x sync", "sync"],
  ["--directory=x -q --no-config sync --frozen", "sync"],
  ["--config-file uv.toml sync", "sync"],
  ["--cache-dir c --offline sync", "sync"],
  ["--color always sync", "sync"],
  ["-qv sync", "sync"],
  ["-p 3.12 sync", "sync"],
  ["-p3.12 sync", "sync"],
  ["lock", "change"],
  ["lock --upgrade", "change"],
  ["lock -P leaf", "change"],
  ["lock --check", "read"],
  ["lock --locked", "read"],
  ["lock --dry-run", "read"],
  ["add leaf", "change"],
  ["remove leaf", "change"],
  ["upgrade", "change"],
  ["version", "plain"],
  ["version --short", "plain"],
  ["version 2.0.0", "change"],
  ["version --bump minor", "change"],
  ["tree", "read"],
  ["export -o requirements.txt", "read"],
  ["workspace list", "read"],
  ["run pytest", "run"],
  ["run --with x pytest --help", "run"],
  ["run -- pytest", "run"],
  ["run -m pytest", "run"],
  ["tool run ruff", "throwaway"],
  ["tool run ruff --help", "throwaway"],
  ["tool install ruff", "tool-install"],
  ["tool list", "plain"],
  ["tool uninstall ruff", "plain"],
  ["tool upgrade ruff", "uncovered"],
  ["tool audit", "uncovered"],
  ["tool nonsense", "uncovered"],
  ["pip install leaf", "pip-install"],
  ["pip sync r.txt", "pip-install"],
  ["pip compile r.in", "pip-compile"],
  ["pip list", "inspect"],
  ["pip freeze", "inspect"],
  ["pip show leaf", "inspect"],
  ["pip tree", "inspect"],
  ["pip check", "inspect"],
  ["pip uninstall leaf", "inspect"],
  ["pip nonsense", "uncovered"],
  ["venv", "venv"],
  ["python find", "inspect"],
  ["python list", "plain"],
  ["python pin 3.12", "plain"],
  ["python dir", "plain"],
  ["python install 3.12", "uncovered"],
  ["python upgrade", "uncovered"],
  ["cache clean", "plain"],
  ["cache dir", "plain"],
  ["self version", "plain"],
  ["self update", "uncovered"],
  ["auth login x", "plain"],
  ["init", "plain"],
  ["publish", "plain"],
  ["generate-shell-completion bash", "plain"],
  ["build", "uncovered"],
  ["format", "uncovered"],
  ["check", "uncovered"],
  ["audit", "uncovered"],
  ["workspace metadata", "uncovered"],
  ["__proto__", "uncovered"],
  ["constructor", "uncovered"],
  ["nonsense", "uncovered"],
];

describe("which flow a command line takes", () => {
  it.each(flows)("uv %s: %s", (line, flow) => {
    expect(planOf("uv", line === "" ? [] : line.split(" ")).flow).toBe(flow);
  });
  it.each([
    ["ruff check", "throwaway"],
    ["--from ruff ruff --version", "throwaway"],
    ["--version", "plain"],
    ["--help", "plain"],
    ["", "plain"],
  ])("uvx %s: %s", (line, flow) => {
    expect(planOf("uvx", line === "" ? ["-h"] : line.split(" ")).flow).toBe(flow);
  });
});

const weakening: readonly string[] = [
  "sync --no-binary",
  "sync --no-binary-package leaf",
  "--no-binary-package=leaf sync",
  "sync --no-build-isolation",
  "sync --no-build-isolation-package x",
  "sync --build",
  "sync -C a=b",
  "sync --config-setting a=b",
  "sync --config-file evil.toml",
  "--config-file evil.toml sync",
  "--cache-dir cache sync",
  "sync --allow-insecure-host h",
  "sync --active",
  "sync --link-mode hardlink",
  "sync -f wheels",
  "sync --find-links wheels",
  "sync --no-index",
  "lock --find-links wheels",
  "add --no-build-package x leaf",
  "run --active pytest",
  "tool run --no-binary ruff",
  "tool run --build-constraints b.txt ruff",
  "pip install --no-verify-hashes leaf",
  "pip install --no-binary :all: leaf",
  "pip install --torch-backend auto leaf",
  "pip sync --no-build-isolation r.txt",
  "pip compile --no-binary leaf r.in",
  "tool install --no-binary ruff",
  "venv --seed",
];
const unknown: readonly string[] = [
  "sync --script s.py",
  "sync --python-platform windows",
  "sync --nonsense",
  "sync -x",
  "run --isolated pytest",
  "run --with-editable . pytest",
  "run --with-requirements r.txt pytest",
  "add --editable ./x",
  "tool run --with-editable . ruff",
  "tool run --python-platform windows ruff",
  "tool install --editable .",
  "pip install -e .",
  "pip install --python-platform windows leaf",
  "pip install --user leaf",
  "export --script s.py",
  "tree --outdated",
];
const taken: readonly string[] = [
  "sync --extra a --group dev --no-dev --all-packages --package x -q --offline --frozen --locked",
  "sync --reinstall --refresh --compile-bytecode --inexact --dry-run -U --index https://x.example/simple/",
  "run --group dev --env-file .env --module pytest -x --nonsense",
  "run --with x --no-project python --active",
  "add leaf -r r.txt -c c.txt --group dev --bounds major --index https://x.example/simple/",
  "lock -U --resolution lowest --script s.py",
  "tool run --from x --with y -p 3.12 x --no-binary",
  "pip install -r r.txt -c c.txt --system --no-deps leaf",
  "pip compile r.in -o r.txt --generate-hashes --universal",
  "venv --clear --prompt x -p 3.12 env",
  "export --format requirements.txt --no-hashes -o x",
];

describe("what of a command line strict mode refuses", () => {
  it.each(weakening)("uv %s: a setting that weakens", (line) => {
    expect(planOf("uv", line.split(" ")).refusals.map(({ code }) => code)).toEqual(["settings/weakens"]);
  });
  it.each(unknown)("uv %s: an option that no flow covers", (line) => {
    expect(planOf("uv", line.split(" ")).refusals.map(({ code }) => code)).toEqual(["command/uncovered"]);
  });
  it.each(taken)("uv %s: nothing", (line) => {
    expect(planOf("uv", line.split(" ")).refusals).toEqual([]);
  });
});

describe("how a command line is taken apart", () => {
  it.each([
    [
      "run -p 3.12 --with=a,b pytest -q --with c",
      ["python=3.12", "with=a,b"],
      ["pytest", "-q", "--with", "c"],
    ],
    ["run --module pytest -x", ["module"], ["pytest", "-x"]],
    ["run --script s.py a", ["script"], ["s.py", "a"]],
    ["run -- --version", [], ["--version"]],
    ["lock --script s.py", ["script=s.py"], []],
    ["add -qr r.txt leaf", ["quiet", "requirements=r.txt"], ["leaf"]],
    ["add -rr.txt leaf -- -x", ["requirements=r.txt"], ["leaf", "-x"]],
    ["pip install -e=. leaf", ["editable=."], ["leaf"]],
    ["tool install -e .", ["editable"], ["."]],
    ["venv -c env", ["clear"], ["env"]],
    ["run -", [], ["-"]],
    ["sync --extra", ["extra"], []],
  ])("uv %s", (line, options, rest) => {
    const plan = planOf("uv", line.split(" "));
    expect(plan.line.options.map(({ name, value }) => (value === null ? name : `${name}=${value}`))).toEqual(
      options,
    );
    expect(plan.line.rest).toEqual(rest);
  });
});
