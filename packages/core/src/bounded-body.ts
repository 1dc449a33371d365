import { Buffer } from "node:buffer";

/**
 * Reads the body of an answer that may never end.
 * @param most bytes
 * @param tooLarge what is thrown for more, of which no more is read
 */
export async function boundedBody(
  body: AsyncIterable<Uint8Array | string>,
  most: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    length += bytes.length;
    if (length > most) {
      if ("destroy" in body && typeof body.destroy === "function") body.destroy();
      throw tooLarge();
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
