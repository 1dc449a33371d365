import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { hasManager, realManagers } from "@countersign/testkit";

const managers = resolve(import.meta.dirname, "../managers");

/** Runs one step of the set-up; its failure leaves managers out, and their cells are skipped, loudly. */
function step(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd: managers, encoding: "utf8" });
  if (status !== 0) process.stderr.write(`e2e: ${command} ${args.join(" ")}: ${stderr ?? "cannot be run"}\n`);
}

function installWheels(requirements: string, target: string): void {
  const hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", requirements];
  step("python3", ["-m", "pip", "install", "-q", "--target", target, ...hashed]);
}

const missing = realManagers.filter((manager) => !hasManager(manager));
if (missing.some((manager) => manager !== "uv-0")) {
  step("npx", ["-y", "pnpm@12.21.0", "install", "--frozen-lockfile"]);
}
if (missing.includes("uv-0")) {
  installWheels("uv-requirements.txt", "node_modules/.uv");
}
// Another implementation of Sigstore, which verifies what we sign: CPython 3.11 to 3.14 on Linux and macOS.
if (!existsSync(resolve(managers, "node_modules/.sigstore/sigstore"))) {
  installWheels("sigstore-requirements.txt", "node_modules/.sigstore");
}
const absent = realManagers.filter((manager) => !hasManager(manager));
process.stdout.write(absent.length === 0 ? "" : `e2e: not installed: ${absent.join(", ")}\n`);
