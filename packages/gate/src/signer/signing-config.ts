import {
  normaliseAddress,
  parseInstant,
  parseJson,
  SignerError,
  visible,
  type Instant,
} from "@countersign/core";
import { readPublicFile } from "./private-file.ts";
import type { KeylessChoice, SignerContext } from "./signer-context.ts";

/** The services of one Sigstore instance that a keyless signature goes through. */
export type SigstoreServices = {
  /** Fulcio; null: the library's own. */
  authority: string | null;
  /** null: the library's own log. */
  logs: readonly { url: string; version: 1 | 2 }[] | null;
  timestamps: readonly string[];
  /** Where a person may sign in. */
  issuer: string | null;
};

const mediaType = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

type Service = { url: string; version: number; start: Instant; end: Instant | null; operator: string };

/**
 * The services that a keyless choice names. A signing configuration and addresses are alternatives; where only
 * addresses stand, an instance is what they name and nothing else: a private certificate never goes to a public log.
 */
export async function servicesOf(choice: KeylessChoice, context: SignerContext): Promise<SigstoreServices> {
  const { signingConfig, fulcioUrl, rekorUrl, tsaUrl, oidcIssuer } = choice;
  const named = fulcioUrl !== null || rekorUrl !== null || tsaUrl !== null;
  if (signingConfig !== null) {
    if (named)
      throw new SignerError(
        "a signing configuration and addresses are both given",
        "give --signing-config, or --fulcio-url with --rekor-url or --tsa-url",
      );
    const bytes = await readPublicFile(signingConfig, context);
    const services = readSigningConfig(visible(signingConfig), bytes.toString("utf8"), context.now());
    return { ...services, issuer: oidcIssuer ?? services.issuer };
  }
  if (!named) return { authority: null, logs: null, timestamps: [], issuer: oidcIssuer };
  if (fulcioUrl === null || (rekorUrl === null && tsaUrl === null))
    throw new SignerError(
      "the addresses name no whole instance",
      "give --fulcio-url together with --rekor-url or --tsa-url, or --signing-config",
    );
  return {
    authority: addressOf("--fulcio-url", fulcioUrl),
    logs: rekorUrl === null ? [] : [{ url: addressOf("--rekor-url", rekorUrl), version: 1 }],
    timestamps: tsaUrl === null ? [] : [addressOf("--tsa-url", tsaUrl)],
    issuer: oidcIssuer,
  };
}

/**
 * Reads a Sigstore SigningConfig v0.2 (protobuf-JSON) and chooses its services: those valid now, of each operator the
 * highest version that is spoken here and of that the newest, then one (`ANY`), as many as asked for (`EXACT`), or all.
 */
export function readSigningConfig(name: string, text: string, now: Instant): SigstoreServices {
  const parsed = parseJson(text, 16);
  const config = parsed.ok ? record(parsed.value) : null;
  const bad = (what: string): SignerError =>
    new SignerError(`${name} is no Sigstore signing configuration: ${what}`, `it must be ${mediaType}`);
  if (config === null) throw bad("it is no JSON object");
  if (config["mediaType"] !== mediaType) throw bad("its mediaType is another");
  const services = (member: string, versions: readonly number[]): Service[] =>
    list(config[member]).flatMap((value) => {
      const service = serviceOf(value);
      if (service === null) throw bad(`a service of ${member} cannot be read`);
      const valid = service.start <= now && (service.end === null || now <= service.end);
      return valid && versions.includes(service.version) ? [service] : [];
    });
  const chosen = (member: string, configuration: string, versions: readonly number[]): Service[] => {
    const selector = record(config[configuration]);
    if (selector === null) return [];
    const best = bestOfEach(services(member, versions));
    const count = wanted(selector, best.length);
    if (count === null) throw bad(`${configuration} has a selector that is not known`);
    if (count === 0 || best.length < count) throw bad(`${member} has too few services that are valid now`);
    return best.slice(0, count);
  };
  const [authority] = bestOfEach(services("caUrls", [1]));
  if (authority === undefined) throw bad("caUrls has no service that is valid now");
  const [issuer] = bestOfEach(services("oidcUrls", [1]));
  return {
    authority: authority.url,
    logs: chosen("rekorTlogUrls", "rekorTlogConfig", [1, 2]).map(({ url, version }) => ({
      url,
      version: version === 2 ? 2 : 1,
    })),
    timestamps: chosen("tsaUrls", "tsaConfig", [1]).map(({ url }) => url),
    issuer: issuer?.url ?? null,
  };
}

function wanted(selector: Readonly<Record<string, unknown>>, all: number): number | null {
  if (selector["selector"] === "ANY") return 1;
  if (selector["selector"] === "ALL") return all;
  const count = selector["count"];
  return selector["selector"] === "EXACT" && Number.isSafeInteger(count) ? Number(count) : null;
}

/** One service of each operator, the best first. */
function bestOfEach(services: readonly Service[]): Service[] {
  const sorted = services.toSorted((a, b) => b.version - a.version || b.start - a.start);
  return sorted.filter(
    ({ operator }, index) => sorted.findIndex((other) => other.operator === operator) === index,
  );
}

function serviceOf(value: unknown): Service | null {
  const service = record(value);
  const period = record(service?.["validFor"]);
  const url = service === null ? null : withoutSlash(service["url"]);
  if (service === null || period === null || url === null) return null;
  const start = instantOf(period["start"]);
  const end = period["end"] === undefined ? null : instantOf(period["end"]);
  const [version, operator] = [service["majorApiVersion"], service["operator"] ?? ""];
  if (start === null || (period["end"] !== undefined && end === null)) return null;
  return typeof version === "number" && typeof operator === "string"
    ? { url, version, start, end, operator }
    : null;
}

const instantOf = (value: unknown): Instant | null =>
  typeof value === "string" ? parseInstant(value) : null;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value.slice(0, 64) : []);
const record = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;

/** https, or http on loopback; the library puts its paths behind it. */
const withoutSlash = (value: unknown): string | null =>
  typeof value === "string" ? (normaliseAddress(value)?.replace(/\/+$/, "") ?? null) : null;

function addressOf(option: string, value: string): string {
  const address = withoutSlash(value);
  if (address !== null) return address;
  throw new SignerError(`${option} ${visible(value)} is no https address`, "write it as https://HOST/");
}
