import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { SignerError } from "@countersign/core";

/** Where the vault is and who asks, as Vault's own tools read it from the environment. */
export type Settings = {
  /** VAULT_ADDR, without a slash at the end. */
  address: string;
  token: string;
  /** VAULT_NAMESPACE; null: the root namespace. */
  namespace: string | null;
  /** PEM from VAULT_CACERT; null: the system's authorities. */
  authorities: string | null;
  /** Where the transit engine is mounted, from TRANSIT_SECRET_ENGINE_PATH, as a URL path. */
  mount: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

const tokenLimit = 16 * 1024;
const authoritiesLimit = 1024 * 1024;

/** @throws SignerError */
export async function readSettings(environment: Environment): Promise<Settings> {
  const namespace = environment["VAULT_NAMESPACE"] ?? "";
  if (/[^\x21-\x7e]/.test(namespace))
    throw new SignerError(
      "VAULT_NAMESPACE is not a namespace",
      "set VAULT_NAMESPACE to a path such as team/ci",
    );
  const authorities = environment["VAULT_CACERT"] ?? "";
  return {
    address: addressOf(environment["VAULT_ADDR"] ?? ""),
    token: await tokenOf(environment),
    namespace: namespace === "" ? null : namespace,
    authorities: authorities === "" ? null : await readAuthorities(authorities),
    mount: mountOf(environment["TRANSIT_SECRET_ENGINE_PATH"] || "transit"),
  };
}

function addressOf(text: string): string {
  const url = URL.parse(text);
  const plain =
    url !== null &&
    (url.protocol === "https:" || url.protocol === "http:") &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!plain)
    throw new SignerError(
      text === "" ? "VAULT_ADDR is not set" : "VAULT_ADDR is not the address of a vault",
      "set VAULT_ADDR to an address such as https://vault.example:8200",
    );
  return url.href.replace(/\/+$/, "");
}

async function tokenOf(environment: Environment): Promise<string> {
  const token = (environment["VAULT_TOKEN"] || (await tokenFromFile(environment))).trim();
  // It becomes a header.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new SignerError("there is no Vault token", "run vault login, or set VAULT_TOKEN");
  return token;
}

async function tokenFromFile(environment: Environment): Promise<string> {
  try {
    return await readBounded(join(environment["HOME"] || homedir(), ".vault-token"), tokenLimit);
  } catch {
    return "";
  }
}

async function readAuthorities(path: string): Promise<string> {
  try {
    const text = await readBounded(path, authoritiesLimit);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch {
    // Said below: which of the two it was is no help.
  }
  throw new SignerError(
    "the file that VAULT_CACERT names holds no certificates",
    "set VAULT_CACERT to a file of certificates in PEM",
  );
}

async function readBounded(path: string, limit: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(limit + 1), 0, limit + 1, 0);
    if (bytesRead > limit) throw new RangeError("too large");
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function mountOf(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0 || parts.some((part) => part === "." || part === ".."))
    throw new SignerError(
      "TRANSIT_SECRET_ENGINE_PATH is not the path of a secrets engine",
      "set it to the path of the transit engine, such as transit",
    );
  return parts.map(encodeURIComponent).join("/");
}
