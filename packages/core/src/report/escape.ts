/**
 * Names, versions, addresses and messages come from lockfiles and registries: whatever a terminal, a browser
 * or a person's eye would act on instead of read is spelled out here.
 */

// Controls, format characters (bidi, zero-width, tags), surrogates, private use and unassigned code points,
// line and paragraph separators, characters that fonts leave blank, and every space but U+0020.
const invisible = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;
const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Longest piece of foreign text in a report, in UTF-16 code units, unless a caller says otherwise. */
export const textBound = 1200;

/**
 * Foreign text as one visible line: `\n`, `\x1b`, `\u{202e}` stand for what would not be seen. What is over
 * `bound` is cut off, and the number of code units cut is said.
 */
export function visible(text: string, bound: number = textBound): string {
  return clamp(text, bound).replace(invisible, spell);
}

/** Cuts text at `bound` UTF-16 code units, never inside a code point, and says how much is missing. */
export function clamp(text: string, bound: number): string {
  if (text.length <= bound) return text;
  const last = text.charCodeAt(bound - 1);
  const kept = last >= 0xd800 && last <= 0xdbff ? bound - 1 : bound;
  return `${text.slice(0, kept)}… (${text.length - kept} more characters)`;
}

/** JSON text in which nothing invisible is left outside its layout: the same value, in `\uXXXX` escapes. */
export function visibleJson(json: string): string {
  return json.replace(invisible, (character) => (character === "\n" ? character : utf16Escapes(character)));
}

/**
 * Foreign text as Markdown that renders as itself: no link, mention, markup or HTML can come out of it. Words
 * that GitHub would turn into links by themselves (addresses, e-mails, mentions, issue numbers) become code.
 */
export function markdownText(text: string, bound: number = textBound): string {
  return visible(text, bound)
    .split("`")
    .map((part, index, parts) => {
      if (index % 2 === 1 && index < parts.length - 1) return markdownCode(part);
      const words = part.split(" ").map(markdownWord).join(" ");
      // One without a partner stays between what it parts: `https:` and `//…` must not come together.
      return index % 2 === 1 ? `\\\`${words}` : words;
    })
    .join("");
}

/** Foreign text as a Markdown code span that it cannot leave, in a table cell or elsewhere. */
export function markdownCode(text: string, bound: number = textBound): string {
  const safe = visible(text, bound).replaceAll("`", "\\x60").replaceAll("|", "\\x7c");
  return safe.trim() === "" ? "`(empty)`" : `\`${safe}\``;
}

/** One word of a POSIX command line: bare where that is safe, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function markdownWord(word: string): string {
  if (/[@#]|:\/|www\./i.test(word)) return markdownCode(word);
  return word
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_{}[\]()+\-.!|~$]/g, String.raw`\$&`);
}

function spell(character: string): string {
  const point = character.codePointAt(0) as number;
  const hex = point.toString(16);
  return short[character] ?? (point < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`);
}

function utf16Escapes(character: string): string {
  let out = "";
  for (let index = 0; index < character.length; index += 1) {
    out += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return out;
}
