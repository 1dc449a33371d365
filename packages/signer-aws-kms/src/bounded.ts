import type { KMSClient } from "@aws-sdk/client-kms";
import { kmsFailure, kmsLimits, type KmsCall } from "@countersign/core";

/**
 * Keeps answers within {@link kmsLimits}: the SDK would collect whatever arrives. The body is read here, next to the
 * wire, and handed on as bytes.
 */
export function boundAnswers(client: KMSClient, call: Pick<KmsCall, "service" | "key" | "operation">): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body?: unknown };
      if (isStream(response.body)) response.body = await readBounded(response.body, call);
      return result;
    },
    { step: "deserialize", priority: "low", name: "countersignBoundAnswers" },
  );
}

type Stream = AsyncIterable<Uint8Array> & { destroy(): void };

const isStream = (body: unknown): body is Stream =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body && "destroy" in body;

async function readBounded(
  body: Stream,
  call: Pick<KmsCall, "service" | "key" | "operation">,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > kmsLimits.answerBytes) {
      body.destroy();
      throw kmsFailure(call, { kind: "oversize" });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
