import type { Access, Client } from "./client.ts";

/** A client whose HTTP library is loaded by the first request: a warm or offline run never pays for it. */
export function openClient(access: Access, signal: AbortSignal): Client {
  let client: Client | null = null;
  let opening: Promise<Client> | null = null;
  const open = async (): Promise<Client> => {
    const { createClient } = await import("./http-client.ts");
    return (client = createClient(access, signal));
  };
  return {
    get requests() {
      return client?.requests ?? 0;
    },
    get: async (wanted) => (await (opening ??= open())).get(wanted),
    close: async () => client?.close(),
  };
}
