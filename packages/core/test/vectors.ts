import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root: string =
  process.env["COUNTERSIGN_VECTORS"] ?? resolve(import.meta.dirname, "../../../../shared/vectors");

/** Whether the real test data is there; suites that need it are skipped, never passed, where it is not. */
export const hasVectors: boolean = existsSync(resolve(root, "conformance"));

export const vectorsPath = (...parts: string[]): string => resolve(root, ...parts);
export const readVector = (...parts: string[]): string => readFileSync(vectorsPath(...parts), "utf8");
export const readVectorBytes = (...parts: string[]): Uint8Array => readFileSync(vectorsPath(...parts));
