import type { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { crypto, X509Certificate } from "@sigstore/core";
import { copyDer, readDer } from "./der.ts";

/**
 * Reads an X.509 certificate (RFC 5280) in DER for `@sigstore/verify`, which does all the judging. Only its structure
 * is looked at here.
 * @param der not to be changed afterwards: the certificate shares it
 * @returns null where the bytes are not DER
 */
export function readX509(der: Buffer): X509Certificate | null {
  const root = readDer(der);
  // Signatures are verified over the re-encoded structure: it must be these very bytes.
  return root !== null && root.toDER().equals(der) ? new RememberingCertificate(root, der) : null;
}

/**
 * A certificate that does no work twice: path building asks again and again who issued it, although neither answer
 * nor question can change. An authority's certificates live as long as the sigstore root that they were read from,
 * so they are verified once for that root; a signer's certificate lives as long as its bundle's verification.
 */
class RememberingCertificate extends X509Certificate {
  readonly #der: Buffer;
  readonly #issuedBy = new WeakMap<X509Certificate, boolean>();
  #key: KeyObject | null = null;

  constructor(root: X509Certificate["root"], der: Buffer) {
    super(root);
    this.#der = der;
  }

  override equals(other: X509Certificate): boolean {
    return other instanceof RememberingCertificate ? this.#der.equals(other.#der) : super.equals(other);
  }

  override verify(issuer: X509Certificate = this): boolean {
    const known = this.#issuedBy.get(issuer);
    if (known !== undefined) return known;
    const verified =
      issuer instanceof RememberingCertificate
        ? this.#isSignedWith(issuer.#publicKey())
        : super.verify(issuer);
    this.#issuedBy.set(issuer, verified);
    return verified;
  }

  /** A certificate of its own, to be changed: it remembers nothing. */
  override clone(): X509Certificate {
    return new X509Certificate(copyDer(this.root));
  }

  #isSignedWith(key: KeyObject): boolean {
    return crypto.verify(this.tbsCertificate.toDER(), key, this.signatureValue, this.signatureAlgorithm);
  }

  #publicKey(): KeyObject {
    this.#key ??= createPublicKey({ key: this.publicKey, format: "der", type: "spki" });
    return this.#key;
  }
}
