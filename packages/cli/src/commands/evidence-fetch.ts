import { evidenceSummary, runForEvidence } from "../evidence-run.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import type { ProjectOptions } from "../options.ts";
import { count } from "../render.ts";
import { requestOf } from "../request.ts";

/** Fills the evidence store. 0 when everything that the policy asks for was had, else 2; nothing is decided. */
export async function fetchEvidence(host: Host, options: ProjectOptions): Promise<number> {
  const verification = await runForEvidence(requestOf(host, options), environmentOf(host));
  const { text, missing } = evidenceSummary(verification);
  host.terminal.out(`${text}\nrequests: ${verification.report.requests}\n`);
  if (missing > 0)
    host.terminal.err(
      `countersign: ${count(missing, "piece")} of evidence could not be had; countersign verify says why\n`,
    );
  return missing === 0 ? 0 : 2;
}
