import type { Command } from "commander";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { wrappedCommands } from "../wrapped-command.ts";

/** A command by its words, with what may follow it. */
type Node = {
  words: readonly string[];
  description: string;
  children: readonly { name: string; description: string }[];
  options: readonly { long: string; description: string }[];
};

const shells: Readonly<Record<string, (nodes: readonly Node[]) => string>> = { bash, zsh, fish, powershell };

/** Prints a completion script made from the program itself. */
export async function completion({ terminal }: Host, shell: string, program: Command): Promise<number> {
  const write = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
  if (write === undefined)
    throw new CommandError(`no completion for ${shell}`, `name one of ${Object.keys(shells).join(", ")}`);
  terminal.out(write(allNodes(program)));
  return 0;
}

function nodesOf(command: Command, words: readonly string[]): Node[] {
  const help = command.createHelp();
  const visible = help.visibleCommands(command).filter((child) => child.name() !== "help");
  const node: Node = {
    words,
    description: command.description(),
    children: visible.map((child) => ({ name: child.name(), description: child.description() })),
    options: help
      .visibleOptions(command)
      .flatMap(({ long, description }) => (long ? [{ long, description }] : [])),
  };
  return [node, ...visible.flatMap((child) => nodesOf(child, [...words, child.name()]))];
}

/** What follows a package manager's name is the manager's own: files are offered there and nothing of ours. */
const wrappedNodes: readonly Node[] = wrappedCommands.map((name) => ({
  words: [name],
  description: `${name} behind the gate`,
  children: [],
  options: [],
}));

/** The nodes of the program, with the package managers beside its own commands. */
function allNodes(program: Command): Node[] {
  const [root, ...nodes] = nodesOf(program, []);
  if (root === undefined) return [];
  const managers = wrappedNodes.map(({ words: [name = ""], description }) => ({ name, description }));
  return [{ ...root, children: [...root.children, ...managers] }, ...nodes, ...wrappedNodes];
}

const candidates = ({ children, options }: Node): string =>
  [...children.map(({ name }) => name), ...options.map(({ long }) => long)].join(" ");
const single = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Words of the line that are commands, as a key: options and what follows them are not looked at. */
function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(
    (node) => `    ${single(node.words.join(" "))}) candidates=${single(candidates(node))} ;;`,
  );
  return `# bash completion for countersign
_countersign() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word candidates=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) break ;; esac
    case " ${pathList(nodes)} " in *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;; *) break ;; esac
  done
  case "\${path//\\// }" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  [ "\${#COMPREPLY[@]}" -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _countersign countersign
`;
}

const pathList = (nodes: readonly Node[]): string =>
  nodes
    .filter(({ words }) => words.length > 0)
    .map(({ words }) => words.join("/"))
    .join(" ");

function zsh(nodes: readonly Node[]): string {
  return `#compdef countersign
autoload -U +X bashcompinit && bashcompinit
${bash(nodes).replace(/^.*\n/, "")}`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ words, children, options }) => {
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none =
      children.length === 0
        ? []
        : [`not __fish_seen_subcommand_from ${children.map(({ name }) => name).join(" ")}`];
    const condition = [...seen, ...none].join("; and ");
    const when = condition === "" ? "" : ` -n ${single(condition)}`;
    return [
      ...children.map(
        ({ name, description }) => `complete -c countersign${when} -f -a ${name} -d ${single(description)}`,
      ),
      ...options.map(
        ({ long, description }) =>
          `complete -c countersign${seen.length === 0 ? "" : ` -n ${single(seen.join("; and "))}`} -l ${long.slice(2)} -d ${single(description)}`,
      ),
    ];
  });
  return `# fish completion for countersign\n${lines.join("\n")}\n`;
}

function powershell(nodes: readonly Node[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const rows = nodes.map((node) => `    ${quote(node.words.join(" "))} = ${quote(candidates(node))}`);
  return `# PowerShell completion for countersign
Register-ArgumentCompleter -Native -CommandName countersign -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $table = @{
${rows.join("\n")}
  }
  $path = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $next = "$path $element".Trim()
    if ($table.ContainsKey($next)) { $path = $next } else { break }
  }
  $table[$path] -split ' ' | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
