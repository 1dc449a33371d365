import { execFileSync } from "node:child_process";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  formatSealDocument,
  formatSshSignature,
  hmacSealKey,
  pae,
  readSealDocument,
  sealKeyOf,
  sealTypes,
  sshKeyBlob,
  sshSignedData,
  sshString,
  verifySealSignature,
  type SealAlgorithm,
  type SealKey,
  type Signed,
  type TrustRoot,
} from "@countersign/core";
import {
  createTestDirectory,
  startTestkit,
  writeFiles,
  writeProject,
  type Testkit,
} from "@countersign/testkit";
import { timeProcess } from "./process.ts";
import { median, printTable, type Row } from "./table.ts";

const packageCount = 3000;
const attestedCount = 450;
const rounds = 11;
const executable = resolve(import.meta.dirname, "../../packages/cli/bin/countersign.mjs");

/** (f) A sealed lockfile against an empty Node.js and against full verification, and what one signature costs. */
export async function benchSeals(): Promise<void> {
  await benchSealed();
  benchSignatures();
}

async function benchSealed(): Promise<void> {
  await using kit = await startTestkit();
  const directory = createTestDirectory("bench-seals");
  try {
    const project = layOut(kit, directory.path);
    const trust = kit.writeTrust(directory.path);
    const environment = {
      PATH: process.env["PATH"],
      HOME: join(directory.path, "home"),
      COUNTERSIGN_CACHE_DIR: join(directory.path, "cache"),
    };
    const ours = (...args: string[]): Promise<number> =>
      timeProcess([executable, ...args], project, environment);
    const root = ["--trusted-root", trust.trustedRoot, "--npm-keys", trust.npmKeys];
    const keys = writeKeys(directory.path);
    await ours(
      "trust",
      "init",
      "--signer",
      `alice=${keys}/alice-public.pem`,
      "--root-key",
      `${keys}/root.pem`,
    );
    const bot = ["release-bot", "--public-key", `${keys}/bot-public.pem`, "--predicates", "summary"];
    await ours("trust", "add", ...bot, "--key", `${keys}/root.pem`, "--yes");
    await ours("sign", "--approve", "--key", `${keys}/alice.pem`, "--yes", ...root);
    await ours("sign", "--summary", "--key", `${keys}/bot.pem`, "--yes", ...root);
    // What npm would leave behind does not matter here: nothing is installed, so a dry run finds everything missing.
    rmSync(join(project, "node_modules"), { recursive: true, force: true });
    const contestants = [
      { name: "node -e 0", run: () => timeProcess(["-e", "0"], project, environment) },
      { name: "verify, sealed", run: () => ours("verify", "--offline") },
      { name: "restore --dry-run, sealed", run: () => ours("restore", "--dry-run", "--offline") },
      { name: "verify, evidence stored", run: () => ours("explain", "package-0", "--offline", ...root) },
    ];
    const times = contestants.map(() => [] as number[]);
    for (let round = 0; round < rounds; round += 1)
      for (const [index, { run }] of contestants.entries()) times[index]?.push(await run());
    const floor = median(times[0] ?? []);
    const rows = contestants.map(({ name }, index): Row => {
      const ms = median(times[index] ?? []);
      return [name, `${ms.toFixed(0)} ms`, `${(ms / floor).toFixed(2)}×`];
    });
    printTable(`(f) ${packageCount} packages, ${attestedCount} attested; median of ${rounds}`, rows);
  } finally {
    directory.remove();
  }
}

function layOut(kit: Testkit, directory: string): string {
  const project = join(directory, "project");
  const packages = Array.from({ length: packageCount }, (_, index) =>
    kit.npm.publish({ name: `package-${index}`, provenance: index < attestedCount }),
  );
  writeProject(project, { lock: "package-lock.json", registry: kit.npm.url, packages });
  writeFiles(project, {
    ".countersign/policy.yaml": `version: 1
mode: strict
registries: [{ url: "${kit.npm.url}", ecosystem: npm }]
require: [{ ecosystem: npm, names: ["**"], level: signed }]
groups: { maintainers: [alice], ci: [release-bot] }
seal: { approval: { threshold: 1, signers: [maintainers] }, summary: { signers: [ci], maxAge: 30d } }
`,
  });
  const git = (...args: string[]): void => void execFileSync("git", args, { cwd: project, stdio: "ignore" });
  git("init", "-q");
  git("add", "-A");
  return project;
}

