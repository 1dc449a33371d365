/**
 * The parser builds its whole event list before it can be asked to stop, so the count is bounded from the text:
 * every node but the first follows a line break, a flow indicator, or a block indicator that ends its word or
 * stands after a quoted key.
 * @returns the offset at which the bound is passed, or null
 */
export function firstNodeOver(text: string, bound: number): number | null {
  if (text.length < bound) return null;
  let nodes = 1;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7b || !separates(text, index, code)) continue;
    nodes += 1;
    if (nodes > bound) return index;
  }
  return null;
}

function separates(text: string, index: number, code: number): boolean {
  switch (code) {
    case 0x0a: // line break
    case 0x0d:
    case 0x2c: // ,
    case 0x5b: // [
    case 0x7b: // {
      return true;
    case 0x2d: // -
    case 0x3f: // ?
      return isBlank(text.charCodeAt(index + 1));
    case 0x3a: // :
      return isBlank(text.charCodeAt(index + 1)) || isQuote(text.charCodeAt(index - 1));
    default:
      return false;
  }
}

const isBlank = (code: number): boolean =>
  code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d || Number.isNaN(code);
const isQuote = (code: number): boolean => code === 0x22 || code === 0x27;
