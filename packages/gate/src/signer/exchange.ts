import { boundedBody, SignerError, visible } from "@countersign/core";
import { EnvHttpProxyAgent, request } from "undici";
import { parseAddress } from "../registry/address.ts";
import type { SignerContext } from "./signer-context.ts";

/** An identity provider's answers are documents of some KiB. */
const most = 256 * 1024;
const time = 30_000;

export type Answer = { status: number; text: string };

/**
 * One request to an identity provider. https, or http on loopback; redirects are not followed, so that a token or a
 * code goes nowhere but to the address that was named.
 */
export async function exchange(
  what: string,
  url: string,
  options: { headers?: Record<string, string>; form?: Readonly<Record<string, string>> },
  { variables, signal }: Pick<SignerContext, "variables" | "signal">,
): Promise<Answer> {
  if (parseAddress(url) === null)
    throw new SignerError(`the address of ${what} is neither https nor on this machine`, "correct it");
  const variable = (name: string): string => variables[name.toLowerCase()] ?? variables[name] ?? "";
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: variable("HTTP_PROXY"),
    httpsProxy: variable("HTTPS_PROXY"),
    noProxy: variable("NO_PROXY"),
  });
  const { headers = {}, form } = options;
  const body = form === undefined ? null : new URLSearchParams(form).toString();
  const type = body === null ? {} : { "content-type": "application/x-www-form-urlencoded" };
  try {
    const response = await request(url, {
      method: body === null ? "GET" : "POST",
      headers: { accept: "application/json", "user-agent": "countersign", ...type, ...headers },
      body,
      dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(time)]),
    });
    const tooLarge = (): Error =>
      new SignerError(`${what} answers more than ${most} bytes`, "check its address");
    const text = await boundedBody(response.body, most, tooLarge);
    return { status: response.statusCode, text: text.toString("utf8") };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SignerError || !(error instanceof Error)) throw error;
    const reason = "code" in error ? String(error.code) : error.name;
    throw new SignerError(
      `${what} cannot be reached: ${visible(reason)}`,
      "check its address and the network",
    );
  } finally {
    await dispatcher.destroy();
  }
}
