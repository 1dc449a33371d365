import { json, notFound, type Reply, type Request } from "../http/server.ts";
import { githubBuild, gitlabBuild, personBuild, type Build } from "./build.ts";
import { spkiOfPem, toPem } from "./key.ts";
import {
  dsseV1,
  dsseV2,
  hashedrekordV1,
  hashedrekordV2,
  type Envelope,
  type EntryVerifier,
} from "./log-body.ts";
import type { Sigstore } from "./sigstore.ts";
import type { LogEntry } from "./transparency-log.ts";
import type { TufRepository } from "./tuf-repository.ts";

/**
 * The HTTP face of the private Sigstore: Fulcio (tokens are read, not verified), Rekor v1 and v2, TSA and the TUF
 * repository. TUF answers below `/tuf/` and, for clients that were redirected here by name, at the root.
 */
export function answerSigstore(
  request: Request,
  sigstore: Sigstore,
  tuf: TufRepository,
  clock: () => number,
): Reply {
  if (request.method === "GET") {
    const document = tuf.read(decodeURIComponent(request.path.slice(1)).replace(/^tuf\//, ""));
    return document === null
      ? notFound
      : { status: 200, headers: { "content-type": "application/json" }, body: document };
  }
  const service = services[request.path];
  return service === undefined ? notFound : service(request, sigstore, clock());
}

type Service = (request: Request, sigstore: Sigstore, now: number) => Reply;

const services: Record<string, Service> = {
  "/api/v2/signingCert": (request, { authorities }, now) => {
    const body = parse(request) as SigningRequest;
    const leaf = authorities.ca.issue(
      spkiOfPem(body.publicKeyRequest.publicKey.content),
      buildOfToken(body.credentials.oidcIdentityToken),
      {
        notBefore: now - 5000,
        sct: "good",
        log: authorities.certificateLog,
        extendedKeyUsage: "code-signing",
        keyUsage: true,
      },
    );
    const certificates = [leaf, ...authorities.ca.chain].map((der) => toPem("CERTIFICATE", der));
    return json(request, { signedCertificateEmbeddedSct: { chain: { certificates } } });
  },
  "/api/v1/log/entries": (request, { authorities }, now) => {
    const proposed = parse(request) as ProposedEntry;
    if (proposed.kind === "dsse") {
      const { envelope, verifiers } = proposed.spec.proposedContent;
      return rekorV1Reply(
        authorities.rekorV1.add(
          dsseV1(JSON.parse(envelope) as Envelope, verifierOfBase64Pem(verifiers[0] ?? "")),
          now,
        ),
      );
    }
    if (proposed.kind !== "hashedrekord")
      return {
        status: 400,
        headers: { "content-type": "application/json" },
        body: '{"message":"unknown kind"}',
      };
    const { data, signature } = proposed.spec;
    const digest = Buffer.from(data.hash.value, "hex");
    const content = Buffer.from(signature.content, "base64");
    return rekorV1Reply(
      authorities.rekorV1.add(
        hashedrekordV1(digest, content, verifierOfBase64Pem(signature.publicKey.content)),
        now,
      ),
    );
  },
  "/api/v2/log/entries": (request, { authorities }, now) => {
    const body = parse(request) as { dsseRequestV002?: DsseRequest; hashedRekordRequestV002?: HashedRequest };
    if (body.dsseRequestV002 !== undefined) {
      const { envelope, verifiers } = body.dsseRequestV002;
      return created(authorities.rekorV2.add(dsseV2(envelope, verifierOfV2(verifiers[0])), now));
    }
    const { digest, signature } = body.hashedRekordRequestV002 as HashedRequest;
    const content = Buffer.from(signature.content, "base64");
    return created(
      authorities.rekorV2.add(
        hashedrekordV2(Buffer.from(digest, "base64"), content, verifierOfV2(signature.verifier)),
        now,
      ),
    );
  },
  "/api/v1/timestamp": (request, { authorities }, now) => {
    const { artifactHash } = parse(request) as { artifactHash: string };
    const token = authorities.tsa.timestampDigest(Buffer.from(artifactHash, "base64"), now);
    return { status: 201, headers: { "content-type": "application/timestamp-reply" }, body: token };
  },
};

type SigningRequest = {
  credentials: { oidcIdentityToken: string };
  publicKeyRequest: { publicKey: { content: string } };
};
type ProposedEntry =
  | { kind: "dsse"; spec: { proposedContent: { envelope: string; verifiers: string[] } } }
  | {
      kind: "hashedrekord";
      spec: {
        data: { hash: { value: string } };
        signature: { content: string; publicKey: { content: string } };
      };
    }
  | { kind: "intoto" };
type V2Verifier = { x509Certificate?: { rawBytes: string }; publicKey?: { rawBytes: string } };
type DsseRequest = { envelope: Envelope; verifiers: V2Verifier[] };
type HashedRequest = { digest: string; signature: { content: string; verifier: V2Verifier } };

const parse = (request: Request): unknown => JSON.parse(request.body.toString());
const created = (document: unknown): Reply => ({
  status: 201,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(document),
});

const hex = (base64: string): string => Buffer.from(base64, "base64").toString("hex");

/** Rekor v1 answers a map from entry id to the entry, hashes in hex. */
function rekorV1Reply(entry: LogEntry): Reply {
  const { inclusionProof: proof, inclusionPromise: promise } = entry;
  return created({
    [`24296fb24b8ad77a${hex(proof?.rootHash ?? "").slice(0, 64)}`]: {
      body: entry.canonicalizedBody,
      integratedTime: Number(entry.integratedTime),
      logID: hex(entry.logId.keyId),
      logIndex: Number(entry.logIndex),
      verification: {
        inclusionProof: {
          checkpoint: proof?.checkpoint?.envelope,
          hashes: proof?.hashes.map(hex),
          logIndex: Number(proof?.logIndex),
          rootHash: hex(proof?.rootHash ?? ""),
          treeSize: Number(proof?.treeSize),
        },
        signedEntryTimestamp: promise?.signedEntryTimestamp,
      },
    },
  });
}

function verifierOfBase64Pem(text: string): EntryVerifier {
  const pem = Buffer.from(text, "base64").toString();
  if (!pem.includes("CERTIFICATE")) return { spki: spkiOfPem(pem) };
  return { certificate: Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64") };
}

const verifierOfV2 = (verifier: V2Verifier | undefined): EntryVerifier =>
  verifier?.x509Certificate === undefined
    ? { spki: Buffer.from(verifier?.publicKey?.rawBytes ?? "", "base64") }
    : { certificate: Buffer.from(verifier.x509Certificate.rawBytes, "base64") };

/** The build an identity token speaks of, by the claims of GitHub's and GitLab's tokens; else the e-mail. */
function buildOfToken(token: string): Build {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    string
  >;
  const of = (name: string): string => claims[name] ?? "";
  if (claims["job_workflow_ref"] !== undefined) {
    const workflow = of("workflow_ref")
      .replace(`${of("repository")}/`, "")
      .replace(/@.*$/, "");
    return githubBuild({
      issuer: of("iss"),
      repository: of("repository"),
      repositoryId: of("repository_id"),
      ownerId: of("repository_owner_id"),
      workflow,
      signer: `https://github.com/${of("job_workflow_ref")}`,
      ref: of("ref"),
      commit: of("sha"),
      event: of("event_name"),
      runner: of("runner_environment"),
      runId: of("run_id"),
      visibility: of("repository_visibility"),
    });
  }
  if (claims["project_path"] !== undefined) {
    return gitlabBuild({
      issuer: of("iss"),
      repository: of("project_path"),
      repositoryId: of("project_id"),
      ownerId: of("namespace_id"),
      ref: `refs/${of("ref_type") === "tag" ? "tags" : "heads"}/${of("ref")}`,
      commit: of("sha"),
      event: of("pipeline_source"),
      runner: of("runner_environment"),
      runId: of("job_id"),
      visibility: of("project_visibility"),
    });
  }
  return personBuild(of("email"), of("iss"));
}
