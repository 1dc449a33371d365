import type { Code } from "@countersign/core";

/** What came of one request. A body is complete and within its bound; anything else is a status or a code. */
export type Fetched =
  | { state: "body"; body: Uint8Array; contentType: string }
  | { state: "status"; status: number }
  | { state: "failed"; code: Code; detail: string };

export type Wanted = {
  url: string;
  accept: string;
  /** Bound on the decoded body, in bytes. */
  maximumBytes: number;
};

/**
 * The only door to the network for evidence. Bounds concurrency, bytes (per body and in total), time and
 * retries; refuses addresses outside {@link Access.allowed}, redirects to another host and plain http
 * (loopback aside). Never rejects for what a server does.
 */
export type Client = {
  get(wanted: Wanted): Promise<Fetched>;
  /** Requests sent so far, retries and redirects included. */
  readonly requests: number;
  close(): Promise<void>;
};

/** A credential and the address prefix that it belongs to (`https://host[:port]/path/`). */
export type Credential = { prefix: string; authorization: string };

/** What the manager's configuration and the policy say about reaching servers. */
export type Access = {
  /** Address prefixes that may be asked. A lockfile is hostile and adds nothing to them. */
  allowed: readonly string[];
  credentials: readonly Credential[];
  /** Proxies for https and http addresses; null: direct. */
  proxy: { https: string | null; http: string | null; noProxy: readonly string[] };
  /** Additional certificate authorities, PEM. */
  authorities: readonly string[];
};
