import { describe, expect, it } from "vitest";
import { packageOf, purlOf, setOf } from "../../test/report-sample.ts";
import { chainsOf } from "./chains.ts";
import { chainText } from "./names.ts";

describe("chainsOf", () => {
  it("finds the shortest way from a root, without the package itself", () => {
    const set = setOf([
      packageOf("a", 1, ["b", "c"]),
      packageOf("b", 2, ["c"]),
      packageOf("c", 3, ["d"]),
      packageOf("d", 4),
    ]);
    expect(chainsOf(set)(purlOf("d"))).toEqual({ packages: [purlOf("a"), purlOf("c")], omitted: 0 });
    expect(chainsOf(set)(purlOf("a"))).toEqual({ packages: [], omitted: 0 });
  });

  it("takes a workspace as a root although another one requires it", () => {
    const workspace = {
      ...packageOf("w", 1, ["x"]),
      source: { kind: "path" as const, path: "w", workspace: true },
    };
    const set = setOf([packageOf("a", 2, ["w"]), workspace, packageOf("x", 3)]);
    expect(chainsOf(set)(purlOf("x"))?.packages).toEqual([purlOf("w")]);
  });

  it("ends on cycles and says when no root reaches a package", () => {
    const set = setOf([packageOf("a", 1, ["b"]), packageOf("b", 2, ["a"]), packageOf("s", 3, ["s"])]);
    expect(chainsOf(set)(purlOf("b"))).toBeNull();
    expect(chainsOf(set)(purlOf("s"))).toEqual({ packages: [], omitted: 0 });
    expect(chainsOf(set)("pkg:npm/__proto__@1")).toBeNull();
  });

  it("stays bounded on a graph as deep as the lockfile is long", () => {
    const depth = 50_000;
    const set = setOf(
      Array.from({ length: depth }, (_, index) => packageOf(`p${index}`, 1, [`p${index + 1}`])),
    );
    const chain = chainsOf(set)(purlOf(`p${depth - 1}`));
    expect(chain?.packages).toHaveLength(9);
    expect(chain?.packages[0]).toBe(purlOf("p0"));
    expect(chain?.packages.at(-1)).toBe(purlOf(`p${depth - 2}`));
    expect((chain?.omitted ?? 0) + 9).toBe(depth - 1);
  });

  it("is written with what is left out", () => {
    const packages = ["a", "b", "c"].map(purlOf);
    expect(chainText({ packages, omitted: 0 })).toBe("a@1.0.0 > b@1.0.0 > c@1.0.0");
    expect(chainText({ packages, omitted: 5 })).toBe("a@1.0.0 > (5 more) > b@1.0.0 > c@1.0.0");
    expect(chainText({ packages: [], omitted: 0 })).toBeNull();
  });
});
