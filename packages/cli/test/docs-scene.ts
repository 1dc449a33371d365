import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { writeFiles, writeProject, type PublishedPackage } from "@countersign/testkit";
import { run, type Ran } from "./host.ts";
import { openScene, type Scene } from "./scene.ts";

/**
 * One fenced block of a page, with the comment that stands before it:
 *
 *     <!-- alice -->            the commands are alice's: on her machine, in her clone
 *     <!-- bob, exit 1 -->      the last command ends so; all others end 0
 *     <!-- alice, file PATH --> the block is the whole file
 *     <!-- not run: needs … --> the block is only counted
 */
export type Step = { line: number; language: string; text: string; directive: string };

export function stepsOf(page: string): Step[] {
  const text = readFileSync(resolve(import.meta.dirname, "../../../docs", page), "utf8");
  return [...text.matchAll(/^<!-- (.+) -->\n\n```([a-z]+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length + 2,
    language: match[2] ?? "",
    text: match[3] ?? "",
    directive: match[1] ?? "",
  }));
}

/** How many blocks of a page are commands, whether a comment says whose they are or not. */
export const consoleBlocks = (page: string): number =>
  readFileSync(resolve(import.meta.dirname, "../../../docs", page), "utf8").match(/^```console$/gm)?.length ??
  0;

export const isNotRun = ({ directive }: Step): boolean => /^not run: needs .{3,}/.test(directive);

/**
 * The repository https://forge.example/acme/app with one npm lockfile, on the machines of several people. What a page
 * says is done as it stands, but for:
 *
 * - the registry of the pages, https://npm.acme.example/, is the kit's;
 * - `countersign` is run in this process, and a person at the terminal says yes. Of the shell it has `~`, quotes,
 *   `$NAME`, `> FILE` and `N<FILE`;
 * - `export NAME=…` holds for the person's later commands;
 * - `~/received` is one folder for all: it stands for however people hand each other public keys;
 * - programs that ask for a passphrase get none;
 * - names in `substitutions` are what the page cannot know, such as a key's id.
 */
export type DocsScene = {
  kit: Scene["kit"];
  home(person: string): string;
  clone(person: string): string;
  /** Writes package.json and package-lock.json. */
  project(person: string, ...packages: readonly PublishedPackage[]): void;
  /** Runs a block, and gives what its last command came to. */
  perform(step: Step, substitutions?: Readonly<Record<string, () => string>>): Promise<Ran>;
  close(): Promise<void>;
};

const address = "https://forge.example/acme/app.git";

/** @param policy what `.countersign/policy.yaml` has in the first commit; null: there is none */
export async function openDocsScene(people: readonly string[], policy: string | null): Promise<DocsScene> {
  const scene = await openScene();
  const { kit, setting } = scene;
  const root = setting.scratch;
  const machine = (person: string): string => join(root, person);
  const home = (person: string): string => join(machine(person), "home");
  const clone = (person: string): string => join(machine(person), "app");
  const exported = new Map<string, Record<string, string>>();
  const variablesOf = (person: string): Record<string, string> => ({
    PATH: process.env["PATH"] ?? "",
    HOME: home(person),
    ...exported.get(person),
  });
  const shell = (person: string, directory: string, line: string): Ran => {
    const ran = spawnSync("sh", ["-c", line], {
      cwd: directory,
      encoding: "utf8",
      env: variablesOf(person),
      input: "",
    });
    return { exitCode: ran.status ?? 1, out: ran.stdout, err: ran.stderr };
  };
  const must = (ran: Ran): void => {
    if (ran.exitCode !== 0) throw new Error(`${ran.out}${ran.err}`);
  };
  const project: DocsScene["project"] = (person, ...packages) =>
    void writeProject(clone(person), { lock: "package-lock.json", packages, registry: kit.npm.url });

  const origin = join(root, "origin.git");
  mkdirSync(join(root, "received"));
  for (const [index, person] of people.entries()) {
    writeFiles(home(person), {
      ".gitconfig": `[user]\n\tname = ${person}\n\temail = ${person}@acme.example\n[init]\n\tdefaultBranch = main\n[pull]\n\trebase = false\n[url "${origin}"]\n\tinsteadOf = ${address}\n[advice]\n\tdetachedHead = false\n`,
    });
    symlinkSync(join(root, "received"), join(home(person), "received"));
    if (index === 0) {
      must(
        shell(person, root, `git init -q --bare "${origin}" && git clone -q ${address} "${clone(person)}"`),
      );
      project(person, kit.npm.publish({ name: "leaf" }));
      if (policy !== null)
        writeFiles(clone(person), {
          ".countersign/policy.yaml": policy.replaceAll("https://npm.acme.example/", kit.npm.url),
        });
      must(
        shell(person, clone(person), "git add -A && git commit -qm first && git push -q origin HEAD:main"),
      );
      must(shell(person, clone(person), "git branch -q -u origin/main"));
    } else must(shell(person, root, `git clone -q ${address} "${clone(person)}"`));
  }

  const countersign = async (person: string, line: string): Promise<Ran> => {
    const opened: number[] = [];
    const { words, output } = wordsOf(line, home(person), variablesOf(person));
    const args = words.slice(1).flatMap((word, index, all) => {
      const redirected = /^(\d)<(.+)$/.exec(word);
      if (redirected !== null) return [];
      if (all[index - 1] !== "--passphrase-fd") return [word];
      const file = all.find((each) => each.startsWith(`${word}<`))?.slice(word.length + 1) ?? "";
      opened.push(openSync(resolve(clone(person), file), "r"));
      return [String(opened.at(-1))];
    });
    try {
      const ran = await run(
        {
          ...setting,
          directory: clone(person),
          scratch: machine(person),
          variables: {
            COUNTERSIGN_CACHE_DIR: join(machine(person), "cache"),
            ...variablesOf(person),
          },
          answer: true,
        },
        ...args,
      );
      if (output !== null) writeFileSync(resolve(clone(person), output), ran.out);
      return ran;
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  };

  const perform: DocsScene["perform"] = async (step, substitutions = {}) => {
    const { person, file, exit } = directiveOf(step);
    const text = Object.entries(substitutions).reduce(
      (all, [name, value]) => (all.includes(name) ? all.replaceAll(name, value()) : all),
      step.text.replaceAll("https://npm.acme.example/", kit.npm.url),
    );
    if (file !== null) {
      const path = resolve(clone(person), file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      return { exitCode: 0, out: "", err: "" };
    }
    const lines = text.split("\n").filter((line) => line !== "");
    let ran: Ran = { exitCode: 0, out: "", err: "" };
    for (const [index, line] of lines.entries()) {
      const setting = /^export ([A-Z_]+)=(.*)$/.exec(line);
      if (setting !== null) {
        ran = shell(person, clone(person), `printf %s ${setting[2] ?? ""}`);
        exported.set(person, { ...exported.get(person), [setting[1] ?? ""]: ran.out });
      } else
        ran = line.startsWith("countersign ")
          ? await countersign(person, line)
          : shell(person, clone(person), line);
      const wanted = index === lines.length - 1 ? exit : 0;
      if (ran.exitCode !== wanted)
        throw new Error(`line ${step.line + 1 + index}: ${line}\nends ${ran.exitCode}\n${ran.out}${ran.err}`);
    }
    return ran;
  };
  return { kit, home, clone, project, perform, close: () => scene.close() };
}

function directiveOf({ directive, line }: Step): { person: string; file: string | null; exit: number } {
  const parsed = /^([a-z]+)(?:, file (\S+)|, exit (\d))?$/.exec(directive);
  if (parsed === null) throw new Error(`line ${line}: nobody knows what ${directive} means`);
  return { person: parsed[1] ?? "", file: parsed[2] ?? null, exit: Number(parsed[3] ?? 0) };
}

/** The words of a command line as a shell makes them, and where its output goes. */
function wordsOf(
  line: string,
  home: string,
  variables: Readonly<Record<string, string>>,
): { words: string[]; output: string | null } {
  const words = [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word
      .replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? "")
      .replace(/^(\d<)?~\//, `$1${home}/`)
      .replaceAll(/\$([A-Z_]+)/g, (_, name: string) => variables[name] ?? ""),
  );
  const at = words.indexOf(">");
  return at === -1 ? { words, output: null } : { words: words.slice(0, at), output: words[at + 1] ?? null };
}
