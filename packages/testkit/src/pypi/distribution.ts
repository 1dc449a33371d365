import { zipSync } from "fflate";
import { base64, sha256 } from "../encoding/hash.ts";
import { tarball } from "../encoding/tar.ts";

export type DistributionOptions = {
  name: string;
  version?: string;
  kind?: "wheel" | "sdist";
  /** Compatibility tag of a wheel. */
  tag?: string;
  /** Build tag of a wheel, for example `1`. */
  build?: string;
  /** PEP 508 requirements. */
  requires?: readonly string[];
  requiresPython?: string;
  /** Absolute path of a file that is created when an sdist is built: proof that its code ran. */
  mark?: string;
  /** Python that runs with whatever can run first: a wheel's start file (`.pth`) and its import, an sdist's build. */
  code?: string;
  /** Console scripts of a wheel, `module:function` by name. */
  scripts?: Readonly<Record<string, string>>;
};

/** One file of a project's release. */
export type Distribution = {
  /** Normalised (PEP 503). */
  project: string;
  version: string;
  kind: "wheel" | "sdist";
  filename: string;
  bytes: Buffer;
  /** Hex. */
  sha256: string;
  size: number;
  requires: readonly string[];
  requiresPython: string | null;
  /** Core metadata: METADATA of a wheel, PKG-INFO of an sdist. */
  metadata: string;
};

export function mintDistribution(options: DistributionOptions): Distribution {
  const { name, version = "1.0.0", kind = "wheel", requires = [], requiresPython } = options;
  const project = name.toLowerCase().replaceAll(/[-_.]+/g, "-");
  const stem = `${project.replaceAll("-", "_")}-${version}`;
  const metadata = [
    "Metadata-Version: 2.1",
    `Name: ${name}`,
    `Version: ${version}`,
    ...requires.map((requirement) => `Requires-Dist: ${requirement}`),
    ...(requiresPython === undefined ? [] : [`Requires-Python: ${requiresPython}`]),
    "",
  ].join("\n");
  const tag = options.tag ?? "py3-none-any";
  const filename =
    kind === "sdist"
      ? `${stem}.tar.gz`
      : `${stem}${options.build === undefined ? "" : `-${options.build}`}-${tag}.whl`;
  const bytes =
    kind === "sdist"
      ? sdist(stem, project, version, metadata, options)
      : wheel(stem, project, metadata, tag, options);
  return {
    project,
    version,
    kind,
    filename,
    bytes,
    sha256: sha256(bytes).toString("hex"),
    size: bytes.length,
    requires,
    requiresPython: requiresPython ?? null,
    metadata,
  };
}

/** Binary distribution format (PEP 427). */
function wheel(
  stem: string,
  project: string,
  metadata: string,
  tag: string,
  { code, scripts = {} }: DistributionOptions,
): Buffer {
  const tags = tag.split("-").map((part) => part.split("."));
  const [pythons = [], abis = [], platforms = []] = tags;
  const expanded = pythons.flatMap((python) =>
    abis.flatMap((abi) => platforms.map((platform) => `Tag: ${python}-${abi}-${platform}`)),
  );
  const module = project.replaceAll("-", "_");
  const commands = Object.entries(scripts).map(([name, target]) => `${name} = ${target}`);
  const files: Record<string, Buffer> = {
    [`${module}/__init__.py`]: Buffer.from(`NAME = ${JSON.stringify(stem)}\n${code ?? ""}`),
    ...(code === undefined ? {} : { [`${module}.pth`]: Buffer.from(startFile(code)) }),
    ...(commands.length === 0
      ? {}
      : {
          [`${stem}.dist-info/entry_points.txt`]: Buffer.from(`[console_scripts]\n${commands.join("\n")}\n`),
        }),
    [`${stem}.dist-info/METADATA`]: Buffer.from(metadata),
    [`${stem}.dist-info/WHEEL`]: Buffer.from(
      `Wheel-Version: 1.0\nGenerator: testkit\nRoot-Is-Purelib: true\n${expanded.join("\n")}\n`,
    ),
  };
  const record = Object.entries(files).map(([path, content]) => {
    const digest = base64(sha256(content)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return `${path},sha256=${digest},${content.length}`;
  });
  files[`${stem}.dist-info/RECORD`] = Buffer.from(
    `${[...record, `${stem}.dist-info/RECORD,,`].join("\n")}\n`,
  );
  return Buffer.from(zipSync(files, { level: 0, mtime: "2020-01-01T00:00:00" }));
}

/** A line of a start file runs when it begins with `import` (Python's `site` module). */
const startFile = (code: string): string =>
  `import base64; exec(base64.b64decode("${Buffer.from(code).toString("base64")}"))\n`;

/** Source distribution with a build back-end of its own inside the tree, which needs nothing from an index. */
function sdist(
  stem: string,
  project: string,
  version: string,
  metadata: string,
  { mark, code = "" }: DistributionOptions,
): Buffer {
  const leaveMark =
    mark === undefined ? "" : `open(${JSON.stringify(mark)}, "a").write(${JSON.stringify(`${stem}\n`)})\n`;
  const backend = `${leaveMark}${code}
import base64, hashlib, os, zipfile

METADATA = ${JSON.stringify(metadata)}
STEM = ${JSON.stringify(stem)}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = STEM + "-py3-none-any.whl"
    info = STEM + ".dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr(${JSON.stringify(`${project.replaceAll("-", "_")}/__init__.py`)}, "")
        wheel.writestr(info + "METADATA", METADATA)
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: testkit\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
`;
  const pyproject = `[project]\nname = "${project}"\nversion = "${version}"\n\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`;
  return tarball([
    { path: `${stem}/PKG-INFO`, content: metadata },
    { path: `${stem}/pyproject.toml`, content: pyproject },
    { path: `${stem}/backend.py`, content: backend },
  ]);
}
