import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mayRun, passUnknown, policyHome, type Refusal, type Verification } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  modeOf,
  namedOptions,
  refuseAll,
  runUnchanged,
  sayLeftOut,
  userRun,
  variablesFor,
  wheelsOnly,
  workingDirectory,
  type Call,
} from "./call.ts";
import { valuesOf } from "./command-line.ts";
import { keyOf } from "./environment.ts";
import { withPylock } from "./pip-lock.ts";
import { readRequirement, readVersioned } from "./requirement.ts";

/** A wheel of a decided lockfile. */
type Wheel = { name: string; version: string; file: string; url: string; sha256: string };

const maximumBytes = 2 * 1024 * 1024 * 1024;
const patience = 120_000;

/** `uv tool install`: uv ignores hashes there, so it is given a directory that holds the verified wheels and nothing else. */
export async function installTool(call: Call): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  const mode = await modeOf(call);
  if (mode === "disabled") return runUnchanged(call);
  const tool = line.rest.length === 1 ? readVersioned(line.rest[0] as string) : null;
  const extra = valuesOf(line, "with").flatMap((each) => each.split(","));
  if (tool === null || extra.some((each) => readRequirement(each) === null))
    return passUnknown(host, "uv", userRun(call), `uv tool install ${line.rest[0] ?? ""}`.trim());
  const python = await choosePython(call, "/");
  const refusals = [...plan.refusals, ...(python.refusal === null ? [] : [python.refusal])];
  if (mode === "strict") {
    if (refusals.length > 0) return refuseAll(call, refusals);
    sayLeftOut(call);
  }
  return withPylock(
    call,
    { requirements: [tool.text, ...extra], files: [], python: python.args },
    async (_pylock, verification) => {
      if (!mayRun(verification)) return verification.exitCode;
      if (mode === "warn") return runUnchanged(call);
      const wheels = wheelsOf(verification);
      const pinned = pin(wheels, tool.name);
      if (pinned === null) return refuseAll(call, [unbound(tool.name)]);
      const directory = await collect(call, wheels);
      if (typeof directory !== "string") return refuseAll(call, [directory]);
      return host.run("uv", {
        args: [
          "tool",
          "install",
          "--no-index",
          "--find-links",
          directory,
          "--offline",
          ...wheelsOnly,
          ...python.args,
          ...commonOptions(line).filter((option) => option !== "--offline"),
          ...namedOptions(line, "force"),
          ...extra.flatMap((each) => {
            const name = readRequirement(each)?.name;
            const found = name === undefined ? null : pin(wheels, name);
            return found === null ? [] : [`--with=${found}`];
          }),
          pinned,
        ],
        directory: workingDirectory(call),
        variables: variablesFor(call, "install", policyHome(workingDirectory(call)), null),
      });
    },
    async ({ exitCode, stderr }) => {
      if (mode === "warn") return runUnchanged(call);
      host.say(stderr.trim());
      return exitCode;
    },
  );
}

function wheelsOf({ lockfiles }: Verification): Wheel[] {
  return lockfiles.flatMap(({ set }) =>
    set.packages.flatMap(({ name, version, artefacts }) =>
      artefacts.flatMap(({ form, file, url, digest }) =>
        form === "wheel" && file !== null && url !== null && digest?.algorithm === "sha256"
          ? [{ name, version, file, url, sha256: digest.hex }]
          : [],
      ),
    ),
  );
}

const normalise = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, "-");

/** `NAME==VERSION` as it was locked, with the extras left to what is locked beside it. */
function pin(wheels: readonly Wheel[], name: string): string | null {
  const found = wheels.find((wheel) => wheel.name === normalise(name));
  return found === undefined ? null : `${found.name}==${found.version}`;
}

/** The wheels in a directory that is kept: uv's receipt names it for upgrades. */
async function collect({ host }: Call, wheels: readonly Wheel[]): Promise<string | Refusal> {
  const key = keyOf(...wheels.map(({ sha256 }) => sha256).toSorted());
  const directory = join(host.environment.cacheDirectory, "uv", "wheels", key);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const wheel of wheels) {
    const path = join(directory, wheel.file);
    if (existsSync(path) && sha256(await readFile(path)) === wheel.sha256) continue;
    const bytes = await download(wheel, host.environment.signal);
    if (!(bytes instanceof Uint8Array)) return bytes;
    await writeFile(`${path}.part`, bytes, { mode: 0o600 });
    await rename(`${path}.part`, path);
  }
  return directory;
}

async function download(wheel: Wheel, cancelled: AbortSignal): Promise<Uint8Array | Refusal> {
  try {
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(patience)]);
    const response = await fetch(wheel.url, { redirect: "error", signal });
    if (!response.ok || response.body === null) return unfetched(wheel, `status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > maximumBytes) return unfetched(wheel, "it is too large");
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    if (sha256(bytes) !== wheel.sha256) {
      return {
        code: "listing/mismatch",
        why: `What ${wheel.url} serves is not ${wheel.file} as it was decided on.`,
        fix: "Run the command again; if it stays so, the index and its file host disagree.",
      };
    }
    return bytes;
  } catch (error) {
    return unfetched(wheel, error instanceof Error ? error.message : String(error));
  }
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const unfetched = ({ file, url }: Wheel, detail: string): Refusal => ({
  code: "evidence/unreachable",
  why: `${file} could not be fetched from ${url}: ${detail}.`,
  fix: "Check the address and the network, and run the command again.",
});

const unbound = (name: string): Refusal => ({
  code: "artefact/digest-missing",
  why: `No wheel of ${name} with a SHA-256 digest was locked.`,
  fix: "Use a version that offers wheels.",
});
