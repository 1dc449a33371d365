import type { ToolRun, WrapperHost } from "./wrapper.ts";

/**
 * A command that could fetch and that no flow covers: refused in `strict`, said and passed through otherwise.
 * @param shown the command as a person would name it: `npm fund`
 */
export async function passUnknown(
  host: WrapperHost,
  tool: string,
  user: ToolRun,
  shown: string,
): Promise<number> {
  const mode = await host.mode();
  if (mode === "strict") {
    host.refuse({
      code: "command/uncovered",
      why: `${shown} could fetch or run what was not verified, and no gate covers it.`,
      fix: `Use a covered command, or run ${tool} itself if the policy of this machine allows it.`,
    });
    return 1;
  }
  if (mode === "warn") host.say(`${shown} is passed through: it could fetch what is not verified`);
  return host.run(tool, user);
}
