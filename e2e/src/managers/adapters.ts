import type { RealManager } from "@countersign/testkit";
import type { Adapter } from "./adapter.ts";
import { bun } from "./bun.ts";
import { deno } from "./deno.ts";
import { npm } from "./npm.ts";
import { pnpm } from "./pnpm.ts";
import { uv } from "./uv.ts";
import { yarn } from "./yarn.ts";

export const adapters: Readonly<Record<RealManager, Adapter>> = {
  "npm-10": npm("npm-10"),
  "npm-11": npm("npm-11"),
  "npm-12": npm("npm-12"),
  "pnpm-10": pnpm("pnpm-10"),
  "pnpm-11": pnpm("pnpm-11"),
  "pnpm-12": pnpm("pnpm-12"),
  "yarn-4": yarn,
  "bun-1": bun,
  "deno-2": deno,
  "uv-0": uv,
};
