/**
 * Yarn's names for things: `ident@range` is a descriptor (what is asked for), `ident@reference` a locator (what it
 * resolves to). Range and reference share one form: `protocol:source#selector::key=value&…`.
 */
export type YarnLocator = { ident: string; reference: YarnReference };
export type YarnReference = {
  /** Verbatim, parameters included. */
  text: string;
  /** With its colon; "" where there is none. */
  protocol: string;
  /** Between protocol and `#`, or null when there is no `#`. */
  source: string | null;
  /** After `#`, or all there is when there is none. */
  selector: string;
  params: ReadonlyMap<string, string>;
};

/** Splits `ident@rest`; null when one of them is missing. */
export function parseLocator(text: string): YarnLocator | null {
  const at = text.indexOf("@", 1);
  if (at === -1 || at === text.length - 1) return null;
  return { ident: text.slice(0, at), reference: parseReference(text.slice(at + 1)) };
}

/** Reads a range or reference as Yarn splits it. */
export function parseReference(text: string): YarnReference {
  const bound = text.indexOf("::");
  const main = bound === -1 ? text : text.slice(0, bound);
  const protocol = /^[^#:]*:/.exec(main)?.[0] ?? "";
  const rest = main.slice(protocol.length);
  const hash = rest.indexOf("#");
  return {
    text,
    protocol,
    source: hash === -1 ? null : rest.slice(0, hash),
    selector: rest.slice(hash + 1),
    params: parseParams(bound === -1 ? "" : text.slice(bound + 2)),
  };
}

/** Percent-decoded text; as it stands where it is not well-formed. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function parseParams(text: string): ReadonlyMap<string, string> {
  if (text === "") return noParams;
  const found = new Map<string, string>();
  for (const part of text.split("&")) {
    const equals = part.indexOf("=");
    if (equals > 0) found.set(part.slice(0, equals), decodePercent(part.slice(equals + 1)));
  }
  return found;
}

const noParams: ReadonlyMap<string, string> = new Map();
