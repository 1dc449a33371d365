import { join } from "node:path";
import type { Ecosystem, Finding } from "@countersign/core";
import { normaliseRegistry } from "../registry/address.ts";
import { readText } from "./configuration-file.ts";
import { basic, proxyOf, splitList } from "./guard.ts";
import type { ManagerConfiguration, ManagerContext } from "./manager.ts";

/** An index address with the user name and password that it may carry in it taken out. */
export type Index = { url: string; authorization: string | null };

/** @returns null for what is no index address: a path, plain http, a query */
export function readIndex(text: string): Index | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const { username, password } = url;
  [url.username, url.password] = ["", ""];
  const normal = normaliseRegistry(url.href);
  if (normal === null) return null;
  try {
    return {
      url: normal,
      authorization:
        username === "" ? null : basic(decodeURIComponent(username), decodeURIComponent(password)),
    };
  } catch {
    return null;
  }
}

/** What an index's credential is for: the index, and the Integrity API that stands beside its `simple/` (PEP 740). */
export const prefixesOf = (index: string): string[] =>
  index.endsWith("/simple/") ? [index, `${index.slice(0, -"simple/".length)}integrity/`] : [index];

/** The default index first; names are not divided among indexes by configuration. */
export const firstIndex =
  (indexes: readonly { url: string | null }[]) =>
  (ecosystem: Ecosystem): string | null =>
    ecosystem === "pypi" ? (indexes[0]?.url ?? null) : null;

export type Login = { machine: string; authorization: string };

/** The user's ~/.netrc (or `NETRC`): what pip and uv fall back to. `default` entries and macros are not read. */
export async function readNetrc(
  { home, environment }: ManagerContext,
  findings: Finding[],
): Promise<Login[]> {
  const path = environment["NETRC"] ?? join(home, ".netrc");
  const words = ((await readText(path, path, null, findings)) ?? "").split(/\s+/);
  const logins: Login[] = [];
  let machine = "";
  let login = "";
  for (let at = 0; at + 1 < words.length; at += 1) {
    const word = words[at];
    const next = words[at + 1] as string;
    if (word === "machine") [machine, login] = [next, ""];
    else if (word === "default" || word === "macdef") [machine, login] = ["", ""];
    else if (word === "login") login = next;
    else if (word === "password") {
      if (machine !== "" && login !== "") logins.push({ machine, authorization: basic(login, next) });
    } else continue;
    if (word !== "default") at += 1;
  }
  return logins;
}

export function environmentProxy(
  { environment }: ManagerContext,
  findings: Finding[],
): ManagerConfiguration["proxy"] {
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, ALL_PROXY, all_proxy, NO_PROXY, no_proxy } =
    environment;
  const first = (...values: (string | undefined)[]): string | null =>
    values.find((value) => value !== undefined && value !== "") ?? null;
  return {
    https: proxyOf(first(HTTPS_PROXY, https_proxy, ALL_PROXY, all_proxy), "HTTPS_PROXY", findings),
    http: proxyOf(first(HTTP_PROXY, http_proxy, ALL_PROXY, all_proxy), "HTTP_PROXY", findings),
    noProxy: splitList(first(NO_PROXY, no_proxy) ?? ""),
  };
}
