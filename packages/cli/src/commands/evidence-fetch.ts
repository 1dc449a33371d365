import { evidenceSummary, runForEvidence } from "../evidence-run.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { requestOf } from "../request.ts";

/** Fills the evidence store. 0 when everything that the policy asks for was had, else 2; nothing is decided. */
export async function fetchEvidence(host: Host, options: ProjectOptions): Promise<number> {
  const verification = await runForEvidence(host, requestOf(host, options), environmentOf(host));
  const { lines, missing } = evidenceSummary(verification);
  host.terminal.out(`${lines.join("\n")}\nrequests: ${verification.report.requests}\n`);
  return missing === 0 ? 0 : 2;
}
