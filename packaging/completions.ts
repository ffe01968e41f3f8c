/**
 * Makes the completions of bash, zsh and fish from the table of options: node completions.js FOLDER. A completion knows
 * the options, what --help says of them, and the values that are words, files, folders or users.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OptionRow } from "../src/config/optionrows";
import { OPTIONS } from "../src/config/optiontable";

/** What a shell needs to know of an option. */
interface Completed extends Pick<OptionRow, "choices" | "list" | "repeats" | "help"> {
  /** Without hyphens. */
  readonly short?: string;
  readonly long: string;
  /** What --help calls its value; absent: it takes none. */
  readonly value?: string;
}

/** Those of --help that are in no table. */
const OTHERS = [
  { flags: "-V, --version", help: "the version, with those of Node and OpenSSL" },
  { flags: "-h, --help", help: "this text" },
];

const COMPLETED: readonly Completed[] = [...OPTIONS, ...OTHERS].map(completed);

function completed({ flags, ...rest }: Pick<OptionRow, "flags" | "help">): Completed {
  const [, short, long = "", value] = /^(?:-(\w), )?--([a-z0-9-]+)(?: <(.*)>)?$/.exec(flags) ?? [];
  return { ...rest, long, ...(short && { short }), ...(value && { value }) };
}

const HEAD = "# Made from the table of options by `npm run completions`.\n";

/** The completions by the names of their files in packaging/completions. */
export function completions(): ReadonlyMap<string, string> {
  return new Map([
    ["pop3.proxy.bash", forBash()],
    ["_pop3.proxy", forZsh()],
    ["pop3.proxy.fish", forFish()],
  ]);
}

const names = ({ short, long }: Completed) => [...(short === undefined ? [] : [`-${short}`]), `--${long}`];

/** Text in single quotes, for bash and zsh. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Words of a list of choices; none for files and the like. */
const words = ({ choices }: Completed) => (typeof choices === "object" ? choices.join(" ") : "");

/** The line ends of a list of options are those of the table, so that a change of one option changes one line. */
function forBash(): string {
  const cases = COMPLETED.filter(({ value }) => value !== undefined).map(
    (one) => `    ${names(one).join(" | ")}) ${actionOfBash(one)} ;;\n`,
  );
  const all = COMPLETED.map((one) => `    ${names(one).join(" ")}\n`);
  return `${HEAD}
_pop3_proxy() {
  local options cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --option=value for three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $prev in
${cases.join("")}  esac
  if [[ $cur != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
    return
  fi
  options="
${all.join("")}  "
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

# What bash can complete by itself: an action of compgen.
_pop3_proxy_builtin() {
  [[ $1 == user ]] || compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -A "$1" -- "$cur")
}

# One of these words, or several with commas between.
_pop3_proxy_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}
_pop3_proxy_list() {
  local before=
  [[ $cur != *,* ]] || before=\${cur%,*},
  compopt -o nospace
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "\${cur##*,}")
}

complete -F _pop3_proxy pop3.proxy
`;
}

function actionOfBash(one: Completed): string {
  const { choices, list } = one;
  if (choices === undefined) return "return";
  if (typeof choices === "string") {
    return `_pop3_proxy_builtin ${choices === "folder" ? "directory" : choices}; return`;
  }
  return `_pop3_proxy_${list ? "list" : "words"} ${quoted(words(one))}; return`;
}

function forZsh(): string {
  const specs = COMPLETED.flatMap((one) => {
    const { help, value, repeats, short } = one;
    const excluded = repeats ? "*" : short === undefined ? "" : `(${names(one).join(" ")})`;
    const tail = value === undefined ? "" : `:${escaped(value)}:${actionOfZsh(one)}`;
    return names(one).map((name) => {
      const joined = value === undefined ? "" : name.startsWith("--") ? "=" : "+";
      return `  ${quoted(`${excluded}${name}${joined}[${escaped(help)}]${tail}`)} \\\n`;
    });
  });
  return `#compdef pop3.proxy
${HEAD}
_arguments -s -S \\
${specs.join("")}  '*:server:_hosts'
`;
}

/** What brackets and colons would end. */
const escaped = (text: string) => text.replace(/[\\[\]:]/g, "\\$&");

function actionOfZsh(one: Completed): string {
  const { choices, list } = one;
  if (choices === undefined) return " ";
  if (typeof choices === "string") return { file: "_files", folder: "_files -/", user: "_users" }[choices];
  return list ? `_values -s , value ${words(one)}` : `(${words(one)})`;
}

function forFish(): string {
  const lines = COMPLETED.map((one) => {
    const { short, long, help } = one;
    const name = `${short === undefined ? "" : ` -s ${short}`} -l ${long}`;
    return `complete -c pop3.proxy${name}${actionOfFish(one)} -d '${help.replace(/[\\']/g, "\\$&")}'\n`;
  });
  return `${HEAD}
complete -c pop3.proxy -f -a '(__fish_print_hostnames)'
${lines.join("")}`;
}

function actionOfFish(one: Completed): string {
  const { choices, list, value } = one;
  if (value === undefined) return "";
  if (choices === undefined) return " -x";
  if (choices === "file") return " -r -F";
  if (choices === "folder") return " -x -a '(__fish_complete_directories)'";
  if (choices === "user") return " -x -a '(__fish_complete_users)'";
  return list ? ` -x -a '(__fish_append , ${words(one)})'` : ` -x -a '${words(one)}'`;
}

if (require.main === module) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("give the folder of the completions");
  for (const [name, text] of completions()) writeFileSync(join(folder, name), text);
}
