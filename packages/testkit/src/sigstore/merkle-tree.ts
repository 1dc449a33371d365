import { sha256 } from "../encoding/hash.ts";

/** An append-only RFC 6962 §2.1 tree. Complete subtrees are kept, so that root and proof cost O(log² n). */
export type MerkleTree = {
  readonly size: number;
  /** Appends a leaf and returns its index. */
  append(leaf: Uint8Array): number;
  root(): Buffer;
  /** Audit path of a leaf in the current tree (RFC 6962 §2.1.1). */
  proof(index: number): Buffer[];
};

const leafPrefix = Buffer.from([0]);
const nodePrefix = Buffer.from([1]);

export function createMerkleTree(): MerkleTree {
  const levels: Buffer[][] = [[]];
  const at = (level: number, index: number): Buffer => levels[level]?.[index] as Buffer;

  const hashOf = (from: number, size: number): Buffer => {
    const left = splitOf(size);
    if (left === size) return at(Math.log2(size), from / size);
    return sha256(nodePrefix, hashOf(from, left), hashOf(from + left, size - left));
  };
  const pathOf = (index: number, from: number, size: number): Buffer[] => {
    if (size === 1) return [];
    const left = splitOf(size) === size ? size / 2 : splitOf(size);
    return index < from + left
      ? [...pathOf(index, from, left), hashOf(from + left, size - left)]
      : [...pathOf(index, from + left, size - left), hashOf(from, left)];
  };

  return {
    get size() {
      return (levels[0] as Buffer[]).length;
    },
    append(leaf) {
      const index = (levels[0] as Buffer[]).length;
      let node = sha256(leafPrefix, leaf);
      for (let level = 0, position = index; ; level++, position = (position - 1) / 2) {
        (levels[level] ??= []).push(node);
        if (position % 2 === 0) return index;
        node = sha256(nodePrefix, at(level, position - 1), node);
      }
    },
    root() {
      return this.size === 0 ? sha256() : hashOf(0, this.size);
    },
    proof(index) {
      return pathOf(index, 0, this.size);
    },
  };
}

/** Largest power of two that is not larger than `size`. */
const splitOf = (size: number): number => 2 ** Math.floor(Math.log2(size));
