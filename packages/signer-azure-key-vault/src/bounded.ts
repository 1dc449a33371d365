import type { KeyClientOptions } from "@azure/keyvault-keys";
import { kmsFailure, kmsLimits, type KmsCall } from "@countersign/core";

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
        const chunks: Buffer[] = [];
        let length = 0;
        for await (const chunk of body) {
          const bytes = Buffer.from(chunk);
          length += bytes.length;
          if (length > kmsLimits.answerBytes) {
            if ("destroy" in body && typeof body.destroy === "function") body.destroy();
            throw kmsFailure(call, { kind: "oversize" });
          }
          chunks.push(bytes);
        }
        return { ...rest, bodyAsText: Buffer.concat(chunks).toString("utf8") };
      },
    },
  };
}
