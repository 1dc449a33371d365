import type { Wrapper } from "@countersign/gate";

/** The commands of this manager that are gated, by name. */
export const wrappers: Readonly<Record<string, Wrapper>> = {};
