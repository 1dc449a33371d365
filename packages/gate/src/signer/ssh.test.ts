import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  formatSshPublicKey,
  pae,
  parseSshPublicKey,
  readSshArmour,
  sealTypes,
  sshArmour,
  sshFingerprint,
  sshKeyBlob,
  sshString,
  sshUint32,
  verifySshSignature,
  type PublicSealKey,
} from "@countersign/core";
import { createTestDirectory } from "@countersign/testkit";
import { sealKeyPair } from "../../../core/test/seal-keys.ts";
import { describeSigner } from "../../test/signer-conformance.ts";
import { signerContext, toolMissing } from "../../test/signer-context.ts";
import {
  agentMessage,
  honestAgent,
  startStubAgent,
  wireSignature,
  type AgentAnswer,
  type StubAgent,
} from "../../test/stub-ssh-agent.ts";
import type { SignerContext } from "./signer-context.ts";
import { agentLimits, openSshAgent } from "./ssh-agent.ts";
import { openSsh } from "./ssh.ts";

const scratch = createTestDirectory("ssh");
const agents: StubAgent[] = [];
afterEach(async () => void (await Promise.all(agents.splice(0).map((agent) => agent.close()))));
afterAll(() => scratch.remove());

async function contextWith(
  answer: AgentAnswer,
  changes: Partial<SignerContext> = {},
): Promise<SignerContext> {
  const agent = await startStubAgent(scratch.path, answer);
  agents.push(agent);
  const variables = { PATH: process.env["PATH"], SSH_AUTH_SOCK: agent.socket };
  return signerContext(scratch.path, { variables, ...changes });
}

const payload = Buffer.from("{}");
const content = { type: sealTypes.payload, bytes: payload };
const message = pae(sealTypes.payload, payload);
const algorithms = [
  "sshsig-ed25519",
  "sshsig-ecdsa-p256",
  "sshsig-sk-ed25519",
  "sshsig-sk-ecdsa-p256",
] as const;

