/** One `<a>` element: its attributes by lower-case name, and the text up to its end tag. */
export type Anchor = { attributes: ReadonlyMap<string, string>; text: string };
export type HtmlPage =
  | { ok: true; anchors: readonly Anchor[]; metas: readonly ReadonlyMap<string, string>[]; base: boolean }
  | { ok: false; detail: string };

type Tag = { name: string; closing: boolean; attributes: ReadonlyMap<string, string>; end: number };
type TagResult = { ok: true; tag: Tag } | { ok: false; detail: string };

/** Elements whose content is text, in which a tag is no tag (HTML §13.1.2). */
const rawText: ReadonlySet<string> = new Set([
  "script",
  "style",
  "title",
  "textarea",
  "xmp",
  "iframe",
  "noembed",
  "noframes",
  "template",
]);
const space: ReadonlySet<string> = new Set([" ", "\t", "\n", "\r", "\f"]);
const mostAttributes = 64;

/**
 * Reads the anchors of an index page (PEP 503). No HTML parser: what browsers would repair (an unclosed anchor or
 * tag, an attribute twice) is a fault, because two readers would repair it differently. One pass, linear in the text.
 */
export function readAnchors(html: string): HtmlPage {
  const anchors: Anchor[] = [];
  const metas: ReadonlyMap<string, string>[] = [];
  let base = false;
  let open: { attributes: ReadonlyMap<string, string>; from: number } | null = null;
  for (let at = html.indexOf("<"); at !== -1; at = html.indexOf("<", at)) {
    const declared = skipDeclaration(html, at);
    if (declared === -1) return { ok: false, detail: "an unclosed comment or declaration" };
    if (declared > at) {
      at = declared;
      continue;
    }
    const read = readTag(html, at);
    if (!read.ok) return read;
    const { tag } = read;
    if (tag.name === "a" && tag.closing) {
      if (open === null) return { ok: false, detail: "an anchor's end without its start" };
      const text = html.slice(open.from, at);
      if (text.includes("<")) return { ok: false, detail: "markup within an anchor" };
      anchors.push({ attributes: open.attributes, text: decodeEntities(text).trim() });
      open = null;
    } else if (tag.name === "a") {
      if (open !== null) return { ok: false, detail: "an anchor within an anchor" };
      open = { attributes: tag.attributes, from: tag.end };
    } else if (tag.name === "meta") metas.push(tag.attributes);
    else if (tag.name === "base") base = true;
    at = tag.end;
    if (rawText.has(tag.name) && !tag.closing) {
      at = endOfRawText(html, tag.name, tag.end);
      if (at === -1) return { ok: false, detail: `an unclosed ${tag.name} element` };
    }
  }
  return open === null ? { ok: true, anchors, metas, base } : { ok: false, detail: "an unclosed anchor" };
}

/** End of the comment, doctype or processing instruction at `at`; `at` itself when it is none, -1 when unclosed. */
function skipDeclaration(html: string, at: number): number {
  const second = html[at + 1];
  if (second !== "!" && second !== "?") return at;
  const close = html.startsWith("<!--", at) ? "-->" : ">";
  const end = html.indexOf(close, close === "-->" ? at + 4 : at + 2);
  return end === -1 ? -1 : end + close.length;
}

function endOfRawText(html: string, name: string, from: number): number {
  for (let at = html.indexOf("</", from); at !== -1; at = html.indexOf("</", at + 2)) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() !== name) continue;
    const after = html[at + 2 + name.length];
    if (after === ">" || (after !== undefined && space.has(after))) return at;
  }
  return -1;
}

function readTag(html: string, at: number): TagResult {
  const closing = html[at + 1] === "/";
  let index = at + (closing ? 2 : 1);
  const start = index;
  while (isNameCharacter(html.charCodeAt(index))) index += 1;
  if (index === start) return { ok: false, detail: "a `<` that starts no tag" };
  const name = html.slice(start, index).toLowerCase();
  const attributes = new Map<string, string>();
  for (;;) {
    while (space.has(html[index] as string) || html[index] === "/") index += 1;
    if (html[index] === ">") return { ok: true, tag: { name, closing, attributes, end: index + 1 } };
    const attribute = readAttribute(html, index);
    if (attribute === null) return { ok: false, detail: `the tag ${name} is not closed` };
    if (attributes.has(attribute.name))
      return { ok: false, detail: `the attribute ${attribute.name.slice(0, 40)} stands twice` };
    attributes.set(attribute.name, decodeEntities(attribute.value));
    if (attributes.size > mostAttributes)
      return { ok: false, detail: `more than ${mostAttributes} attributes` };
    index = attribute.end;
  }
}

function readAttribute(html: string, from: number): { name: string; value: string; end: number } | null {
  let index = from;
  while (
    index < html.length &&
    !space.has(html[index] as string) &&
    !"/>=\"'<".includes(html[index] as string)
  )
    index += 1;
  if (index === from) return null;
  const name = html.slice(from, index).toLowerCase();
  let next = index;
  while (space.has(html[next] as string)) next += 1;
  if (html[next] !== "=") return { name, value: "", end: index };
  next += 1;
  while (space.has(html[next] as string)) next += 1;
  const quote = html[next];
  if (quote === '"' || quote === "'") {
    const close = html.indexOf(quote, next + 1);
    return close === -1 ? null : { name, value: html.slice(next + 1, close), end: close + 1 };
  }
  let end = next;
  while (end < html.length && !space.has(html[end] as string) && !"\"'`=<>".includes(html[end] as string))
    end += 1;
  return end === next ? null : { name, value: html.slice(next, end), end };
}

const isNameCharacter = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 45;

const named: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** Character references that index pages use: the five of XML and numbers; any other stays as it is written. */
function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(
    /&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return named.get(name as string) ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
        ? String.fromCodePoint(code)
        : whole;
    },
  );
}
