#!/usr/bin/env node
// Runs on any Node that can read a module, so that an old one gets a sentence instead of a stack trace.

// An import of Node.js's own modules would load all that they load only when it is asked for.
const own = async (name) => process.getBuiltinModule?.(name) ?? (await import(name));

const [major, minor, patch] = process.versions.node.split(".").map(Number);
const supported =
  major >= 26 ||
  (major === 24 && minor >= 15) ||
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));

const { readFileSync } = await own("node:fs");
const version = () => JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;

if (process.argv.length === 3 && (process.argv[2] === "--version" || process.argv[2] === "-V")) {
  process.stdout.write(`${version()}\n`);
} else if (!supported) {
  process.stderr.write(
    `countersign: Node.js ${process.versions.node} is too old for verification; use 22.22.2, 24.15, 26 or later.\n`,
  );
  process.exitCode = 2;
} else {
  const { keepCompiled } = await import("../dist/compile-cache.js");
  const place = {
    home: (await own("node:os")).homedir(),
    directory: process.cwd(),
    variables: process.env,
    platform: process.platform,
  };
  keepCompiled({ ...place, version: version() });
  const { main } = await import("../dist/main.js");
  process.exitCode = await main(process.argv.slice(2), version());
}
