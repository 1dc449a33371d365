import type { NpmPackageOptions } from "../npm/package.ts";
import type { DistributionOptions } from "../pypi/distribution.ts";

/** Stands in every file of the attacker's: after an attack was stopped it is found nowhere. */
export const evilText = "made-by-the-attacker";

/** Stands in the same places of everything good, and is as long: what is edited in a cache keeps its size. */
export const goodText = "good-by-construction";

/** A directory with a file of this name is a scene: code that runs below it leaves its mark there. */
export const sceneFile = ".scene";

/** What code that ran leaves behind, one line each: `name@version whose how`. */
export const markFile = "marks";

/** Who a package is, for the mark that its code leaves. */
export type Marked = { name: string; version?: string; evil?: boolean };

const whoOf = ({ name, version = "1.0.0", evil = false }: Marked): string =>
  `${name}@${version} ${evil ? evilText : goodText}`;

/**
 * A package that leaves a mark in the scene it lies in when an install script, its module or its command runs. It
 * finds the scene by its own place, so equal packages have equal bytes in every scene.
 */
export function markedPackage(marked: Marked): NpmPackageOptions {
  const { name, version = "1.0.0" } = marked;
  const command = name.replace(/^@[^/]*\//, "");
  const scripts = Object.fromEntries(
    ["preinstall", "install", "postinstall"].map((script) => [script, `node mark.cjs ${script}`]),
  );
  return {
    name,
    version,
    scripts,
    manifest: { main: "main.cjs", bin: { [command]: "command.cjs" } },
    files: [
      { path: "mark.cjs", content: javascriptMark(whoOf(marked)) },
      {
        path: "main.cjs",
        content: `require("./mark.cjs").mark("module");\nmodule.exports = ${JSON.stringify(whoOf(marked))};\n`,
      },
      {
        path: "command.cjs",
        content: `#!/usr/bin/env node\nrequire("./mark.cjs").mark("command");\nconsole.log(${JSON.stringify(whoOf(marked))});\n`,
        executable: true,
      },
    ],
  };
}

/** The same for Python: start file, import, build back-end and command leave a mark. */
export function markedDistribution(marked: Marked): DistributionOptions {
  const { name, version = "1.0.0" } = marked;
  return { name, version, code: pythonMark(whoOf(marked)), scripts: { [name]: `${name}:main` } };
}

/** CommonJS that leaves a mark when it is run, and exports `mark(how)`. */
export const javascriptMark = (
  who: string,
): string => `const { appendFileSync, existsSync } = require("node:fs");
const { dirname, join } = require("node:path");
exports.mark = (how) => {
  let at = __dirname;
  while (!existsSync(join(at, ${JSON.stringify(sceneFile)})) && dirname(at) !== at) at = dirname(at);
  appendFileSync(join(at, ${JSON.stringify(markFile)}), ${JSON.stringify(who)} + " " + how + "\\n");
};
if (require.main === module) exports.mark(process.argv[2] ?? "run");
`;

/** Python that leaves a mark when it is run; `main` is for a console script. */
export const pythonMark = (who: string): string => `import os, sys
def _mark(how):
    for at in [os.path.dirname(os.path.abspath(globals().get("__file__", sys.prefix))), sys.prefix, os.getcwd()]:
        while not os.path.exists(os.path.join(at, ${JSON.stringify(sceneFile)})) and os.path.dirname(at) != at:
            at = os.path.dirname(at)
        if os.path.exists(os.path.join(at, ${JSON.stringify(sceneFile)})):
            with open(os.path.join(at, ${JSON.stringify(markFile)}), "a") as marks:
                marks.write(${JSON.stringify(who)} + " " + how + "\\n")
            break
def main():
    _mark("command")
    print(${JSON.stringify(who)})
_mark(globals().get("__name__", "start"))
`;
