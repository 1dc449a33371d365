import { existsSync, readFileSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { rolldown } from "rolldown";

/**
 * What npm's reader of configuration looks for a workspace's root with. We tell it where the project is, so it never
 * asks; were it to ask an empty module, it would throw, and settings that could not be read are a finding.
 */
const neverAsked = { "@npmcli/package-json": false, "@npmcli/map-workspaces": false };

/** Options of every bundle here. */
export const common = {
  platform: "node",
  external: [/^node:/],
  resolve: {
    conditionNames: ["@countersign/source", "node", "import", "require", "default"],
    alias: neverAsked,
  },
};

/** For `output.minify`: smaller, and names and lines can still be read. */
export const readable = { compress: true, mangle: false, codegen: { removeWhitespace: false } };

/** What verifies, in a hook. */
export const verifying = join(import.meta.dirname, "../packages/gate/src/hook/verify-for-hook.ts");

/**
 * Packs a module, and all that it imports, into a string that is compiled when the module is first asked for. A
 * manager loads its hook on every command; where nothing is to be verified, what verifies is neither parsed nor run.
 * Only an `import()` asks for it no sooner than that.
 * @param {object} options
 * @param {string} [options.module] absolute path
 * @param {RegExp[]} [options.external] what the manager gives to its hook, beyond Node.js's own modules
 * @param {string[]} [options.without] what is never needed there, and is an empty module
 * @param {Record<string, string>} [options.instead] absolute path of a module to the source that stands for it
 * @param {Record<string, string>} [options.given] free variable of those sources to its value, an expression outside
 */
export function onDemand({ module = verifying, external = [], without = [], instead = {}, given = {} } = {}) {
  const replaced = {
    name: "replaced",
    resolveId: (id) => (without.includes(id) ? `\0without:${id}` : null),
    load: (id) => (id.startsWith("\0without:") ? "export default {};" : (instead[id] ?? null)),
  };
  return {
    name: "on-demand",
    async load(id) {
      if (id !== module) return null;
      const bundle = await rolldown({
        ...common,
        input: id,
        external: [...common.external, ...external],
        plugins: [replaced],
      });
      const { output } = await bundle.generate({
        format: "cjs",
        strict: true,
        codeSplitting: false,
        // Compiled code has no loader that would serve an import().
        dynamicImportInCjs: false,
        minify: { ...readable, codegen: { removeWhitespace: true } },
      });
      await bundle.close();
      const [{ code, exports, moduleIds }] = output;
      const parameters = ["exports", "require", "__filename", ...Object.keys(given)];
      const values = ["exported", "require", "filename", ...Object.values(given)];
      return {
        code: `
          const { compileFunction } = require("node:vm");
          const { brotliDecompressSync } = require("node:zlib");
          const packed = Buffer.from("${brotliCompressSync(code).toString("base64")}", "base64");
          const source = brotliDecompressSync(packed).toString("utf8");
          const exported = {};
          const filename = import.meta.filename;
          compileFunction(source, ${JSON.stringify(parameters)}, { filename })(${values.join(", ")});
          ${exports.map((name) => `export const ${name} = exported.${name};`).join("\n")}
        `,
        meta: { packed: moduleIds },
      };
    },
  };
}

/** A file of ASCII alone is read and compiled faster. Only texts hold anything else, and there an escape is the same. */
export const ascii = {
  name: "ascii",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== "chunk") continue;
      chunk.code = chunk.code.replaceAll(
        /[^\0-\x7F]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    }
  },
};

const builtinImport = /^import (?:([\w$]+)(?:, )?)?(?:\* as ([\w$]+)|(\{.*\}))? from "([^"]+)";$/gm;

/**
 * Takes Node.js's own modules as they are instead of importing them. An import names every export, and so runs what
 * Node.js would load only when it is asked for: `node:crypto` its WebCrypto, `node:util` its comparison of texts.
 */
export const builtins = {
  name: "builtins",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== "chunk") continue;
      chunk.code = chunk.code.replaceAll(builtinImport, (line, whole, namespace, named, id) => {
        if (!isBuiltin(id)) return line;
        const names = [whole, namespace, named?.replaceAll(/ as /g, ": ")].filter(
          (name) => name !== undefined,
        );
        return names
          .map((name) => `const ${name} = globalThis.process.getBuiltinModule(${JSON.stringify(id)});`)
          .join(" ");
      });
      const left = chunk.imports.filter((id) => isBuiltin(id) && chunk.code.includes(`from "${id}"`));
      if (left.length > 0) this.error(`${chunk.fileName} still imports ${left.join(", ")}`);
    }
  },
};

/** The licence of every bundled package, which most of them ask to be passed on with the code. */
export const licences = {
  name: "licences",
  generateBundle(_, bundle) {
    const folders = new Set();
    for (const chunk of Object.values(bundle)) {
      const ids = (chunk.moduleIds ?? []).flatMap((id) => [
        id,
        ...(this.getModuleInfo(id)?.meta.packed ?? []),
      ]);
      for (const id of ids) {
        const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replaceAll("\\", "/"))?.[0];
        if (folder !== undefined) folders.add(folder);
      }
    }
    const texts = [...folders].flatMap((folder) => {
      const manifest = join(folder, "package.json");
      if (!existsSync(manifest)) return [];
      const { name, version, license } = JSON.parse(readFileSync(manifest, "utf8"));
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
      return [`${name} ${version} (${license})\n\n${text}\n`];
    });
    const source = [...new Set(texts)].toSorted().join(`\n${"-".repeat(80)}\n\n`);
    this.emitFile({ type: "asset", fileName: "THIRD-PARTY-LICENCES.txt", source });
  },
};
