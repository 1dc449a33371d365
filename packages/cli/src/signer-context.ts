import { visible } from "@countersign/core";
import { trustHome, type SignerContext } from "@countersign/gate";
import { askPassphrase } from "./ask-passphrase.ts";
import { CommandError } from "./command-error.ts";
import type { Host } from "./host.ts";
import { openBrowser } from "./open-browser.ts";

/** What a signer is given of a host. */
export function signerContextOf(host: Host, passphraseFd: string | undefined): SignerContext {
  const { directory, home, platform, variables, signal, terminal } = host;
  return {
    directory,
    project: trustHome(directory),
    home,
    platform,
    variables,
    now: () => host.now(),
    signal,
    askPassphrase: async (prompt) => (terminal.confirm === null ? null : askPassphrase(prompt, signal)),
    passphraseFd: passphraseFd === undefined ? null : descriptorOf(passphraseFd),
    tell: (line) => terminal.err(`countersign: ${visible(line)}\n`),
    openBrowser: terminal.confirm === null ? null : (url) => openBrowser(url, host),
  };
}

function descriptorOf(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new CommandError(
    `--passphrase-fd ${text} is no file descriptor`,
    "write a number, such as --passphrase-fd 3",
  );
}
