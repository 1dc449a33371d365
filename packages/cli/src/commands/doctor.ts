import { access } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { visible, type Finding, type Report } from "@countersign/core";
import {
  cacheDirectoryOf,
  configurationDirectory,
  findLockfiles,
  projectPolicyPath,
  readManager,
  verifyProject,
} from "@countersign/gate";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { json } from "../render.ts";
import { requestOf } from "../request.ts";

/** What a run depends on besides the lockfile, as plain JSON. */
type Diagnosis = {
  schema: "countersign/doctor/1";
  countersign: string;
  node: string;
  platform: string;
  directory: string;
  cache: string;
  lockfiles: readonly { path: string; format: string; manager: string; registries: readonly string[] }[];
  configuration: readonly string[];
  policy: { mode: string; layers: readonly string[] };
  registries: Report["registries"];
  root: Report["root"];
  enforcement: string;
  weakens: readonly { code: string; at: string; why: string; fix: string }[];
};

/** Files of a project that decide where packages come from or what is checked. */
const configurationFiles: readonly string[] = [
  projectPolicyPath,
  "package.json",
  ".npmrc",
  "pnpm-workspace.yaml",
  ".pnpmfile.cjs",
  ".pnpmfile.mjs",
  ".yarnrc.yml",
  ".yarnrc",
  "bunfig.toml",
  "deno.json",
  "deno.jsonc",
  "pyproject.toml",
  "uv.toml",
];

/** Shows what verification rests on here. 0 when nothing weakens it, 1 when something does. */
export async function doctor(host: Host, options: ProjectOptions & { json?: boolean }): Promise<number> {
  const diagnosis = await diagnose(host, options);
  host.terminal.out(options.json === true ? json(diagnosis) : render(diagnosis, host));
  return diagnosis.weakens.length === 0 ? 0 : 1;
}

async function diagnose(host: Host, options: ProjectOptions): Promise<Diagnosis> {
  const environment = environmentOf(host);
  const discovery = await findLockfiles(host.directory, options.lockfile);
  const { directory } = discovery;
  const configurations = await Promise.all(
    discovery.lockfiles.map((file) =>
      readManager(file.manager, {
        directory: configurationDirectory(directory, file),
        home: environment.home,
        environment: environment.variables,
        platform: environment.platform,
        registries: null,
      }),
    ),
  );
  const { report, policy } = await verifyProject(requestOf(host, options), environment);
  const present = await Promise.all(
    configurationFiles.map(async (name) => ((await exists(join(directory, name))) ? [name] : [])),
  );
  return {
    schema: "countersign/doctor/1",
    countersign: host.version,
    node: process.versions.node,
    platform: `${host.platform} ${host.cpu}`,
    directory,
    cache: cacheDirectoryOf(host),
    lockfiles: discovery.lockfiles.map(({ path, format, manager }, index) => ({
      path,
      format,
      manager,
      registries: configurations[index]?.registries ?? [],
    })),
    configuration: present.flat(),
    policy: { mode: policy.mode, layers: policy.layers.map(({ kind, path }) => `${kind}: ${path}`) },
    registries: report.registries,
    root: report.root,
    enforcement: report.enforcement,
    weakens: report.findings
      .filter(weakening)
      .map(({ code, at, why, fix }) => ({ code, at: `${at.path}:${at.line}`, why, fix })),
  };
}

/** Of what a run found: that which is about the project's set-up and not about a package. */
const weakening = ({
  code,
  effect,
  purl,
}: {
  code: Finding["code"];
  effect: Finding["effect"];
  purl: string | null;
}): boolean => purl === null && effect !== "note" && /^(?:settings|policy|root|lockfile)\//.test(code);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

function render(diagnosis: Diagnosis, { terminal }: Host): string {
  const { bold, yellow, green } = terminal.palette("out");
  const row = (label: string, value: string): string => `${label.padEnd(14)}${visible(value)}`;
  const { root } = diagnosis;
  const lines = [
    row("countersign", `${diagnosis.countersign} on Node.js ${diagnosis.node}, ${diagnosis.platform}`),
    row("project", diagnosis.directory),
    row("cache", diagnosis.cache),
    ...diagnosis.lockfiles.map(({ path, format, manager, registries }) =>
      row(
        "lockfile",
        `${path} (${format}) of ${manager}${registries.length === 0 ? "" : `, which is configured for ${registries.join(", ")}`}`,
      ),
    ),
    ...(diagnosis.lockfiles.length === 0 ? [row("lockfile", "none found")] : []),
    row(
      "configuration",
      diagnosis.configuration.length === 0 ? "no file" : diagnosis.configuration.join(", "),
    ),
    row(
      "policy",
      `${diagnosis.policy.mode}, ${diagnosis.policy.layers.length === 0 ? "built-in" : diagnosis.policy.layers.join(", ")}`,
    ),
    row("reach", diagnosis.enforcement),
    row(
      "sigstore root",
      root === null
        ? "none"
        : `${root.source}, ${root.ageDays === null ? "of unknown age" : `${root.ageDays} days old`} (bound: ${root.maxAgeDays})${root.stale ? ", stale" : ""}`,
    ),
    ...diagnosis.registries.map(({ registry, ecosystem, signatures, attestations, packages }) =>
      row(
        "registry",
        `${registry} (${ecosystem}, ${packages} packages): signatures ${signatures}, attestations ${attestations}`,
      ),
    ),
    "",
  ];
  if (diagnosis.weakens.length === 0) lines.push(green("Nothing found that weakens verification."));
  for (const { code, at, why, fix } of diagnosis.weakens) {
    lines.push(
      yellow(`${code} ${visible(at)}`),
      `  ${visible(why)}`,
      ...fix.split("\n").map((line, index) => `  ${index === 0 ? bold("fix:") : "    "} ${visible(line)}`),
    );
  }
  return `${lines.join("\n")}\n`;
}
