import type { KMSClient } from "@aws-sdk/client-kms";
import { boundedBody, kmsFailure, kmsLimits, type KmsCall } from "@countersign/core";

/**
 * Keeps answers within {@link kmsLimits}: the SDK would collect whatever arrives. The body is read here, next to the
 * wire, and handed on as bytes.
 */
export function boundAnswers(client: KMSClient, call: Pick<KmsCall, "service" | "key" | "operation">): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body?: unknown };
      if (isStream(response.body)) {
        const tooLarge = (): Error => kmsFailure(call, { kind: "oversize" });
        response.body = await boundedBody(response.body, kmsLimits.answerBytes, tooLarge);
      }
      return result;
    },
    { step: "deserialize", priority: "low", name: "countersignBoundAnswers" },
  );
}

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body && "destroy" in body;
