import { lineBreakOf } from "./text.ts";

/** One member of an object, by the offsets of its key and value in the text. */
type Member = { key: string; start: number; valueStart: number; valueEnd: number };

/**
 * Sets a member of a JSON object and leaves every other byte of the text as it is; objects on the way are made.
 * @param text valid JSON whose root is an object
 */
export function setMember(text: string, path: readonly string[], value: unknown): string {
  const { object, depth, rest } = descend(text, path);
  const [name = "", ...inner] = rest;
  const wanted = inner.reduceRight<unknown>((nested, key) => ({ [key]: nested }), value);
  const members = membersOf(text, object);
  const existing = members.find(({ key }) => key === name);
  const style = styleOf(text);
  const render = (at: number): string =>
    JSON.stringify(wanted, null, style.indent).replaceAll("\n", `${style.eol}${style.indent.repeat(at)}`);
  if (existing !== undefined) return splice(text, existing.valueStart, existing.valueEnd, render(depth + 1));
  const last = members.at(-1);
  if (last === undefined) {
    const [inside, outside] = [style.indent.repeat(depth + 1), style.indent.repeat(depth)];
    const body = `{${style.eol}${inside}${JSON.stringify(name)}: ${render(depth + 1)}${style.eol}${outside}}`;
    return splice(text, object, valueEnd(text, object), body);
  }
  const before = text.slice(previousEnd(object, members), last.start);
  const inline = !before.includes("\n");
  const lead = inline ? ", " : `,${style.eol}${/[^\n]*$/.exec(before)?.[0] ?? ""}`;
  const rendered = inline ? JSON.stringify(wanted) : render(depth + 1);
  return splice(text, last.valueEnd, last.valueEnd, `${lead}${JSON.stringify(name)}: ${rendered}`);
}

/** Removes a member, and the objects on the way that it leaves empty. A path that is not there changes nothing. */
export function removeMember(text: string, path: readonly string[]): string {
  const { object, rest } = descend(text, path);
  if (rest.length !== 1) return text;
  const members = membersOf(text, object);
  const at = members.findIndex(({ key }) => key === rest[0]);
  const [member, previous, next] = [members[at], members[at - 1], members[at + 1]];
  if (member === undefined) return text;
  if (previous !== undefined) return splice(text, previous.valueEnd, member.valueEnd, "");
  if (next !== undefined) return splice(text, member.start, next.start, "");
  return path.length > 1
    ? removeMember(text, path.slice(0, -1))
    : splice(text, object, valueEnd(text, object), "{}");
}

/** The innermost object on the path that is there, and what is left of the path. */
function descend(
  text: string,
  path: readonly string[],
): { object: number; depth: number; rest: readonly string[] } {
  let object = skipSpace(text, 0);
  let depth = 0;
  for (; depth < path.length - 1; depth += 1) {
    const member = membersOf(text, object).find(({ key }) => key === path[depth]);
    if (member === undefined || text[member.valueStart] !== "{") break;
    object = member.valueStart;
  }
  return { object, depth, rest: path.slice(depth) };
}

function membersOf(text: string, object: number): Member[] {
  const members: Member[] = [];
  for (let at = skipSpace(text, object + 1); text[at] === '"';) {
    const keyEnd = stringEnd(text, at);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ key: JSON.parse(text.slice(at, keyEnd)) as string, start: at, valueStart, valueEnd: end });
    const after = skipSpace(text, end);
    if (text[after] !== ",") break;
    at = skipSpace(text, after + 1);
  }
  return members;
}

/** Where the layout before the last member starts: the brace or the value before it. */
const previousEnd = (object: number, members: readonly Member[]): number =>
  members.at(-2)?.valueEnd ?? object + 1;

function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start);
  if (text[start] !== "{" && text[start] !== "[")
    return start + (/^[^\s,}\]]+/.exec(text.slice(start, start + 400))?.[0].length ?? 0);
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = stringEnd(text, at) - 1;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (/[ \t\r\n]/.test(text[at] ?? "")) at += 1;
  return at;
}

/** Indentation of the first member of the root, else two spaces. */
function styleOf(text: string): { indent: string; eol: string } {
  const indent = /^\s*\{[ \t]*\r?\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  return { indent, eol: lineBreakOf(text) };
}

const splice = (text: string, start: number, end: number, replacement: string): string =>
  text.slice(0, start) + replacement + text.slice(end);
