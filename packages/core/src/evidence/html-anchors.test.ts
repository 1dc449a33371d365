import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAnchors } from "./html-anchors.ts";

const links = (html: string): unknown => {
  const page = readAnchors(html);
  return page.ok ? page.anchors.map(({ attributes, text }) => [attributes.get("href"), text]) : page.detail;
};

describe("the anchors of an index page", () => {
  it("are read with quoted, unquoted and referenced attributes", () => {
    const html = `<!DOCTYPE html><html><body><h1>Links</h1>
      <a href="a.whl#sha256=1" data-yanked>a.whl</a><br/>
      <A HREF='b.whl?x=1&amp;y=&#50;' rel=internal >b.whl </A>
      <a href=/c/d.whl>d.whl</a></body></html>`;
    expect(links(html)).toEqual([
      ["a.whl#sha256=1", "a.whl"],
      ["b.whl?x=1&y=2", "b.whl"],
      ["/c/d.whl", "d.whl"],
    ]);
  });

  it("are not those in comments, scripts or titles", () => {
    const html = `<!-- <a href="x">x</a> --><title><a href="t">t</a></title><script>"<a href='s'>s</a>"</script ><a href="y">y</a>`;
    expect(links(html)).toEqual([["y", "y"]]);
  });

  it.each([
    ["an anchor that is not closed", '<a href="x">x'],
    ["an anchor in an anchor", '<a href="x">x<a href="y">y</a></a>'],
    ["an end without a start", "</a>"],
    ["a tag that is not closed", '<a href="x'],
    ["an attribute without a value", "<a href=>x</a>"],
    ["an attribute twice", '<a href="x" href="y">x</a>'],
    ["a comment that is not closed", '<!-- <a href="x">x</a>'],
    ["a script that is not closed", '<script><a href="x">x</a>'],
    ["a bracket that starts no tag", '1 < 2 <a href="x">x</a>'],
    ["markup in an anchor", '<a href="x"><b>x</b></a>'],
    ["too many attributes", `<a ${Array.from({ length: 65 }, (_, index) => `a${index}=x`).join(" ")}>x</a>`],
  ])("of a page with %s are refused", (_name, html) => {
    expect(readAnchors(html).ok).toBe(false);
  });

  it("leave references that are none as they stand", () => {
    expect(links('<a href="&nbsp;&#0;&#xD800;&#x110000;&amp">&lt;x&gt;</a>')).toEqual([
      ["&nbsp;&#0;&#xD800;&#x110000;&amp", "<x>"],
    ]);
  });

  it("are read in linear time", () => {
    for (const piece of ["<a ", "<!--", "<script>", "&#", "<a href='", "</script"]) {
      const started = performance.now();
      readAnchors(piece.repeat(1_000_000 / piece.length));
      expect(performance.now() - started).toBeLessThan(2000);
    }
  });

  it("never throw", () => {
    const piece = fc.constantFrom(
      "<a",
      " href=",
      '"',
      "'",
      ">",
      "</a>",
      "<!--",
      "-->",
      "<script>",
      "</script>",
      "&#x41;",
      "x",
      "=",
      "/",
      "<",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => void readAnchors(pieces.join(""))),
      { numRuns: 1000 },
    );
  });
});
