import process from "node:process";

/** Ctrl-C that raw mode kept from the system: handled as the signal that it would have been. */
export const interrupt = (): void => void process.emit("SIGINT", "SIGINT");
