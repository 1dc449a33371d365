import type { KeyClientOptions } from "@azure/keyvault-keys";
import { boundedBody, kmsFailure, kmsLimits, type KmsCall } from "@countersign/core";

type AdditionalPolicy = NonNullable<KeyClientOptions["additionalPolicies"]>[number];

/**
 * Keeps answers within {@link kmsLimits}: the SDK would collect whatever arrives. Every answer is asked for as a stream
 * and read here, next to the wire.
 */
export function boundAnswers(call: Pick<KmsCall, "service" | "key" | "operation">): AdditionalPolicy {
  return {
    position: "perRetry",
    policy: {
      name: "countersignBoundAnswers",
      async sendRequest(request, next) {
        // Infinity stands for every status.
        request.streamResponseStatusCodes = new Set([Number.POSITIVE_INFINITY]);
        const response = await next(request);
        const { readableStreamBody: body, ...rest } = response;
        if (body === undefined) return response;
        const tooLarge = (): Error => kmsFailure(call, { kind: "oversize" });
        const bytes = await boundedBody(body, kmsLimits.answerBytes, tooLarge);
        return { ...rest, bodyAsText: bytes.toString("utf8") };
      },
    },
  };
}
