/** Package managers that `init` knows, by the name that `--manager` takes. */
export const initManagers = ["npm", "pnpm", "yarn", "bun", "deno", "uv"] as const;
export type InitManager = (typeof initManagers)[number];
