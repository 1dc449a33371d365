import process from "node:process";
import { headline, plain, renderHuman } from "@countersign/core";
import { cacheDirectoryOf } from "../project/cache-directory.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { publicGoodRepository } from "../sigstore/seeds.ts";
import { verifyProject, type Verification } from "../verify-project.ts";

/** The part of a hook's run that verifies, apart so that a hook loads it only where there is something to verify. */
export async function verifyForHook(
  request: VerifyRequest,
  given: Pick<Environment, "now" | "home" | "signal" | "version">,
): Promise<{ verification: Verification; text: string }> {
  const { env: variables, platform, arch: cpu } = process;
  const cacheDirectory = cacheDirectoryOf({
    directory: request.directory,
    home: given.home,
    variables,
    platform,
  });
  const verification = await verifyProject(request, {
    ...given,
    cacheDirectory,
    storeDirectory: cacheDirectory,
    variables,
    platform,
    cpu,
    repository: publicGoodRepository,
    progress: () => {},
  });
  const { report } = verification;
  const quiet = report.decision.outcome === "allow" && report.decision.strict === "allow";
  const text = quiet
    ? `countersign: ${headline(report).text}\n`
    : renderHuman(report, { width: 80, palette: plain, verbose: false, ascii: variables["TERM"] === "dumb" });
  return { verification, text };
}
