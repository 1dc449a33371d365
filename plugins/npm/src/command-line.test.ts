import { describe, expect, it } from "vitest";
import { frozenOptions, plan, planNpx, type Plan } from "./command-line.ts";
import { argumentOf } from "./options.ts";

/** The plan in one line. */
function shown(made: Plan): string {
  switch (made.kind) {
    case "pass":
    case "unknown":
      return made.kind;
    case "weakens":
      return `weakens ${made.option}`;
    case "frozen":
    case "install":
      return `${made.kind} ${made.finish}${placed(made)}`;
    case "change":
      return `change ${[made.command, ...made.args].join(" ")} ${made.finish}${placed(made)}`;
    case "run":
      return `run [${made.packages.join(" ")}] ${made.call ?? "-"} [${made.args.join(" ")}]${placed(made)}`;
    case "global":
      return `global ${made.packages.join(" ")}${placed(made)}`;
  }
}
const placed = ({ prefix, everyPlatform }: { prefix: string | null; everyPlatform: boolean }): string =>
  `${prefix === null ? "" : ` in ${prefix}`}${everyPlatform ? " everywhere" : ""}`;

describe("a command line of npm", () => {
  it.each([
    ["", "pass"],
    ["--version", "pass"],
    ["-v", "pass"],
    ["install --help", "pass"],
    ["i evil -h", "pass"],
    ["help install", "pass"],
    ["run build", "pass"],
    ["run build --watch", "pass"],
    ["run-script build -- --x", "pass"],
    ["test", "pass"],
    ["t", "pass"],
    ["start", "pass"],
    ["ls --all", "pass"],
    ["view x", "pass"],
    ["config get registry", "pass"],
    ["login", "pass"],
    ["publish --provenance", "pass"],
    ["pack", "pass"],
    ["pack x@1", "pass"],
    ["pack owner/repository", "unknown"],
    ["audit", "pass"],
    ["audit signatures", "pass"],
    ["audit fix", "unknown"],
    ["cache verify", "pass"],
    ["cache add x", "unknown"],
    ["version patch", "pass"],
    ["version patch -w a", "unknown"],
    ["version patch -w a --no-workspaces-update", "pass"],
    ["rebuild", "unknown"],
    ["rb", "unknown"],
    ["link", "unknown"],
    ["ln x", "unknown"],
    ["edit x", "unknown"],
    ["patch add x", "unknown"],
    ["install-scripts ls", "unknown"],
    ["instal-something", "unknown"],
    ["--allow-git run install", "unknown"],

    ["ci", "frozen install"],
    ["clean-install", "frozen install"],
    ["ic", "frozen install"],
    ["isntall-clean", "frozen install"],
    ["cit", "frozen test"],
    ["sit", "frozen test"],
    ["ci --omit=dev --ignore-scripts", "frozen install"],
    ["ci -w a", "frozen install"],
    ["-C dir ci", "frozen install in dir"],
    ["--prefix dir ci", "frozen install in dir"],
    ["ci --dry-run", "pass"],
    ["ci --force", "frozen install everywhere"],
    ["ci --os=win32", "frozen install everywhere"],
    ["ci --cpu arm64", "frozen install everywhere"],
    ["prune", "frozen install"],
    ["prune x", "unknown"],

    ["install", "install install"],
    ["i", "install install"],
    ["in", "install install"],
    ["isntall", "install install"],
    ["add", "install install"],
    ["it", "install test"],
    ["install-test", "install test"],
    ["install --dry-run", "pass"],
    ["install --package-lock-only", "change install nothing"],
    ["--loglevel silent i", "install install"],
    ["--unknown i", "unknown"],

    ["i x", "change install x install"],
    ["add -D x@^1 @s/y", "change install x@^1 @s/y install"],
    ["install x --save-exact", "change install x install"],
    ["it x", "change install x test"],
    ["i -w a x", "change install x install"],
    ["i al@npm:leaf@1", "change install al@npm:leaf@1 install"],
    ["i owner/repository", "change install owner/repository install"],
    ["i https://files.example/x.tgz", "change install https://files.example/x.tgz install"],
    ["i ./folder", "unknown"],
    ["i file:folder", "unknown"],
    ["i x.tgz", "unknown"],
    ["i .", "unknown"],
    ["i x --no-save", "unknown"],
    ["i x --dry-run", "pass"],
    ["i x --package-lock-only", "change install x nothing"],
    ["up", "change update install"],
    ["u", "change update install"],
    ["upgrade x", "change update x install"],
    ["udpate", "change update install"],
    ["rm x", "change uninstall x install"],
    ["un x", "change uninstall x install"],
    ["unlink x", "change uninstall x install"],
    ["ddp", "change dedupe install"],
    ["find-dupes", "pass"],

    ["i -g x", "global x"],
    ["i --global x@1 y", "global x@1 y"],
    ["--location=global i x", "global x"],
    ["i --location global x", "global x"],
    ["add -g --prefix=dir x", "global x in dir"],
    ["i -g", "unknown"],
    ["i -g ./x", "unknown"],
    ["i -g owner/repository", "unknown"],
    ["up -g", "unknown"],
    ["rm -g x", "pass"],
    ["ls -g", "pass"],

    ["exec tool", "run [] - [tool]"],
    ["x -y tool@1 word", "run [] - [tool@1 word]"],
    ["exec -- tool --flag", "run [] - [tool --flag]"],
    ["exec --package=x -- tool", "run [x] - [tool]"],
    ["exec --package x --package=y -c line", "run [x y] line []"],
    ["exec -c line", "pass"],
    ["exec", "pass"],
    ["exec --package=x", "unknown"],
    ["exec --no tool", "unknown"],
    ["exec --yes=false tool", "unknown"],
    ["exec -w a tool", "unknown"],
    ["exec ./tool", "unknown"],
    ["exec --package=./x tool", "unknown"],
    ["exec owner/repository", "unknown"],
    ["init", "pass"],
    ["init -y", "pass"],
    ["init -w a", "unknown"],
    ["init app dir", "run [] - [create-app dir]"],
    ["create app@latest", "run [] - [create-app@latest]"],
    ["init @s", "run [] - [@s/create]"],
    ["init @s@2", "run [] - [@s/create@2]"],
    ["init @s/app@2", "run [] - [@s/create-app@2]"],
    ["init owner/repository", "unknown"],

    ["ci --no-strict-ssl", "weakens --no-strict-ssl"],
    ["ci --strict-ssl=false", "weakens --no-strict-ssl"],
    ["ci --strict-ssl", "frozen install"],
    ["i --no-package-lock", "weakens --no-package-lock"],
    ["i x --package-lock false", "weakens --no-package-lock"],
    ["i --no-shrinkwrap", "weakens --no-shrinkwrap"],
    ["ci --userconfig file", "weakens --userconfig=file"],
    ["ci --globalconfig=file", "weakens --globalconfig=file"],
    ["exec --no-strict-ssl tool", "weakens --no-strict-ssl"],
  ])("npm %s: %s", (line, expected) => {
    expect(shown(plan(line === "" ? [] : line.split(" ")))).toBe(expected);
  });

  it.each([
    ["tool", "run [] - [tool]"],
    ["-y tool --flag -p x", "run [] - [tool --flag -p x]"],
    ["-p x tool -y", "run [x] - [tool -y]"],
    ["--package=x tool --package y", "run [x] - [tool --package y]"],
    ["-p x -c line", "run [x] line []"],
    ["--no-install tool", "unknown"],
    ["--yes tool", "run [] - [tool]"],
    ["-- tool -h", "run [] - [tool -h]"],
    ["tool --help", "run [] - [tool --help]"],
    ["--help", "pass"],
    ["-v", "pass"],
    ["", "pass"],
    ["github:owner/repository", "unknown"],
    ["--unknown tool", "unknown"],
  ])("npx %s: %s", (line, expected) => {
    expect(shown(planNpx(line === "" ? [] : line.split(" ")))).toBe(expected);
  });

  it("a frozen install keeps the user's options, but for those about changing a lockfile", () => {
    const made = plan(["i", "x", "-D", "--omit=dev", "--ignore-scripts", "-w", "a", "--tag=next"]);
    if (made.kind !== "change") throw new Error(made.kind);
    expect(frozenOptions(made.options).map(argumentOf)).toEqual([
      "--omit=dev",
      "--ignore-scripts",
      "--workspace=a",
    ]);
  });
});
