import { join } from "node:path";
import { writeFiles, writeProject, type Fault, type PublishedPackage } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Code } from "@countersign/core";
import { codesOf, openScene, verdictOf, type Scene } from "../scene.ts";
import { cold, expectControl, expectStopped, strictPolicy } from "./attack.ts";

const token = "secret-of-the-user";
const lock = "package-lock.json";
let scene: Scene;
let leaf: PublishedPackage;
beforeEach(async () => {
  scene = await openScene({ npm: { token } });
  writeFiles(scene.environment.home, { ".npmrc": `//${scene.kit.npm.host}/:_authToken=${token}\n` });
  leaf = scene.kit.npm.publish({ name: "leaf" });
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [leaf] });
  scene.policy(strictPolicy(scene));
});
afterEach(() => scene.close());

const credentialsElsewhere = (): readonly string[] =>
  scene.kit.requests
    .credentials()
    .filter(({ server }) => server !== "npm")
    .map(({ server }) => server);

const gigabyte = 1024 ** 3;
type Row = [what: string, fault: (scene: Scene) => Fault, code: Code];
const rows: Row[] = [
  [
    "D29: a redirect to another host",
    ({ kit }) => ({ kind: "redirect", to: `${kit.elsewhere.url}/leaf` }),
    "evidence/redirect-refused",
  ],
  [
    "D29: a permanent redirect to another host",
    ({ kit }) => ({ kind: "redirect", to: `${kit.elsewhere.url}/leaf`, status: 308 }),
    "evidence/redirect-refused",
  ],
  [
    "D29: a redirect to a file",
    () => ({ kind: "redirect", to: "file:///etc/passwd" }),
    "evidence/redirect-refused",
  ],
  [
    "D29: a redirect to plain http elsewhere",
    () => ({ kind: "redirect", to: "http://metadata.example/latest" }),
    "evidence/redirect-refused",
  ],
  [
    "D29: a redirect that names another host with a user name",
    ({ kit }) => ({ kind: "redirect", to: `http://${kit.npm.host}@${kit.elsewhere.host}/leaf` }),
    "evidence/redirect-refused",
  ],
  ["D29: a redirect to itself", () => ({ kind: "redirect", to: "/leaf/1.0.0" }), "evidence/redirect-refused"],
  [
    "D30: a body of 1 GB, declared",
    () => ({ kind: "oversize", bytes: gigabyte, length: "declared" }),
    "evidence/too-large",
  ],
  [
    "D30: a body of 1 GB, undeclared",
    () => ({ kind: "oversize", bytes: gigabyte, length: "chunked" }),
    "evidence/too-large",
  ],
  [
    "D30: a body of 1 GB behind gzip",
    () => ({ kind: "oversize", bytes: gigabyte, encoding: "gzip" }),
    "evidence/too-large",
  ],
  [
    "JSON nested too deep",
    () => ({ kind: "body", body: `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}` }),
    "listing/malformed",
  ],
  ["arrays nested too deep", () => ({ kind: "body", body: "[".repeat(500_000) }), "listing/malformed"],
  ["HTML", () => ({ kind: "body", body: "<html>", contentType: "text/html" }), "listing/malformed"],
  ["bytes that are no text", () => ({ kind: "body", body: Buffer.alloc(1000, 0xff) }), "listing/malformed"],
  ["an empty body", () => ({ kind: "body", body: "" }), "listing/malformed"],
  ["null", () => ({ kind: "body", body: "null" }), "listing/malformed"],
  [
    "a key twice",
    ({ kit }) => ({
      kind: "body",
      body: `{"name":"leaf","version":"1.0.0","version":"1.0.0","dist":{"tarball":"${kit.npm.url}"}}`,
    }),
    "listing/malformed",
  ],
  ["401", () => ({ kind: "status", status: 401 }), "evidence/http-status"],
  ["403", () => ({ kind: "status", status: 403 }), "evidence/http-status"],
  ["204 with nothing", () => ({ kind: "status", status: 204, body: "" }), "evidence/http-status"],
];

