/** A Sigstore SigningConfig v0.2 of an instance whose services all lie under one address. */
export function signingConfigOf(
  url: string,
  log: "rekor-v1" | "rekor-v2",
  issuer: string | null = null,
): unknown {
  const service = (address: string, majorApiVersion = 1): unknown => ({
    url: address,
    majorApiVersion,
    validFor: { start: "2020-01-01T00:00:00Z" },
    operator: "sigstore.example",
  });
  return {
    mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    caUrls: [service(url)],
    oidcUrls: issuer === null ? [] : [service(issuer)],
    rekorTlogUrls: [service(url, log === "rekor-v2" ? 2 : 1)],
    rekorTlogConfig: { selector: "ANY" },
    tsaUrls: [service(`${url}/api/v1/timestamp`)],
    tsaConfig: { selector: "ANY" },
  };
}
