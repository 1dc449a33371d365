import { readPolicy, visible, type Finding } from "@countersign/core";
import { readNamed } from "../files.ts";
import type { Host } from "../host.ts";
import { renderMistakes } from "../mistakes.ts";
import { readLayers, type LayerOptions } from "../policy-layers.ts";
import { count } from "../render.ts";

const policyBytes = 4 * 1024 * 1024;

/** Lists every mistake at once. 0 when there is none, 2 when the policy could not be used. */
export async function checkPolicy(
  host: Host,
  file: string | undefined,
  options: LayerOptions,
): Promise<number> {
  const { findings, checked } =
    file === undefined ? await checkLayers(host, options) : await checkFile(host, file);
  const { terminal } = host;
  if (findings.length === 0) {
    terminal.out(
      `${checked.length === 0 ? "no policy file here: the built-in policy holds" : `${checked.map((path) => visible(path)).join(", ")}: no mistakes`}\n`,
    );
    return 0;
  }
  terminal.out(renderMistakes(findings));
  terminal.err(`countersign: ${count(findings.length, "mistake")}\n`);
  return 2;
}

async function checkFile(
  host: Host,
  path: string,
): Promise<{ findings: readonly Finding[]; checked: readonly string[] }> {
  const text = new TextDecoder().decode(await readNamed(host, path, policyBytes));
  const read = readPolicy(path.replaceAll("\\", "/"), text, "head");
  return { findings: read.ok ? [] : read.findings, checked: [path] };
}

async function checkLayers(
  host: Host,
  options: LayerOptions,
): Promise<{ findings: readonly Finding[]; checked: readonly string[] }> {
  const { policy, findings } = await readLayers(host, options);
  return { findings: [...findings, ...policy.problems], checked: policy.layers.map(({ path }) => path) };
}
