import { existsSync } from "node:fs";
import { join } from "node:path";
import { passUnknown, policyHome, runThrowaway, withPathEntry, type WrapperHost } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  modeOf,
  optionsOf,
  refuseAll,
  sayLeftOut,
  userRun,
  variablesFor,
  wheelsOnly,
  workingDirectory,
  type Call,
} from "./call.ts";
import { isGiven, valuesOf } from "./command-line.ts";
import { readToolRequest } from "./requirement.ts";

/** What is to be locked, installed and run apart from any project. */
export type Request = {
  requirements: readonly string[];
  /** PEP 440; null: whatever the interpreter is. */
  requiresPython: string | null;
  python: readonly string[];
  /** A program of the environment made for it, by name. */
  command: string;
  args: readonly string[];
};

/** `uvx`, `uv tool run`. */
export async function runTool(call: Call): Promise<number> {
  const { host, plan, tool } = call;
  const { line } = plan;
  const shown = `${tool === "uvx" ? "uvx" : "uv tool run"} ${line.rest[0] ?? ""}`.trim();
  const request = readToolRequest(valuesOf(line, "from").at(-1) ?? null, valuesOf(line, "with"), line.rest);
  if (line.rest.length === 0 || request === null) return passUnknown(host, tool, userRun(call), shown);
  if ((await modeOf(call)) === "strict") {
    if (plan.refusals.length > 0) return refuseAll(call, plan.refusals);
    sayLeftOut(call);
  }
  // Tools are the user's: no file of the project says which Python they run with.
  const chosen = await choosePython(call, "/");
  if (chosen.refusal !== null) return refuseAll(call, [chosen.refusal]);
  const python = request.python === null ? chosen.args : ["--python", request.python];
  const latest = isGiven(line, "upgrade") || (line.rest[0]?.endsWith("@latest") ?? false);
  return runLocked(call, { ...request, requiresPython: null, python }, latest);
}

/**
 * Locks requirements as a project of their own, decides, installs and runs. The second time the project is there
 * already, and nothing is asked of an index.
 * @param fresh locked anew, whatever is there already
 */
export function runLocked(call: Call, request: Request, fresh: boolean): Promise<number> {
  const { plan } = call;
  const host = hostOf(call);
  const { environment } = host;
  const resolving = optionsOf(plan.line, "resolve");
  const project = policyHome(workingDirectory(call));
  const indexes = ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"];
  return runThrowaway(host, {
    manager: "uv",
    tool: "uv",
    key: [
      ...request.requirements.toSorted(),
      "--",
      request.requiresPython ?? "",
      ...request.python,
      ...resolving,
      "--",
      ...indexes.map((name) => environment.variables[name] ?? ""),
      ...(fresh ? [String(environment.now)] : []),
    ],
    files: { "pyproject.toml": manifest(request) },
    lockfile: "uv.lock",
    resolve: (directory) => ({
      args: ["lock", ...wheelsOnly, ...request.python, ...commonOptions(plan.line), ...resolving],
      directory,
      variables: variablesFor(call, "resolve", project, null),
    }),
    install: (directory) => ({
      args: [
        "sync",
        "--frozen",
        ...wheelsOnly,
        "--no-config",
        ...request.python,
        ...commonOptions(plan.line),
      ],
      directory,
      variables: variablesFor(call, "install", project, join(directory, ".venv")),
    }),
    execute: (directory) => {
      const windows = environment.platform === "win32";
      const programs = join(directory, ".venv", windows ? "Scripts" : "bin");
      const command = join(programs, windows ? `${request.command}.exe` : request.command);
      if (!existsSync(command)) return Promise.resolve(null);
      const variables = {
        PATH: withPathEntry(environment.variables["PATH"], programs),
        VIRTUAL_ENV: join(directory, ".venv"),
        PYTHONPATH: undefined,
        PYTHONHOME: undefined,
      };
      const run = { args: request.args, directory: workingDirectory(call), variables };
      return Promise.resolve({ command, run });
    },
    user: userRun(call),
  });
}

/** `uv` locks and installs; what the user typed may have been `uvx`. */
const hostOf = ({ host, tool }: Call): WrapperHost => ({
  ...host,
  run: (_, run) => host.run(tool, run),
  refuse: (refusal) =>
    host.refuse(
      refusal.code === "command/not-found"
        ? { ...refusal, fix: "Name the package and the command: uvx --from NAME COMMAND" }
        : refusal,
    ),
});

const manifest = ({ requirements, requiresPython }: Request): string =>
  [
    "[project]",
    'name = "countersign-throwaway"',
    'version = "0"',
    ...(requiresPython === null ? [] : [`requires-python = ${JSON.stringify(requiresPython)}`]),
    `dependencies = [${requirements.map((each) => JSON.stringify(each)).join(", ")}]`,
    "",
    "[tool.uv]",
    "package = false",
    "",
  ].join("\n");
