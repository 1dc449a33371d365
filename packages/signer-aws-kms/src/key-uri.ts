import { SignerError } from "@countersign/core";

/** A key as `awskms://[HOST[:PORT]]/KEY` names it. */
export type KeyUri = {
  /** `https://HOST[:PORT]`; null: wherever the SDK finds the service. */
  endpoint: string | null;
  /** Key id, key ARN, `alias/NAME` or alias ARN: what the API calls KeyId. */
  keyId: string;
  /** From an ARN; null: the SDK's own chain says. */
  region: string | null;
};

const keyIdPattern = /^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const aliasPattern = /^alias\/[\w/-]{1,250}$/;
const arnPattern = /^arn:aws[a-z-]*:kms:([a-z0-9-]{1,40}):\d{12}:(?:key\/([^/]+)|(alias\/.+))$/;
const hostPattern = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/;

/** @throws SignerError */
export function readKeyUri(uri: string): KeyUri {
  const [, host = "", keyId = ""] = /^awskms:\/\/([^/]*)\/(.+)$/s.exec(uri) ?? [];
  const arn = arnPattern.exec(keyId);
  const name = arn === null ? keyId : (arn[2] ?? arn[3] ?? "");
  if (!keyIdPattern.test(name) && !aliasPattern.test(name)) throw wrong();
  if (host !== "" && !hostPattern.test(host)) throw wrong();
  return { endpoint: host === "" ? null : `https://${host}`, keyId, region: arn?.[1] ?? null };
}

const wrong = (): SignerError =>
  new SignerError(
    "this is not the URI of a key in AWS KMS",
    "write awskms:///alias/NAME, awskms:///KEY-ID or awskms:///ARN",
  );
