import { spawn } from "node:child_process";
import { visible } from "@countersign/core";
import { findTool, trustHome } from "@countersign/gate";
import type { Host } from "./host.ts";

/**
 * Shows a page to the person at the terminal: always as text, and in their browser where the system has a command for
 * that. Its failure is no failure: the address can be opened by hand.
 */
export async function openBrowser(url: string, host: Host): Promise<void> {
  const { variables, platform, directory, terminal } = host;
  // An address of a server's choice: only its normal form is passed on, and that begins with its scheme.
  const { href, protocol } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return;
  terminal.err(`countersign: open this page to sign in:\n  ${visible(href, 4096)}\n`);
  const opener = openers[platform] ?? { name: "xdg-open", before: [] };
  const hasScreen = platform in openers || Boolean(variables["DISPLAY"] || variables["WAYLAND_DISPLAY"]);
  const command = hasScreen
    ? await findTool(opener.name, { variables, platform, project: trustHome(directory) })
    : null;
  if (command === null) return;
  spawn(command, [...opener.before, href], { stdio: "ignore", detached: true, env: { ...variables } })
    .on("error", () => {})
    .unref();
}

const openers: Partial<Record<NodeJS.Platform, { name: string; before: readonly string[] }>> = {
  darwin: { name: "open", before: [] },
  win32: { name: "rundll32", before: ["url.dll,FileProtocolHandler"] },
};
