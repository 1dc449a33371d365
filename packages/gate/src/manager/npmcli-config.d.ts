declare module "@npmcli/config" {
  type Options = {
    definitions: unknown;
    flatten: unknown;
    shorthands: unknown;
    nerfDarts: readonly string[];
    npmPath: string;
    env: Readonly<Record<string, string | undefined>>;
    argv: readonly string[];
    platform: NodeJS.Platform;
    execPath: string;
    cwd: string;
    warn: boolean;
  };
  export default class Config {
    constructor(options: Options);
    load(): Promise<void>;
    get(key: string): unknown;
    readonly data: ReadonlyMap<string, unknown>;
  }
}
declare module "@npmcli/config/lib/definitions/index.js" {
  const definitions: {
    definitions: unknown;
    flatten: unknown;
    shorthands: unknown;
    nerfDarts: readonly string[];
  };
  export default definitions;
}
