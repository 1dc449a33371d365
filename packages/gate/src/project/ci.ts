/** `CI`, as every CI system sets it; "false" and "0" are how people turn it off. */
export const isCi = (variables: Readonly<Record<string, string | undefined>>): boolean =>
  !["", "0", "false"].includes(variables["CI"] ?? "");
