import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pae, sealTypes } from "@countersign/core";
import {
  createTestDirectory,
  signingConfigOf,
  startOidcIssuer,
  startTestkit,
  type OidcIssuer,
  type Testkit,
} from "@countersign/testkit";
import { signerContext } from "../../test/signer-context.ts";
import { createKeylessBundle } from "./keyless-bundle.ts";
import { openKeyless } from "./keyless.ts";
import { readSigningConfig } from "./signing-config.ts";

/** Where the set-up of e2e puts it; a Python that has it anyway will do too. */
const installed = resolve(import.meta.dirname, "../../../../e2e/managers/node_modules/.sigstore");
const python = (args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync("python3", ["-B", ...args], {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: [installed, process.env["PYTHONPATH"] ?? ""].join(":") },
  });
const missing = python(["-c", "import sigstore.verify"]).status !== 0;
if (missing)
  process.stderr.write("sigstore-python is not installed: node e2e/src/setup.ts; its tests are skipped\n");

describe.skipIf(missing)(`sigstore-python and ours${missing ? " (it is not installed)" : ""}`, () => {
  const scratch = createTestDirectory("sigstore-python");
  const at = (name: string): string => join(scratch.path, name);
  let kit: Testkit;
  let issuer: OidcIssuer;
  beforeAll(async () => {
    [kit, issuer] = await Promise.all([startTestkit(), startOidcIssuer()]);
    writeFileSync(at("root.json"), JSON.stringify(kit.sigstore.trustedRoot));
  });
  afterAll(async () => {
    await Promise.all([kit.close(), issuer.close()]);
    scratch.remove();
  });

  const verify = (identity: string, ...pairs: string[]): string[] => {
    const script = resolve(import.meta.dirname, "../../test/verify_bundle.py");
    const { status, stdout, stderr } = python([script, at("root.json"), identity, issuer.url, ...pairs]);
    expect(status, stderr).toBe(0);
    return stdout.trim().split("\n");
  };
  const write = (name: string, content: unknown): string => {
    writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));
    return at(name);
  };
  const person = "alice@acme.example";

  it.each(["rekor-v1", "rekor-v2"] as const)("F7: it verifies our seal's bundle (%s)", async (log) => {
    const choice = {
      signingConfig: write("config.json", signingConfigOf(kit.sigstore.url, log)),
      fulcioUrl: null,
      rekorUrl: null,
      tsaUrl: null,
      identityTokenFile: null,
      oidcIssuer: null,
    };
    const variables = { SIGSTORE_ID_TOKEN: issuer.token() };
    const signer = await openKeyless(choice, signerContext(scratch.path, { variables }));
    const bytes = Buffer.from(JSON.stringify({ _type: sealTypes.statement, log }));
    const { material } = await signer.sign(pae(sealTypes.payload, bytes), { type: sealTypes.payload, bytes });
    if (material.kind !== "sigstore") throw new Error(material.kind);
    const good = write("good.json", material.bundle);
    const altered = structuredClone(material.bundle) as { dsseEnvelope: { payload: string } };
    altered.dsseEnvelope.payload = Buffer.from("{}").toString("base64");
    const digest = createHash("sha256").update(bytes).digest("hex");
    expect(verify(person, good, "-", write("bad.json", altered), "-")).toEqual([
      `ok ${sealTypes.payload} ${digest}`,
      expect.stringMatching(/^refused VerificationError /),
    ]);
    expect(verify("mallory@acme.example", good, "-")[0]).toMatch(/^refused /);
  });

  it.each(["rekor-v1", "rekor-v2"] as const)("F7: it verifies our signature of a file (%s)", async (log) => {
    const text = JSON.stringify(signingConfigOf(kit.sigstore.url, log));
    const services = readSigningConfig("config.json", text, Date.now());
    const { signal } = new AbortController();
    const bytes = Buffer.from("artefact");
    const bundle = await createKeylessBundle({ kind: "message", bytes }, issuer.token(), services, signal);
    expect(bundle["mediaType"]).toBe("application/vnd.dev.sigstore.bundle.v0.3+json");
    const good = write("file.json", bundle);
    expect(verify(person, good, write("a.txt", "artefact"), good, write("b.txt", "other"))).toEqual([
      "ok",
      expect.stringMatching(/^refused /),
    ]);
  });
});
