import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { completions } from "../../packaging/completions";
import { parseCommandLine } from "../../src/config/commandline";

const FOLDER = join(__dirname, "..", "..", "..", "packaging", "completions");

test("the completions are those of the table of options", () => {
  const made = completions();
  assert.deepEqual(readdirSync(FOLDER).sort(), [...made.keys()].sort());
  for (const [name, text] of made) {
    assert.ok(readFileSync(join(FOLDER, name), "utf8") === text, `${name} is old: npm run completions`);
  }
});

test("the completions have every option of --help", () => {
  const printed = parseCommandLine(["--help"], () => "");
  assert.equal(printed.kind, "print");
  const options = printed.kind === "print" ? [...printed.text.matchAll(/^ +(?:-(\w), )?--([a-z0-9-]+)/gm)] : [];
  assert.ok(options.length > 50);
  const {
    "pop3.proxy.bash": bash = "",
    "_pop3.proxy": zsh = "",
    "pop3.proxy.fish": fish = "",
  } = Object.fromEntries(completions());
  for (const [, short, long] of options) {
    const name = short === undefined ? "" : `-${short} `;
    assert.match(bash, new RegExp(`^    ${name}--${long}$`, "m"));
    assert.match(zsh, new RegExp(`'\\S*( \\S+)?--${long}[=[]`));
    assert.match(fish, new RegExp(`^complete -c pop3\\.proxy ${name && `-s ${short} `}-l ${long} `, "m"));
  }
});
