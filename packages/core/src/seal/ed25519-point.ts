import { Buffer } from "node:buffer";

/** The field's prime (RFC 8032 §5.1). The curve is −x² + y² = 1 + d·x²·y² over it, with d = −121665/121666. */
const prime = 2n ** 255n - 19n;
const signBit = 1n << 255n;

/**
 * What is wrong with a public key's 32 bytes, read as strictly as RFC 8032 §5.1.3. They come from whoever proposes a
 * key: a point of small order verifies signatures that nobody made, and one with several encodings has several ids.
 * Nothing here is secret, so it need not take the same time for every point.
 * @returns null of a point on the curve whose order is not 1, 2, 4 or 8
 */
export function ed25519PointProblem(point: Uint8Array): string | null {
  if (point.length !== 32) return `an Ed25519 key has 32 bytes, not ${point.length}`;
  const encoded = BigInt(`0x${Buffer.from(point.toReversed()).toString("hex")}`);
  const y = encoded & (signBit - 1n);
  const isNegative = encoded !== y;
  const square = (y * y) % prime;
  // x² = (y² − 1) / (d·y² + 1), with both sides of the fraction times 121666.
  const numerator = 121_666n * (square - 1n);
  const denominator = 121_666n - 121_665n * square;
  const hasNoX = modulo(numerator) === 0n;
  if (y >= prime || (hasNoX && isNegative) || !isSquare(numerator * denominator))
    return "the Ed25519 point is not on the curve, or not in canonical form";
  // y is ±1 at the orders 1 and 2, 0 at 4; doubled, a point of order 8 has y = 0: d·y⁴ + 2·y² − 1 = 0.
  const atOrder8 = 121_666n * (2n * square - 1n) - 121_665n * square * square;
  return hasNoX || y === 0n || modulo(atOrder8) === 0n ? "the Ed25519 point is of small order" : null;
}

const modulo = (value: bigint): bigint => ((value % prime) + prime) % prime;

/** Euler's criterion. */
function isSquare(value: bigint): boolean {
  let base = modulo(value);
  if (base === 0n) return true;
  let power = 1n;
  for (let exponent = (prime - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) power = (power * base) % prime;
    base = (base * base) % prime;
  }
  return power === 1n;
}