describe("D15: servers that do not answer well", () => {
  it.each(rows)("%s", async (_, fault, code) => {
    await expectControl(scene);
    const other = scene.kit.npm.publish({ name: "other" });
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [leaf, other] });
    scene.kit.npm.faults.add({ path: /^\/leaf/, fault: fault(scene) });
    const attacked = await expectStopped(scene, {
      codes: [code],
      at: { path: lock, line: leaf.integrity },
      exit: 2,
    });
    // One package's trouble is nobody else's.
    expect(verdictOf(attacked, "other")).toMatchObject({ outcome: "verified", level: "signed" });
    expect(scene.kit.requests.count({ server: "elsewhere" })).toBe(0);
    expect(credentialsElsewhere()).toEqual([]);
  });

  it("a connection that is cut or reset, every time", async () => {
    await expectControl(scene);
    for (const fault of [{ kind: "cut" }, { kind: "reset" }] as const) {
      scene.kit.npm.faults.clear();
      scene.kit.npm.faults.add({ path: /^\/leaf/, fault });
      const attacked = await scene.run({}, cold(scene));
      expect(codesOf(attacked)).toEqual(["evidence/unreachable"]);
      expect(attacked).toExitWith(2);
    }
  });

  it("a server that stalls: whoever waits may stop, and nothing is decided", async () => {
    await expectControl(scene);
    scene.kit.npm.faults.add({ path: /^\/leaf/, fault: { kind: "stall" } });
    const stop = new AbortController();
    const started = Date.now();
    setTimeout(() => stop.abort(), 200);
    await expect(scene.run({}, { ...cold(scene), signal: stop.signal })).rejects.toThrow(/abort/i);
    expect(Date.now() - started).toBeLessThan(4000);
  });

  it("a good answer after two bad ones is a good answer", async () => {
    scene.kit.npm.faults.add({ path: /^\/leaf/, times: 2, fault: { kind: "status", status: 503 } });
    await expectControl(scene);
  });

  it.each(["text/plain", "image/png"])("D7: an index page as %s", async (contentType) => {
    const { kit, directory } = scene;
    const file = kit.pypi.publish({ name: "leaf" });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    await expectControl(scene);
    kit.pypi.faults.add({ path: /simple/, fault: { kind: "type", contentType } });
    const attacked = await scene.run({}, cold(scene));
    expect(attacked).toExitWith(2);
    expect(
      verdictOf(
        {
          ...attacked,
          report: {
            ...attacked.report,
            lockfiles: attacked.report.lockfiles.filter(({ path }) => path === "uv.lock"),
          },
        },
        "leaf",
      ).level,
    ).toBe("unlocked");
  });
});

describe("D29: credentials go to the hosts that the user or the policy names", () => {
  const project = (npmrc: string): void =>
    scene.write({ ".npmrc": `registry=${scene.kit.npm.url}\n${npmrc}` });
  const variables = { NPM_TOKEN: "other-secret" };

  it("a project file that attaches a variable to another host", async () => {
    await expectControl(scene);
    project(
      `//${scene.kit.elsewhere.host}/:_authToken=\${NPM_TOKEN}\n@evil:registry=${scene.kit.elsewhere.url}/\n`,
    );
    await expectStopped(scene, {
      codes: ["settings/credential-foreign"],
      environment: { variables },
      at: { path: ".npmrc", line: "_authToken" },
    });
    expect(credentialsElsewhere()).toEqual([]);
  });

  it("a project file that makes another host the registry of a lock without addresses", async () => {
    const { kit, directory } = scene;
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: kit.npm.url, packages: [leaf] });
    const request = { lockfiles: ["pnpm-lock.yaml"] };
    await expectControl(scene, { request });
    scene.write({
      ".npmrc": `registry=${kit.elsewhere.url}/\n//${kit.elsewhere.host}/:_authToken=\${NPM_TOKEN}\n`,
    });
    const attacked = await scene.run(request, { ...cold(scene), variables });
    expect(attacked).toExitWith(1);
    expect(codesOf(attacked)).toEqual(
      expect.arrayContaining(["settings/credential-foreign", "source/registry"]),
    );
    expect(credentialsElsewhere()).toEqual([]);
  });

  it("a project file that writes a variable into an address", async () => {
    const { kit, directory } = scene;
    writeProject(directory, { lock: "pnpm-lock.yaml", registry: kit.npm.url, packages: [leaf] });
    const request = { lockfiles: ["pnpm-lock.yaml"] };
    await expectControl(scene, { request });
    scene.write({ ".npmrc": `registry=${kit.elsewhere.url}/\${NPM_TOKEN}/\n` });
    const attacked = await scene.run(request, { ...cold(scene), variables });
    expect(attacked).toExitWith(1);
    expect(kit.requests.all.filter(({ path }) => path.includes("other-secret"))).toEqual([]);
  });

  it("the company's own host, named in the policy, gets the project's variable", async () => {
    const { kit } = scene;
    writeFiles(scene.environment.home, { ".npmrc": "" });
    scene.write({ ".npmrc": `registry=${kit.npm.url}\n//${kit.npm.host}/:_authToken=\${NPM_TOKEN}\n` });
    await expectControl(scene, { environment: { variables: { NPM_TOKEN: token } } });
  });

  it("a lockfile adds no host to those that are asked", async () => {
    await expectControl(scene);
    const { kit } = scene;
    const moved = { ...leaf, tarballUrl: leaf.tarballUrl.replace(kit.npm.url, `${kit.elsewhere.url}/`) };
    writeProject(scene.directory, { lock, registry: kit.npm.url, packages: [moved] });
    await expectStopped(scene, {
      codes: ["source/registry", "evidence/address-refused"],
      at: { path: lock, line: leaf.integrity },
    });
    expect(kit.requests.count({ server: "elsewhere" })).toBe(0);
  });

  it("a home without credentials: 401 is out of reach, not absence", async () => {
    await expectControl(scene);
    writeFiles(join(scene.environment.home), { ".npmrc": "" });
    await expectStopped(scene, { codes: ["evidence/http-status"], exit: 2 });
  });
});
