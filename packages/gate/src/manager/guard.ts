import type { Ecosystem, Finding, Position } from "@countersign/core";
import { liesBelow, normaliseRegistry } from "../registry/address.ts";
import type { Credential } from "../registry/client.ts";
import type { ManagerContext } from "./manager.ts";
import { foreignCredential, foreignNetwork, unguardedCredential, unreadable } from "./setting.ts";

export type Offer = {
  /** Normalised addresses below which the manager would send it; several are one place by other schemes. */
  prefixes: readonly string[];
  /** null where its variable is not set. */
  authorization: string | null;
  /** Where a file of the project attaches it or chooses the address it goes to; null where only the user does. */
  project: Position | null;
  variable: string | null;
};

/**
 * Decides what the project's own files may do with what is the user's. They may send a credential, or put a
 * variable into an address, only where the policy or the user's own configuration names the place; with no policy
 * at all we do as the manager would, and a note says so.
 */
export class Guard {
  readonly #context: ManagerContext;
  readonly #ecosystem: Ecosystem;
  readonly #named: readonly string[];
  readonly #findings: Finding[];
  readonly credentials: Credential[] = [];

  /** @param own addresses that the user's own configuration names */
  constructor(context: ManagerContext, ecosystem: Ecosystem, own: readonly string[], findings: Finding[]) {
    const rules = (context.registries ?? []).filter(({ withdrawn }) => !withdrawn);
    this.#context = context;
    this.#ecosystem = ecosystem;
    this.#named = [
      ...rules.flatMap(({ url, evidenceFrom, files }) => [url, ...evidenceFrom, ...files]),
      ...own,
    ];
    this.#findings = findings;
  }

  offer({ prefixes, authorization, project, variable }: Offer): void {
    if (authorization !== null && !/^[\x20-\x7e]+$/.test(authorization)) {
      const path = project?.path ?? "your configuration";
      this.#findings.push(
        unreadable(
          path,
          `a credential for ${prefixes[0] ?? "a registry"} holds a line break or another character that no header may`,
        ),
      );
      return;
    }
    const add = (prefix: string): void => {
      if (authorization !== null && !this.credentials.some((each) => each.prefix === prefix))
        this.credentials.push({ prefix, authorization });
    };
    if (project === null) return prefixes.forEach(add);
    const places = prefixes.flatMap((prefix) => this.#within(prefix));
    if (places.length > 0) return places.forEach(add);
    const address = prefixes[0];
    if (address === undefined) return;
    const attached = { at: project, address, variable, ecosystem: this.#ecosystem };
    if (this.#context.registries !== null) this.#findings.push(foreignCredential(attached));
    else {
      prefixes.forEach(add);
      this.#findings.push(unguardedCredential(attached));
    }
  }

  /**
   * An address that a file of the project makes of variables: asking it sends their values there.
   * @returns whether it may be asked
   */
  admitAddress(address: string, variable: string, at: Position): boolean {
    if (this.#named.some((named) => liesBelow(address, named))) return true;
    // The address itself holds the value: only the host is shown.
    const attached = { at, address: `${new URL(address).origin}/`, variable, ecosystem: this.#ecosystem };
    this.#findings.push(
      this.#context.registries === null ? unguardedCredential(attached) : foreignCredential(attached),
    );
    return this.#context.registries === null;
  }

  /** A proxy or certificate authority: those of a project's file count only where there is no policy. */
  admitNetwork(setting: string, project: Position | null): boolean {
    if (project === null) return true;
    const used = this.#context.registries === null;
    this.#findings.push(foreignNetwork(project, setting, used));
    return used;
  }

  /** The part of a prefix that is named: a file that attaches a token to a whole host gets it no further than that. */
  #within(prefix: string): string[] {
    if (this.#named.some((named) => liesBelow(prefix, named))) return [prefix];
    return this.#named
      .filter((named) => liesBelow(named, prefix))
      .flatMap((named) => normaliseRegistry(named) ?? []);
  }
}

/** `Basic` credentials of a user name and password (RFC 7617). */
export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** A proxy's address as undici takes it; anything else is a finding. */
export function proxyOf(value: string | null, setting: string, findings: Finding[]): string | null {
  if (value === null) return null;
  const written = value.includes("://") ? value : `http://${value}`;
  if (URL.canParse(written) && ["http:", "https:"].includes(new URL(written).protocol)) return written;
  findings.push(unreadable("environment", `${setting} is no http or https address`));
  return null;
}

export const splitList = (text: string): string[] =>
  text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
