import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createJudge } from "../test/sigstore-verifier.ts";
import { toPem } from "./sigstore/key.ts";
import { startTestkit, type Testkit } from "./testkit.ts";
import { moveLockfile, readVectors, serveNpmLock, servePackuments, servePypiLock } from "./vectors.ts";

const directory =
  process.env["COUNTERSIGN_VECTORS"] ?? resolve(import.meta.dirname, "../../../../shared/vectors");
const vectors = readVectors(directory);

describe.skipIf(vectors === null)("vectors as a registry", () => {
  let kit: Testkit;
  beforeAll(async () => {
    kit = await startTestkit(vectors === null ? {} : { alsoTrust: vectors.trust });
  });
  afterAll(() => kit.close());
  const json = async (url: string, accept = "*/*") =>
    (await (await fetch(url, { headers: { accept } })).json()) as never;

  const signedBy = (keyid: string): string => {
    const key = kit.npmKeysDocument.keys.find((one) => one.keyId === keyid);
    return toPem("PUBLIC KEY", Buffer.from(key?.publicKey.rawBytes ?? "", "base64"));
  };

  it("serves real signatures for real digests and minted ones elsewhere, all by keys of the document", async () => {
    const [real] = [...(vectors?.signatures.keys() ?? [])];
    const [id = "", integrity = ""] = real?.split(" ") ?? [];
    const at = id.lastIndexOf("@");
    const other = `sha512-${Buffer.alloc(64, 1).toString("base64")}`;
    const locked = [
      { name: id.slice(0, at), version: id.slice(at + 1), integrity },
      { name: "minted", version: "1.0.0", integrity: other },
    ];
    expect(serveNpmLock(kit.npm, locked, vectors)).toEqual({ real: [id], minted: ["minted@1.0.0"] });
    for (const { name, version, integrity: digest } of locked) {
      const { dist } = (await json(`${kit.npm.url}${name.replace("/", "%2f")}/${version}`)) as {
        dist: { integrity: string; signatures: { keyid: string; sig: string }[] };
      };
      expect(dist.integrity).toBe(digest);
      const [signature] = dist.signatures;
      const key = createPublicKey(signedBy(signature?.keyid ?? ""));
      expect(
        verify(
          "sha256",
          Buffer.from(`${name}@${version}:${digest}`),
          key,
          Buffer.from(signature?.sig ?? "", "base64"),
        ),
      ).toBe(true);
    }
  });

  it("never serves a real signature for another digest", () => {
    const [real] = [...(vectors?.signatures.keys() ?? [])];
    const id = real?.split(" ")[0] ?? "";
    const at = id.lastIndexOf("@");
    const locked = {
      name: id.slice(0, at),
      version: id.slice(at + 1),
      integrity: `sha512-${Buffer.alloc(64, 2).toString("base64")}`,
    };
    expect(serveNpmLock(kit.npm, [locked], vectors).real).toEqual([]);
  });

  it("serves real attestations, which verify with the united root", async () => {
    expect(vectors?.attestations.size).toBeGreaterThan(5);
    const judge = createJudge(kit.sigstore.trustedRoot);
    const keys = new Map(kit.npmKeysDocument.keys.map((key) => [key.keyId, signedBy(key.keyId)]));
    for (const [key] of vectors?.attestations ?? []) {
      const [id = "", sha512 = ""] = key.split(" ");
      const at = id.lastIndexOf("@");
      const integrity = `sha512-${Buffer.from(sha512, "hex").toString("base64")}`;
      expect(
        serveNpmLock(kit.npm, [{ name: id.slice(0, at), version: id.slice(at + 1), integrity }], vectors)
          .real,
      ).toEqual([id]);
      const { attestations } = (await json(
        `${kit.npm.url}-/npm/v1/attestations/${id.replace("/", "%2f")}`,
      )) as { attestations: { bundle: unknown }[] };
      expect(attestations.map(({ bundle }) => judge(bundle, { keys }))).toEqual(attestations.map(() => null));
    }
  });

  it("serves real provenance for real files", async () => {
    expect(vectors?.provenance.size).toBeGreaterThan(2);
    const [file = ""] = [...(vectors?.provenance.keys() ?? [])];
    const [filename = "", sha256 = ""] = file.split(" ");
    servePypiLock(kit.pypi, [{ project: "real", version: "1", filename, sha256 }], vectors);
    const simple = (await json(`${kit.pypi.simpleUrl}real/`, "application/vnd.pypi.simple.v1+json")) as {
      files: { hashes: { sha256: string }; provenance: string }[];
    };
    expect(simple.files[0]?.hashes.sha256).toBe(sha256);
    expect(await json(simple.files[0]?.provenance ?? "")).toEqual(vectors?.provenance.get(file));
  });

  it("serves real packuments with real attestations, tarball addresses its own", async () => {
    expect(vectors?.packuments.length).toBeGreaterThan(15);
    if (vectors !== null) servePackuments(kit.npm, vectors);
    const { dist } = (await json(`${kit.npm.url}sigstore/5.0.0`)) as {
      dist: { tarball: string; signatures: unknown[]; attestations: { url: string } };
    };
    const { attestations } = (await json(dist.attestations.url)) as {
      attestations: { predicateType: string }[];
    };
    expect(attestations.map(({ predicateType }) => predicateType)).toContain(
      "https://slsa.dev/provenance/v1",
    );
    expect(dist.tarball.startsWith(kit.npm.url)).toBe(true);
    expect(dist.signatures.length).toBeGreaterThan(0);
  });

  it("moves a real lockfile to its own hosts", () => {
    const lock = readFileSync(resolve(directory, "lockfiles/large.package-lock.json"), "utf8");
    const moved = moveLockfile(lock, kit);
    expect(moved).not.toContain("registry.example");
    expect(moved.split(`"resolved": "${kit.npm.url}`)).toHaveLength(2584);
  });
});