function writeKeys(directory: string): string {
  const folder = join(directory, "keys");
  for (const name of ["root", "alice", "bot"]) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    writeFiles(folder, {
      [`${name}.pem`]: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      [`${name}-public.pem`]: publicKey.export({ type: "spki", format: "pem" }).toString(),
    });
    execFileSync("chmod", ["600", join(folder, `${name}.pem`)]);
  }
  return folder;
}

type Maker = { name: SealAlgorithm; key: SealKey; sign: (encoded: Uint8Array) => Signed };

/** Milliseconds to sign and to verify one seal with each kind of key that lies in this process. */
function benchSignatures(): void {
  const payload = Buffer.alloc(4096, "a");
  const secret = Buffer.alloc(32, 7);
  const runs = 200;
  const rows = makers(secret).map(({ name, key, sign: make }): Row => {
    const encoded = pae(sealTypes.payload, payload);
    const text = formatSealDocument(sealTypes.payload, payload, make(encoded));
    const root = { version: 1, signers: [{ id: "alice", keys: [key], identities: [] }], revoked: [] };
    const trust = {
      root: root as unknown as TrustRoot,
      secrets: new Map([["SECRET", secret]]),
      bundles: null,
    };
    const verify = (): void => {
      const read = readSealDocument(Buffer.from(text));
      if (!read.ok || !verifySealSignature(read.value, trust).ok) throw new Error(`${name} does not verify`);
    };
    return [name, `sign ${each(runs, () => make(encoded))} ms`, `verify ${each(runs, verify)} ms`];
  });
  printTable(`(f) one seal of 4 KiB; mean of ${runs}`, rows);
}

function makers(secret: Buffer): Maker[] {
  const pairs = [
    { name: "ed25519", pair: generateKeyPairSync("ed25519"), hash: null },
    { name: "ecdsa-p256-sha256", pair: generateKeyPairSync("ec", { namedCurve: "P-256" }), hash: "sha256" },
  ] as const;
  const plain = pairs.map(({ name, pair, hash }): Maker => {
    const read = sealKeyOf(name, pair.publicKey);
    if (!read.ok) throw new Error(read.detail);
    const { keyid } = read.key;
    return {
      name,
      key: read.key,
      sign: (encoded) => ({
        signature: sign(hash, encoded, { key: pair.privateKey, dsaEncoding: "der" }),
        material: { kind: "key", keyid },
      }),
    };
  });
  const shared = hmacSealKey("SECRET", secret);
  const pair = generateKeyPairSync("ed25519");
  const ssh = sealKeyOf("sshsig-ed25519", pair.publicKey);
  if (!ssh.ok) throw new Error(ssh.detail);
  const publicKey = sshKeyBlob(ssh.key);
  if (!shared.ok) throw new Error(shared.detail);
  const { key } = shared;
  return [
    ...plain,
    {
      name: "sshsig-ed25519",
      key: ssh.key,
      sign: (encoded) => {
        const data = sshSignedData(sealTypes.sshNamespace, "sha512", encoded);
        const raw = Buffer.concat([sshString("ssh-ed25519"), sshString(sign(null, data, pair.privateKey))]);
        const fields = {
          publicKey,
          namespace: sealTypes.sshNamespace,
          hash: "sha512",
          signature: raw,
        } as const;
        return {
          signature: formatSshSignature(fields),
          material: { kind: "ssh", keyid: ssh.key.keyid },
        };
      },
    },
    {
      name: "hmac-sha256",
      key,
      sign: (encoded) => ({
        signature: createHmac("sha256", secret).update(encoded).digest(),
        material: { kind: "hmac", keyid: key.keyid },
      }),
    },
  ];
}

function each(runs: number, work: () => unknown): string {
  for (let run = 0; run < runs / 4; run += 1) work();
  const start = performance.now();
  for (let run = 0; run < runs; run += 1) work();
  return ((performance.now() - start) / runs).toFixed(3);
}
