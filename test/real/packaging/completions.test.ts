/** The completions in the shells that they are for: each is interactive, on a terminal of its own. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lacking, program, run } from "../programs";
import { put, scratch } from "../scratch";

const FOLDER = join(__dirname, "..", "..", "..", "..", "packaging", "completions");

/**
 * Types lines into a shell on a terminal, one when the shell has said what the one before it was to make it say. The
 * arguments: a folder, the shell's words, and in JSON the lines, each with what the shell says then. Prints all that the
 * shell has said.
 */
const TYPIST = `
import json, os, pty, select, sys, time
lines = json.loads(sys.argv[3])
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(sys.argv[1])
    words = json.loads(sys.argv[2])
    os.execvp(words[0], words)
said, last, seen = b"", time.monotonic(), 0
for line, answer in lines:
    os.write(terminal, line.encode())
    while answer.encode() not in said[seen:] and time.monotonic() - last < 120:
        if not select.select([terminal], [], [], 1)[0]: continue
        try: said += os.read(terminal, 65536)
        except OSError: break
        last = time.monotonic()
    seen = len(said)
os.close(terminal)
sys.stdout.buffer.write(said)
`;

interface Shell {
  /** Its words, without what a user has set. */
  readonly words: (completion: string) => readonly string[];
  /** The first lines. */
  readonly setting: (completion: string) => string;
  readonly file: string;
}

const SHELLS: Readonly<Record<string, Shell>> = {
  bash: {
    words: () => ["bash", "--noprofile", "--norc", "-i"],
    setting: (file) => `source ${file}; pop3.proxy() { printf 'got %s;' "$@"; }`,
    file: "pop3.proxy.bash",
  },
  zsh: {
    words: () => ["zsh", "-f", "-i"],
    setting: () => `fpath=(${FOLDER} $fpath); autoload -U compinit; compinit -u -D; pop3.proxy() printf 'got %s;' $@`,
    file: "_pop3.proxy",
  },
  fish: {
    words: () => ["fish", "--no-config", "--interactive"],
    setting: (file) => `source ${file}; function pop3.proxy; printf 'got %s;' $argv; end`,
    file: "pop3.proxy.fish",
  },
};

/** What is typed, where TAB completes, and what the command gets: "--option=value" is the same as two words. */
const COMPLETIONS: readonly (readonly [string, readonly string[]])[] = [
  ["--foreg\t --serv\t-tls st\t x", ["--foreground", "--server-tls", "starttls", "x"]],
  ["--server-tls=st\t x", ["--server-tls", "starttls", "x"]],
  ["-f gate\t -u roo\t", ["-f", "gateway.toml", "-u", "root"]],
  ["--quarantine inf\t x", ["--quarantine", "infected", "x"]],
  ["--facility loc\t3 --log-f\tj\t", ["--facility", "local3", "--log-format", "json"]],
  ["--auth PLAIN,XO\t x", ["--auth", "PLAIN,XOAUTH2", "x"]],
];

async function completes(t: TestContext, shell: string): Promise<void> {
  const { words, setting, file } = SHELLS[shell] as Shell;
  const home = scratch(t);
  put(join(home, "gateway.toml"), "");
  mkdirSync(join(home, "infected"));
  const path = join(FOLDER, file);
  const lines = [
    [`${setting(path)}; printf 'be%s\\n' gun\n`, "begun"],
    ...COMPLETIONS.map(([typed], index) => [`pop3.proxy ${typed}; printf 'end-%s\\n' ${index}\n`, `end-${index}`]),
  ];
  const { code, stdout, stderr } = await run(
    program("python3"),
    ["-c", TYPIST, home, JSON.stringify(words(path)), JSON.stringify(lines)],
    { env: { HOME: home, TERM: "dumb", XDG_CONFIG_HOME: home, XDG_DATA_HOME: home }, limit: 240 },
  );
  assert.equal(code, 0, stderr);
  const said = stdout.toString();
  for (const [index, [typed, gets]] of COMPLETIONS.entries()) {
    const [, got = ""] = new RegExp(`((?:got [^;]*;)*)end-${index}`).exec(said) ?? [];
    const given = [...got.matchAll(/got ([^;]*);/g)].flatMap(([, word = ""]) => word.replace(/\/$/, "").split("="));
    assert.deepEqual(given, gets, `${typed}: ${said}`);
  }
}

for (const shell of Object.keys(SHELLS)) {
  test(`${shell} completes options and their values`, { skip: lacking(shell, "python3"), timeout: 300_000 }, (t) =>
    completes(t, shell),
  );
}
