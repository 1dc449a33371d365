const milliseconds = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A whole number of minutes, hours or days, such as `72h` or `30d`, in milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,5})([mhd])$/.exec(text);
  return match === null ? null : Number(match[1]) * milliseconds[match[2] as keyof typeof milliseconds];
}

/** Milliseconds in the largest unit that divides them: `72h`, `30d`. */
export function formatDuration(duration: number): string {
  if (duration % milliseconds.d === 0 && duration > 3 * milliseconds.d)
    return `${duration / milliseconds.d}d`;
  if (duration % milliseconds.h === 0) return `${duration / milliseconds.h}h`;
  return `${Math.ceil(duration / milliseconds.m)}m`;
}

export const day: number = milliseconds.d;
