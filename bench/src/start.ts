import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { median, printTable } from "./table.ts";

const executable = resolve(import.meta.dirname, "../../packages/cli/bin/countersign.mjs");
const rounds = 31;

/** (c) How much longer than an empty Node the smallest command takes. */
export function benchStart(): void {
  const contestants = [
    { name: "node -e 0", args: ["-e", "0"] },
    { name: "countersign --version", args: [executable, "--version"] },
    { name: "countersign --help", args: [executable, "--help"] },
  ];
  const times = contestants.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { args }] of contestants.entries()) {
      const start = performance.now();
      spawnSync(process.execPath, args, { stdio: "ignore" });
      times[index]?.push(performance.now() - start);
    }
  }
  const floor = median(times[0] ?? []);
  const rows = contestants.map(({ name }, index) => {
    const ms = median(times[index] ?? []);
    return [name, `${ms.toFixed(1)} ms`, `${(ms / floor).toFixed(2)}×`];
  });
  printTable(`(c) start; median of ${rounds}`, rows);
}
