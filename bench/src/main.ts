import { benchAudit } from "./audit.ts";
import { benchBundles } from "./bundles.ts";
import { benchGates } from "./gates.ts";
import { benchLockfiles } from "./lockfiles.ts";
import { benchSeals } from "./seals.ts";
import { benchStart } from "./start.ts";

/** All benchmarks, or those named on the command line by their letter. Figures are ratios of one run. */
const benches: Readonly<Record<string, () => Promise<void>>> = {
  a: benchAudit,
  b: benchLockfiles,
  c: async () => benchStart(),
  d: benchBundles,
  e: benchGates,
  f: benchSeals,
};

const asked = process.argv.slice(2);
for (const [letter, bench] of Object.entries(benches)) {
  if (asked.length === 0 || asked.includes(letter)) await bench();
}
