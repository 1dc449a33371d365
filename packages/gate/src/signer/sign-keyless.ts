import type { KeylessContent } from "./keyless-bundle.ts";
import type { KeylessChoice, SignerContext } from "./signer-context.ts";

/**
 * A Sigstore bundle v0.3 over anything, with an identity token that is at hand. What makes it is loaded when it is
 * needed. The bundle is not yet verified.
 * @throws SignerError where the choice names no instance, or a service says no or is out of reach
 */
export async function signKeyless(
  content: KeylessContent,
  token: string,
  choice: KeylessChoice,
  context: SignerContext,
): Promise<Record<string, unknown>> {
  const [{ createKeylessBundle }, { servicesOf }] = await Promise.all([
    import("./keyless-bundle.ts"),
    import("./signing-config.ts"),
  ]);
  return createKeylessBundle(content, token, await servicesOf(choice, context), context.signal);
}
