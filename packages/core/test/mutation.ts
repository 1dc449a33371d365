import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import type { ASN1Obj } from "@sigstore/core";
import { readDer } from "../src/verify/der.ts";

export type Edit = {
  at: number;
  how: "flip" | "drop" | "replace" | "repeat" | "swap" | "der";
  value: unknown;
  bit: number;
};

export const anyEdit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("flip", "drop", "replace", "repeat", "swap", "der"),
  value: fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom("", "AA==", "-1", "0", "9".repeat(30), "__proto__", "\u0000", "9".repeat(15)),
  ),
  bit: fc.nat(1 << 20),
});

type Place = { parent: Record<string, unknown>; name: string };

/** Changes the value at the `at`-th place of the tree, counted in order. */
export function mutate(tree: unknown, { at, how, value, bit }: Edit): unknown {
  const places = placesOf(tree);
  const place = places[at % Math.max(places.length, 1)];
  if (place === undefined) return value;
  const { parent, name } = place;
  const old = parent[name];
  const other = places[bit % places.length] as Place;
  if (how === "drop") delete parent[name];
  else if (how === "repeat" && Array.isArray(old)) old.push(structuredClone(old[0]));
  else if (how === "swap") [parent[name], other.parent[other.name]] = [other.parent[other.name], old];
  else if (how === "der" && typeof old === "string") parent[name] = mutateDer(old, bit);
  else parent[name] = how === "flip" && typeof old === "string" ? flip(old, bit) : value;
  return tree;
}

function placesOf(tree: unknown): Place[] {
  const places: Place[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const name of Object.keys(node)) {
      places.push({ parent: node as Record<string, unknown>, name });
      walk((node as Record<string, unknown>)[name]);
    }
  };
  walk(tree);
  return places;
}

/** One bit of some bytes, in base64. */
export function flip(base64: string, bit: number): string {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0) return "AA==";
  const at = (bit >> 3) % bytes.length;
  bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
  return bytes.toString("base64");
}

/** One node of a DER document dropped, repeated, exchanged with its neighbour, or emptied; lengths stay right. */
export function mutateDer(base64: string, seed: number): string {
  const root = readDer(Buffer.from(base64, "base64"));
  if (root === null) return flip(base64, seed);
  const nodes: ASN1Obj[] = [];
  const walk = (node: ASN1Obj): void => {
    if (node.subs.length > 0) nodes.push(node);
    node.subs.forEach(walk);
  };
  walk(root);
  const { subs } = nodes[seed % Math.max(nodes.length, 1)] ?? root;
  const at = (seed >> 6) % Math.max(subs.length, 1);
  const [node, next] = [subs[at], subs[(at + 1) % Math.max(subs.length, 1)]];
  if (node === undefined || next === undefined) return flip(base64, seed);
  const changes = [[], [node, node], [next, node], [next]];
  subs.splice(at, 1, ...(changes[(seed >> 12) % changes.length] as ASN1Obj[]));
  return root.toDER().toString("base64");
}
