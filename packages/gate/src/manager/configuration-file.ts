import type { Finding } from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";
import { unreadable } from "./setting.ts";

const maximumBytes = 4 * 1024 * 1024;

/**
 * A configuration file's text; null where there is none. One that cannot be read is a finding, not an absent one.
 * @param within what links may not leave, for a project's file; null for the user's and the system's
 */
export async function readText(
  path: string,
  shown: string,
  within: string | null,
  findings: Finding[],
): Promise<string | null> {
  const read = await readBounded(path, maximumBytes, within);
  if (read.state === "missing") return null;
  const text = read.state === "found" ? decode(read.bytes) : null;
  if (text === null)
    findings.push(unreadable(shown, read.state === "failed" ? read.detail : "it is not UTF-8 text"));
  return text;
}

function decode(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

export type Table = Readonly<Record<string, unknown>>;
export type ReadTable = { text: string; table: Table };

/** Parses a file into a table; what is not one is a finding. */
export async function readTable(
  path: string,
  shown: string,
  within: string | null,
  parse: (text: string) => unknown,
  findings: Finding[],
): Promise<ReadTable | null> {
  const text = await readText(path, shown, within, findings);
  if (text === null) return null;
  try {
    const value = parse(text);
    if (value === null || value === undefined) return { text, table: {} };
    if (isTable(value)) return { text, table: value };
    findings.push(unreadable(shown, "it is no table"));
  } catch (error) {
    findings.push(
      unreadable(shown, error instanceof Error ? (error.message.split("\n")[0] as string) : "unknown"),
    );
  }
  return null;
}

export const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const tableOf = (value: unknown): Table => (isTable(value) ? value : {});
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const textOrNull = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;

type Variables = Readonly<Record<string, string | undefined>>;
const braced = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}/g;

/** `${NAME}` and `${NAME:-default}`, as Yarn writes variables; null where one is not set. */
export function expand(text: string, variables: Variables): string | null {
  let complete = true;
  const expanded = text.replaceAll(braced, (_, name: string, otherwise?: string) => {
    const value = (Object.hasOwn(variables, name) ? variables[name] : undefined) ?? otherwise;
    if (value === undefined) complete = false;
    return value ?? "";
  });
  return complete ? expanded : null;
}

/** The first variable of a text; null where there is none. */
export const variableIn = (text: string): string | null => /\$\{([^}?:]+)[^}]*\}/.exec(text)?.[1] ?? null;
