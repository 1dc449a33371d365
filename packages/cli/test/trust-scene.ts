import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { createTestDirectory } from "@countersign/testkit";
import { run, type Ran, type Setting } from "./host.ts";

/** A person with a machine and a clone of their own. */
export type Person = {
  name: string;
  directory: string;
  home: string;
  /** Makes a PEM key pair `<name>.pem`, `<name>-public.pem` in the home, and gives the path of each. */
  key(name: string, kind?: "ed25519" | "p256"): { secret: string; open: string };
  git(...args: string[]): string;
  /** `countersign trust …` */
  trust(...args: string[]): Promise<Ran>;
  trustWith(setting: Partial<Setting>, ...args: string[]): Promise<Ran>;
};

export function openTrustScene(): { root: string; person(name: string): Person; close(): void } {
  const root = createTestDirectory("cli-trust");
  const origin = join(root.path, "origin.git");
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", origin]);
  return {
    root: root.path,
    person: (name) => openPerson(root.path, origin, name),
    close: () => root.remove(),
  };
}

function openPerson(root: string, origin: string, name: string): Person {
  const scratch = join(root, name);
  const directory = join(scratch, "app");
  const home = join(scratch, "home");
  mkdirSync(home, { recursive: true });
  execFileSync("git", ["clone", "-q", origin, directory], { stdio: "ignore" });
  const git = (...args: string[]): string =>
    execFileSync(
      "git",
      [
        "-c",
        `user.name=${name}`,
        "-c",
        `user.email=${name}@acme.example`,
        "-c",
        "commit.gpgSign=false",
        ...args,
      ],
      {
        cwd: directory,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
  const trustWith = (setting: Partial<Setting>, ...args: string[]): Promise<Ran> =>
    run({ directory, scratch, ...setting }, "trust", ...args);
  return {
    name,
    directory,
    home,
    git,
    trustWith,
    trust: (...args) => trustWith({}, ...args),
    key: (label, kind = "ed25519") => {
      const { privateKey, publicKey } =
        kind === "ed25519"
          ? generateKeyPairSync("ed25519")
          : generateKeyPairSync("ec", { namedCurve: "P-256" });
      const [secret, open] = [join(home, `${label}.pem`), join(home, `${label}-public.pem`)];
      writeFileSync(secret, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      writeFileSync(open, publicKey.export({ type: "spki", format: "pem" }));
      return { secret, open };
    },
  };
}

/** Alice's clone, with a first commit. */
export function openAlice(): { scene: ReturnType<typeof openTrustScene>; alice: Person } {
  const scene = openTrustScene();
  const alice = scene.person("alice");
  writeFileSync(join(alice.directory, "README.md"), "");
  share(alice, "first");
  return { scene, alice };
}

/** Commits everything, and pushes it to main. */
export function share(person: Person, message: string): void {
  person.git("add", "-A");
  person.git("commit", "-qm", message);
  person.git("push", "-q", "origin", "HEAD:main");
}

export const folder = ({ directory }: Person): string => join(directory, ".countersign/trust");

/** A store of somebody's with one signer, trusted on their machine. */
export async function beginTrust(
  person: Person,
  ...more: string[]
): Promise<{ root: string; signer: string }> {
  const root = person.key("root").secret;
  const signer = person.key("release").open;
  const ran = await person.trust("init", "--root-key", root, "--signer", `ci=${signer}`, ...more);
  expect(ran).toExitWith(0);
  return { root, signer };
}
