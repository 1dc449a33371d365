/**
 * A moment as milliseconds since the Unix epoch. Core reads no clock: every instant is an argument or is read
 * from evidence. This is the one file of core that may touch `Date`.
 */
export type Instant = number;

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const calendarDate = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Reads an RFC 3339 date-time; null for anything else (no local times, no rolled-over days). */
export function parseInstant(text: string): Instant | null {
  const match = rfc3339.exec(text);
  if (match === null || !isCalendarDay(Number(match[1]), Number(match[2]), Number(match[3]))) return null;
  const milliseconds = Date.parse(text.replace(" ", "T").toUpperCase());
  return Number.isNaN(milliseconds) ? null : milliseconds;
}

/** Reads `YYYY-MM-DD` as that day's first moment in UTC; null for anything else. */
export function parseDay(text: string): Instant | null {
  const match = calendarDate.exec(text);
  if (match === null || !isCalendarDay(Number(match[1]), Number(match[2]), Number(match[3]))) return null;
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
}

/** `2026-11-21T09:30:00Z`: UTC, whole seconds. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** For libraries that want a `Date`. */
export const dateOf = (instant: Instant): Date => new Date(instant);

function isCalendarDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
