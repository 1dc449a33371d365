/** One request as a server of the kit saw it. */
export type RequestRecord = {
  /** `npm`, `pypi`, `files`, `sigstore`, `elsewhere`, or the name given to an added server. */
  server: string;
  method: string;
  /** Path and query as sent, undecoded. */
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `authorization` header, null when there was none. */
  authorization: string | null;
};

export type RequestMatch = { server?: string; path?: string | RegExp; method?: string };

/** Every request to every server of a kit, in order. */
export type RequestLog = {
  readonly all: readonly RequestRecord[];
  matching(match?: RequestMatch): readonly RequestRecord[];
  count(match?: RequestMatch): number;
  /** Requests by `server path`. */
  byPath(): ReadonlyMap<string, number>;
  /** Whatever any server was sent as `authorization`, with the server that got it. */
  credentials(): readonly { server: string; authorization: string }[];
  clear(): void;
  add(record: RequestRecord): void;
};

export function createRequestLog(): RequestLog {
  const records: RequestRecord[] = [];
  const matching = (match: RequestMatch = {}): RequestRecord[] =>
    records.filter(
      ({ server, method, path }) =>
        (match.server === undefined || match.server === server) &&
        (match.method === undefined || match.method === method) &&
        (match.path === undefined || matches(match.path, path)),
    );
  return {
    all: records,
    matching,
    count: (match) => matching(match).length,
    byPath: () => {
      const counts = new Map<string, number>();
      for (const { server, path } of records)
        counts.set(`${server} ${path}`, (counts.get(`${server} ${path}`) ?? 0) + 1);
      return counts;
    },
    credentials: () =>
      records.flatMap(({ server, authorization }) =>
        authorization === null ? [] : [{ server, authorization }],
      ),
    clear: () => void records.splice(0),
    add: (record) => void records.push(record),
  };
}

/** A string is the whole path without its query; a RegExp is tried on the path with its query. */
export const matches = (pattern: string | RegExp, path: string): boolean =>
  typeof pattern === "string" ? pattern === path.split("?", 1)[0] : pattern.test(path);
