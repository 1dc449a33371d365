/** The full name that a short one of a ref most likely stands for; seals name refs in full. */
export const fullRefOf = (ref: string): string =>
  `refs/${/^(?:heads|tags|pull|remotes)\//.test(ref) ? "" : "heads/"}${ref}`;
