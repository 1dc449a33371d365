/**
 * Packs a build's chunks into one module, each in a comment, to be compiled when it is first needed. Parsing one
 * bundle of everything takes some 80 ms, which every install would pay, in mode `disabled` too; a comment of that
 * size takes 4 ms, and the code stays readable. An old Node.js parses nothing but the few lines before it.
 * @param {{ file: string, start: string }} options `start`: code that may call `load("NAME.js")`
 */
export function oneFile({ file, start }) {
  return {
    name: "one-file",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter(({ type }) => type === "chunk");
      for (const { fileName } of chunks) delete bundle[fileName];
      const comments = chunks.map(({ fileName, code }) => commentOf(fileName, code));
      let fromEnd = comments.reduce((sum, comment) => sum + comment.length, 0);
      const places = chunks.map(({ fileName }, index) => {
        const place = `  ${JSON.stringify(fileName)}: [${fromEnd}, ${comments[index].length}],`;
        fromEnd -= comments[index].length;
        return place;
      });
      const source = [loader, `const places = {`, ...places, `};`, start, comments.join("")];
      this.emitFile({ type: "asset", fileName: file, source: source.join("\n") });
    },
  };
}

/** What stands for the end of a comment inside of one. */
const end = "*#/";

/** One byte for each character, so that places are counted in either, and V8 reads the file in half the time. */
function commentOf(name, code) {
  if (code.includes(end)) throw new Error(`${name} contains ${end}`);
  const ascii = code.replace(
    /[^\0-\x7F]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `/* ${name}\n${ascii.replaceAll("*/", end)}\n*/\n`;
}

const loader = `import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const self = fileURLToPath(import.meta.url);
const outside = createRequire(import.meta.url);
const loaded = new Map();

/** Compiles and runs the code that stands in the comment of that name. */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const inside = (id) => (id.startsWith(".") ? load(posix.join(posix.dirname(name), id)) : outside(id));
  const run = vm.compileFunction(read(name), ["exports", "require", "module", "__filename"], {
    filename: self + "#" + name,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  run(module.exports, inside, module, self);
  return module.exports;
}

function read(name) {
  const [fromEnd, length] = places[name];
  const file = openSync(self, "r");
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, fstatSync(file).size - fromEnd);
  closeSync(file);
  return bytes.latin1Slice(name.length + 4, length - 4).replaceAll("*" + "#/", "*" + "/");
}
`;