describe.skipIf(process.platform === "win32")("a key in an agent", () => {
  for (const algorithm of algorithms) {
    const pair = sealKeyPair(algorithm);
    describeSigner(`ssh-agent with ${algorithm}`, async (signal) => ({
      signer: await openSsh("agent", await contextWith(honestAgent([pair]), { signal })),
      half: { key: pair.key },
    }));
  }

  const pair = sealKeyPair("sshsig-ed25519");
  const other = sealKeyPair("sshsig-ed25519");

  it("says which keys there are, and takes none, where several fit", async () => {
    const context = await contextWith(honestAgent([pair, other], "evil\u001b[2Jname"));
    const said = await openSsh("agent", context).then(() => "opened", String);
    expect(said).toContain("ssh-agent holds 2 keys that fit");
    expect(said).toContain(sshFingerprint(sshKeyBlob(other.key)));
    expect(said).toContain("--ssh ~/.ssh/id_ed25519.pub");
    expect(said).not.toContain("\u001b");
  });

  it("F7: signs with the one that its public file names", async () => {
    writeFileSync(join(scratch.path, "named.pub"), `${formatSshPublicKey(other.key)} alice\n`);
    const signer = await openSsh("named.pub", await contextWith(honestAgent([pair, other])));
    const { signature } = await signer.sign(message, content);
    expect(verifySshSignature(other.key, message, signature)).toBe(true);
    expect(verifySshSignature(pair.key, message, signature)).toBe(false);
  });

  it("says how to add a key that the agent does not hold", async () => {
    writeFileSync(join(scratch.path, "absent one.pub"), `${formatSshPublicKey(other.key)}\n`);
    await expect(openSsh("absent one.pub", await contextWith(honestAgent([pair])))).rejects.toThrow(
      /does not hold the private half of absent one\.pub; ssh-add 'absent one'$/,
    );
  });

  it("asks the person to touch a security key", async () => {
    const told: string[] = [];
    const fido = sealKeyPair("sshsig-sk-ed25519");
    const context = await contextWith(honestAgent([fido]), { tell: (line) => void told.push(line) });
    await (await openSsh("agent", context)).sign(message, content);
    expect(told).toEqual(["Touch the security key to sign with ssh-agent."]);
  });

  const listing = agentMessage(12, sshUint32(1), sshString(sshKeyBlob(pair.key)), sshString("c"));
  const lists: readonly [string, Buffer | null, RegExp][] = [
    ["hangs up", null, /does not speak/],
    ["refuses", agentMessage(5), /refused to list/],
    ["answers something else", agentMessage(14, sshString("x")), /does not speak/],
    ["sends an empty message", sshUint32(0), /does not speak/],
    ["announces 4 GiB", Buffer.from([255, 255, 255, 255, 12]), /does not speak/],
    [
      "announces more keys than it lists",
      agentMessage(12, sshUint32(2), listing.subarray(9)),
      /does not speak/,
    ],
    ["announces four thousand million keys", agentMessage(12, sshUint32(0xffff_ffff)), /does not speak/],
    ["sends more than it announced", Buffer.concat([listing, listing]), /does not speak/],
    [
      "lists with something behind",
      Buffer.concat([sshUint32(listing.length - 3), listing.subarray(4), Buffer.of(0)]),
      /does not speak/,
    ],
    ["lists nothing", agentMessage(12, sshUint32(0)), /holds no Ed25519 or P-256 key; add one: ssh-add/],
    [
      "lists RSA alone",
      agentMessage(12, sshUint32(1), sshString(sshString("ssh-rsa")), sshString("r")),
      /holds no/,
    ],
  ];
  it.each(lists)("refuses an agent that %s", async (_what, answer, expected) => {
    await expect(openSsh("agent", await contextWith(() => answer))).rejects.toThrow(expected);
  });

  const signatures: readonly [string, Buffer | null, RegExp][] = [
    ["hangs up", null, /does not speak/],
    ["refuses", agentMessage(5), /refused to sign; confirm or touch/],
    ["cuts its answer", agentMessage(14, sshUint32(400), Buffer.alloc(9)), /does not speak/],
    [
      "puts something behind it",
      agentMessage(14, sshString(wireSignature(pair, message)), Buffer.of(1)),
      /does not speak/,
    ],
    ["signs with another key", agentMessage(14, sshString(wireSignature(other, message))), /not this key's/],
    [
      "signs something else",
      agentMessage(14, sshString(wireSignature(pair, Buffer.from("x")))),
      /not this key's/,
    ],
    ["signs nothing", agentMessage(14, sshString("")), /not this key's/],
  ];
  it.each(signatures)("F7: refuses a signature of an agent that %s", async (_what, answer, expected) => {
    const signer = await openSsh("agent", await contextWith((type) => (type === 11 ? listing : answer)));
    await expect(signer.sign(message, content)).rejects.toThrow(expected);
  });

  it("waits for no agent for ever, and stops at once on Ctrl-C", async () => {
    const controller = new AbortController();
    const context = await contextWith(() => "silence", { signal: controller.signal });
    const agent = openSshAgent(context, { ...agentLimits, listTime: 50 });
    await expect(agent.identities()).rejects.toThrow(/did not answer in time/);
    const signing = agent.sign(Buffer.alloc(1), Buffer.alloc(1));
    setTimeout(() => controller.abort(new Error("stopped")), 20);
    await expect(signing).rejects.toThrow("stopped");
  });

  it("says how to start an agent where there is none", async () => {
    await expect(openSsh("agent", signerContext(scratch.path))).rejects.toThrow(
      /^no ssh-agent: SSH_AUTH_SOCK is not set; start one/,
    );
    const variables = { SSH_AUTH_SOCK: join(scratch.path, "nobody") };
    await expect(openSsh("agent", signerContext(scratch.path, { variables }))).rejects.toThrow(
      /cannot be reached at .*nobody: ENOENT/,
    );
  });

  it.each([
    ["RSA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== bob"],
    ["nothing", ""],
    ["a page", "<html>"],
  ])("refuses a public file with %s", async (name, line) => {
    writeFileSync(join(scratch.path, `${name}.pub`), line);
    await expect(openSsh(`${name}.pub`, await contextWith(honestAgent([])))).rejects.toThrow(
      /cannot make seals: .*; make one: ssh-keygen -t ed25519/,
    );
  });
});

const missing = toolMissing("ssh-keygen", "-?") ?? toolMissing("ssh-agent", "-?");
const windows = process.platform === "win32";
describe.skipIf(missing !== null || windows)(
  `OpenSSH and ours${missing === null ? "" : ` (${missing})`}`,
  () => {
    const at = (name: string): string => join(scratch.path, name);
    const sshKeygen = (
      args: readonly string[],
      input?: Uint8Array,
    ): { status: number | null; said: string } => {
      const { status, stdout, stderr } = spawnSync("ssh-keygen", args, {
        encoding: "utf8",
        ...(input === undefined ? {} : { input }),
      });
      return { status, said: stdout + stderr };
    };
    const publicKey = (name: string): PublicSealKey => {
      const read = parseSshPublicKey(readFileSync(at(`${name}.pub`), "utf8").trim());
      if (!read.ok) throw new Error(read.detail);
      return read.key;
    };
    const kinds = [
      ["ed25519", ["-t", "ed25519"]],
      ["p256", ["-t", "ecdsa", "-b", "256"]],
    ] as const;
    beforeAll(() => {
      for (const [name, kind] of kinds) sshKeygen([...kind, "-q", "-N", "", "-C", "alice", "-f", at(name)]);
      sshKeygen(["-t", "ed25519", "-q", "-N", "open sesame", "-f", at("locked")]);
      sshKeygen(["-t", "rsa", "-q", "-N", "", "-f", at("rsa")]);
    });

    for (const [name] of kinds)
      describeSigner(`ssh-keygen with an ${name} key`, async (signal) => ({
        signer: await openSsh(name, signerContext(scratch.path, { signal })),
        half: { key: publicKey(name) },
      }));

    const verifyWithOpenSsh = (
      key: PublicSealKey,
      signature: Uint8Array,
      bytes: Uint8Array,
    ): number | null => {
      writeFileSync(
        at("allowed_signers"),
        `alice namespaces="lockfile@countersign" ${formatSshPublicKey(key)}\n`,
      );
      writeFileSync(at("message.sig"), sshArmour(signature));
      const args = ["-Y", "verify", "-f", at("allowed_signers"), "-I", "alice", "-n", "lockfile@countersign"];
      return sshKeygen([...args, "-s", at("message.sig")], bytes).status;
    };

    it.each(kinds.map(([name]) => name))(
      "F7: ssh-keygen -Y verify takes what we sign with %s",
      async (name) => {
        const { signature } = await (await openSsh(name, signerContext(scratch.path))).sign(message, content);
        expect(verifyWithOpenSsh(publicKey(name), signature, message)).toBe(0);
        expect(verifyWithOpenSsh(publicKey(name), signature, Buffer.from("other"))).not.toBe(0);
      },
    );

    it.each(algorithms)(
      "F7: ssh-keygen -Y verify takes our own blob of a %s key in an agent",
      async (algorithm) => {
        const pair = sealKeyPair(algorithm);
        const { signature } = await (
          await openSsh("agent", await contextWith(honestAgent([pair])))
        ).sign(message, content);
        expect(verifyWithOpenSsh(pair.key, signature, message)).toBe(0);
        expect(verifyWithOpenSsh(sealKeyPair(algorithm).key, signature, message)).not.toBe(0);
      },
    );

    it.each(kinds.map(([name]) => name))("F7: we take what ssh-keygen -Y sign makes with %s", (name) => {
      writeFileSync(at("theirs"), message);
      const args = ["-Y", "sign", "-f", at(name), "-n", "lockfile@countersign"];
      for (const hash of ["sha256", "sha512"]) {
        const { status } = sshKeygen([...args, "-O", `hashalg=${hash}`, at("theirs")]);
        expect(status).toBe(0);
        const blob = readSshArmour(readFileSync(at("theirs.sig"), "utf8"));
        expect(verifySshSignature(publicKey(name), message, blob ?? Buffer.alloc(0))).toBe(true);
        spawnSync("rm", [at("theirs.sig")]);
      }
      sshKeygen(["-Y", "sign", "-f", at(name), "-n", "git", at("theirs")]);
      const git = readSshArmour(readFileSync(at("theirs.sig"), "utf8"));
      expect(verifySshSignature(publicKey(name), message, git ?? Buffer.alloc(0))).toBe(false);
      spawnSync("rm", [at("theirs.sig")]);
    });

    it("F7: signs through a real ssh-agent", async () => {
      const socket = at("real-agent");
      const daemon: ChildProcess = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
      try {
        const variables = { PATH: process.env["PATH"], SSH_AUTH_SOCK: socket };
        const add = (): number | null =>
          spawnSync("ssh-add", ["-q", at("p256")], { env: variables, stdio: "ignore" }).status;
        for (let tries = 0; add() !== 0 && tries < 50; tries += 1)
          await new Promise((resolve) => setTimeout(resolve, 50));
        for (const choice of ["agent", "p256.pub"]) {
          const signer = await openSsh(choice, signerContext(scratch.path, { variables }));
          const { signature } = await signer.sign(message, content);
          expect(verifySshSignature(publicKey("p256"), message, signature)).toBe(true);
        }
      } finally {
        daemon.kill();
      }
    });

    it("passes a path with spaces, quotes and a leading hyphen as it is", async () => {
      const name = "-f $(touch owned) 'key'";
      mkdirSync(at("odd"), { recursive: true });
      for (const end of ["", ".pub"]) copyFileSync(`${at("ed25519")}${end}`, `${at("odd")}/${name}${end}`);
      chmodSync(`${at("odd")}/${name}`, 0o600);
      const signer = await openSsh(name, signerContext(at("odd")));
      expect(await signer.keyid()).toBe(publicKey("ed25519").keyid);
      await expect(signer.sign(message, content)).resolves.toBeDefined();
    });

    it("takes no ssh-keygen out of the checked project", async () => {
      const bin = at("node_modules/.bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, "ssh-keygen"), "#!/bin/sh\ntouch owned\n", { mode: 0o755 });
      const context = signerContext(scratch.path, { variables: { PATH: bin } });
      const signer = await openSsh("ed25519", context);
      await expect(signer.sign(message, content)).rejects.toThrow(
        /ssh-keygen is not on PATH; install OpenSSH/,
      );
    });

    it("knows a locked key without its passphrase, and says what ssh-keygen said where nobody can type it", async () => {
      // A session of its own has no terminal: nothing can prompt there.
      const setsid = toolMissing("setsid", "true") === null;
      const bin = at("no-terminal");
      mkdirSync(bin, { recursive: true });
      const real = spawnSync("sh", ["-c", "command -v ssh-keygen"], { encoding: "utf8" }).stdout.trim();
      if (setsid)
        writeFileSync(join(bin, "ssh-keygen"), `#!/bin/sh\nexec setsid -w ${real} "$@"\n`, { mode: 0o755 });
      const variables = { PATH: `${bin}:${process.env["PATH"]}` };
      const signer = await openSsh("locked", signerContext(scratch.path, { variables, project: at("odd") }));
      expect(await signer.keyid()).toBe(publicKey("locked").keyid);
      if (setsid)
        await expect(signer.sign(message, content)).rejects.toThrow(
          /ssh-keygen could not sign with .*locked: .*passphrase.*; try it alone: ssh-keygen -Y sign/,
        );
    });

    it.each([
      ["rsa", /rsa cannot make seals: .*; make one: ssh-keygen -t ed25519/],
      ["damaged", /damaged is damaged: it is no OpenSSH private key/],
      ["a pem", /a pem is no OpenSSH key; use --key 'a pem', or convert it: ssh-keygen -p -f 'a pem'/],
      ["exposed", /exposed can be read by others than its owner/],
    ])("refuses the private file %s", async (name, expected) => {
      const text = readFileSync(at("ed25519"), "utf8");
      writeFileSync(at("damaged"), text.replace("b3BlbnNzaC1rZXktdjE", "b3BlbnNzaC1rZXktdjI"), {
        mode: 0o600,
      });
      writeFileSync(at("a pem"), "-----BEGIN PRIVATE KEY-----\n", { mode: 0o600 });
      writeFileSync(at("exposed"), text);
      chmodSync(at("exposed"), 0o644);
      await expect(openSsh(name, signerContext(scratch.path))).rejects.toThrow(expected);
    });
  },
);
