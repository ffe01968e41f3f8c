/** Faults of a configuration file: each is told with its place and what to do, all at once, and no value is quoted. */

import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { ConfigFault } from "../../src/config/trustedtext";
import { scratch } from "../stage/acp";

/** What stands in a file for a password that somebody has typed into a wrong place. */
const SECRET = "s3cr3t";

/** A service that is in order. */
const SOUND = 'listen = ["1110"]\nserver = "mail"\n';

/** The faults that a file has. */
function faultsOf(file: string, ...argv: string[]): { lines: string[]; status: number } {
  try {
    parseCommandLine(["-f", file, ...argv], () => "");
  } catch (thrown) {
    if (!(thrown instanceof ConfigFault)) throw thrown;
    return { lines: thrown.message.split("\n").map((line) => line.replace(`${file}:`, "")), status: thrown.status };
  }
  return { lines: [], status: 0 };
}

/** Broken files, and what is told of each, line by line. */
const BROKEN: readonly (readonly [text: string, ...told: string[]])[] = [
  // What people write first.
  [
    "[service.a]\nlisten = [110]\nserver = mail.example.org:995",
    "2:10: listen: give an array of texts",
    "3:10: this is no value: a text needs quotes",
  ],
  [`[service.a]\n${SOUND}select = yes`, "4:10: write true or false"],
  [`[service.a]\n${SOUND}select = "yes"`, "4:10: select: give true or false, without quotes"],
  [`[service.a]\n${SOUND}select = 1`, "4:10: select: give true or false"],
  [`timeout = "600"\n[service.a]\n${SOUND}`, "1:11: timeout: give a whole number, without quotes"],
  [`timeout = 0\n[service.a]\n${SOUND}`, "1:11: timeout: give a whole number from 1 to 1000000"],
  [`timeout = 1.5\n[service.a]\n${SOUND}`, "1:11: timeout: give a whole number from 1 to"],
  [`timeout = 010\n[service.a]\n${SOUND}`, "1:11: a number has no zero in front"],
  [`timeout = 10m\n[service.a]\n${SOUND}`, "1:13: this is no number: digits alone, and a text needs quotes"],
  [`timeout = 9007199254740993\n[service.a]\n${SOUND}`, "1:11: this is no number"],
  [`timeout = 2026-01-01\n[service.a]\n${SOUND}`, "1:11: timeout: give a whole number"],
  [`timeout = \n[service.a]\n${SOUND}`, "1:10: a value is missing here"],
  [`timeout\n[service.a]\n${SOUND}`, "1:1: give key = value: a key is the long name of an option"],
  [`timeout: 60\n[service.a]\n${SOUND}`, "1:8: give key = value"],
  ['[service.a]\nlisten = "1110"\nserver = "mail"', "2:10: listen: give an array of texts in quotes"],
  [
    '[service.a]\nlisten = ["1110", "1111/ssl"]\nserver = "mail"',
    "2:19: listen: give [interface:]port[/tls|/starttls]",
  ],
  ['[service.a]\nlisten = [\n  "1110", # a\n  "x",\n]\nserver = "mail"', "4:3: listen: give [interface:]port"],
  // Texts, brackets and lines that are not closed.
  [
    `[service.a]\n${SOUND}greeting = "hello\ntimeout = "x"`,
    "4:12: a quote is missing at the end of this text",
    "5:11: timeout: give a whole number",
  ],
  [`[service.a]\n${SOUND}greeting = 'it's'`, "4:16: this belongs to another line, or a text has a quote too many"],
  [`[service.a]\n${SOUND}greeting = "a\\q"`, "4:15: a backslash begins an escape here"],
  [`[service.a]\n${SOUND}greeting = "a\u0007b"`, "4:14: a control character is not permitted here"],
  [
    '[service.a]\nlisten = ["1110"\nserver = "mail"\nbad = 1',
    "2:17: a comma or a closing bracket is missing here",
    "4:1: there is no such option",
  ],
  ['[service.a]\nlisten = ["1110" "1111"]\nserver = "mail"', "2:18: a comma or a closing bracket is missing here"],
  [`[service.a]\n${SOUND}timeout = 60 select = true`, "4:14: this belongs to another line"],
  [`[service.a\n${SOUND}`, "1:2: a table is a line of its own: [service.NAME]"],
  [`[service.a] timeout = 6\n${SOUND}`, "1:13: a table is a line of its own"],
  // Names.
  [`timeuot = 60\n[service.a]\n${SOUND}`, "1:1: there is no such option: did you mean timeout?"],
  [`[service.a]\n${SOUND}server_tls = "tls"`, "4:1: there is no such option: did you mean server-tls?"],
  [`[service.a]\n${SOUND}password = "${SECRET}"`, "4:1: there is no such option"],
  [`${SECRET} = 1\n[service.a]\n${SOUND}`, "1:1: there is no such option"],
  [`[servce.a]\n${SOUND}[service.b]\n${SOUND}`, "1:1: there is no such table: did you mean [service.NAME]?"],
  [`[service]\n${SOUND}`, "1:1: a service has a name: [service.NAME]"],
  [`[[service]]\n${SOUND}`, "1:1: a table has one pair of brackets, and a name of its own: [service.NAME]"],
  [`[service."a b"]\n${SOUND}`, "1:1: a service's name has letters, digits and -"],
  [`[service.tls]\n${SOUND}`, "1:1: a service's name has letters, digits and -, at most 32, and is no TLS mode"],
  [`[service.a.b]\n${SOUND}`, "1:1: there are no tables inside a service"],
  [`[service.a]\n${SOUND}[service.a]\nselect = true`, "4:1: a is in line 1 already: give it once"],
  [`[service.a]\n${SOUND}server = "other"`, "4:1: server is in line 3 already: give it once"],
  [`service.a.server = "mail"\n[service.a]\n${SOUND}`, "4:1: server is in line 1 already"],
  [`timeout = { seconds = 5 }\n[service.a]\n${SOUND}`, "1:1: there is no such table"],
  [`service = {}\n[servicea]`, "1:1: a service is a table: [service.NAME]", "2:1: there is no such table"],
  [`a${".b".repeat(50_000)} = 1\n[service.a]\n${SOUND}`, "1:1: there is no such table"],
  [
    `"\\u001b[2J\\n" = 1\n"\\u001b[2J\\n" = 2\n[service.a]\n${SOUND}`,
    "1:1: there is no such option",
    '2:1: "\\x1b[2J\\x0a" is in line 1 already: give it once',
  ],
  [`timeout = {}\n[service.a]\n${SOUND}`, "1:11: timeout: give a whole number, without quotes, not a table"],
  // Where an option may stand.
  [`listen = ["1110"]\nserver = "mail"`, "1:1: listen belongs to a service"],
  [`[service.a]\n${SOUND}user = "joe"`, "4:1: user is for the whole process: put it above the first table"],
  [`[service.a]\n${SOUND}max-sessions = 5`, "4:1: max-sessions is for the whole process"],
  [`check = true\n[service.a]\n${SOUND}`, "1:1: check is for the command line alone"],
  [
    `daemon = true\n[service.a]\n${SOUND}`,
    "1:1: daemon is for the command line alone: a service with listen makes a daemon",
  ],
  ["", "1:1: there is no service"],
  // Values.
  [`[service.a]\n${SOUND}server-tls = "ssl"`, "4:14: server-tls: give one of none, starttls, tls"],
  [
    `[service.a]\nlisten = ["1110"]\nserver = "pop3://joe:${SECRET}@mail"`,
    "3:10: server: this is not a server but a URL: give host[:port], such as mail",
  ],
  [
    `[service.a]\nlisten = ["1110"]\nserver = "pop3://joe:12/${SECRET}@mail"`,
    "3:10: server: this is not a server but a URL: give host[:port]",
  ],
  [
    `[service.a]\nlisten = ["1110"]\nserver = ["mail", "joe:${SECRET}@mail"]`,
    "3:19: server: this is not a server: give host[:port] without a user",
  ],
  [`[service.a]\n${SOUND}select = true\nservers = ["a", "b:x", "c"]`, "5:17: servers: this is not a server"],
  [
    `[service.a]\nlisten = ["1110"]\nserver = "mail:995/starttls"`,
    "3:10: server: port 995 always means TLS: leave /starttls out",
  ],
  [`[service.a]\n${SOUND}select = true\nservers = "a\\n${SECRET}:x"`, "5:11: servers: this is not a server"],
  [`[service.a]\n${SOUND}select = true\nservers = "\\n${SECRET}:995/none"`, "5:11: servers: port 995 always"],
  [
    `[service.a]\n${SOUND}acp = "/a\\u001b\\n"`,
    '4:7: acp: "/a\\x1b\\x0a" is not a program that can be run: there is no such file',
  ],
  [`[service.a]\n${SOUND}exempt = ["10.0.0.0/8", "x/8"]`, "4:25: exempt: give addresses, or networks"],
  [
    `[service.a]\n${SOUND}client-log = "/nowhere/${SECRET.slice(0, 3)}"`,
    "4:14: client-log: /nowhere/s3c is not a directory",
  ],
  [`[service.a]\n${SOUND}server-pin = ["${SECRET}"]`, "4:15: server-pin: give a SHA-256"],
  [`[service.a]\n${SOUND}prefix = "LD_"`, "4:10: prefix: give a prefix of your own"],
  // What options need of each other.
  [
    '[service.a]\nlisten = ["1110"]',
    '1:1: [service.a]: no server: name one, such as server = "mail.example.org", or say what selects it: select, map, oauth, or acp with a URL',
  ],
  [`[service.a]\n${SOUND}servers = ["b"]`, "4:1: [service.a]: servers needs select"],
  [`[service.a]\n${SOUND}quarantine = "/tmp"`, "4:1: [service.a]: quarantine needs scan"],
  [
    `[service.a]\n${SOUND}server-ca = "x"`,
    "4:1: [service.a]: server-ca is of no use: the server is spoken to in clear; say server-tls",
  ],
  [
    '[service.a]\nlisten = ["1110/tls"]\nserver = "mail"',
    "1:1: [service.a]: TLS for clients needs tls-cert and tls-key",
  ],
  [
    `server-pin = ["${"0".repeat(64)}"]\n[service.a]\n${SOUND}[service.b]\nlisten = ["1111"]\nselect = true`,
    "1:1: [service.a]: server-pin is of no use",
    "1:1: [service.b]: server-pin needs a fixed server",
  ],
  // Services beside each other.
  [
    `[service.a]\n${SOUND}[service.b]\n${SOUND}`,
    "5:1: a listener of [service.b] is one of [service.a]: give each its own interface or port",
  ],
  [
    `[service.a]\n${SOUND}[service.b]\nlisten = ["127.0.0.1:1110"]\nserver = "mail"`,
    "5:1: a listener of [service.b] is one of [service.a]",
  ],
  [
    '[service.a]\nlisten = ["0.0.0.0:1110", "[::1]:1111", "127.0.0.1:1112"]\nserver = "mail"\n' +
      '[service.b]\nlisten = ["127.0.0.1:1110", "[0:0::1]:1111", "[::]:1112"]\nserver = "mail"',
    ...Array(3).fill("5:1: a listener of [service.b] is one of [service.a]"),
  ],
  [`[service.a]\n${SOUND}[service.b]\nserver = "mail"`, "4:1: [service.b] has no listen, and others have"],
  [`[service.a]\n${SOUND}[service.b]\nlisten = []\nserver = "mail"`, "4:1: [service.b] has no listen"],
  // A listen that can't be read is told once.
  [`[service.a]\n${SOUND}[service.b]\nlisten = "1111"\nserver = "mail"`, "5:10: listen: give an array of texts"],
  [`[service.a]\n${SOUND}[service.b]\nlisten = ["1111/ssl"]\nserver = "mail"`, "5:11: listen: give [interface:]port"],
  [`client-tls = "tls"\n[service.a]\n${SOUND}`, "1:1: client-tls is of no use beside listen"],
];

test("every fault of a file is told with line, column and what to do, and no secret is quoted", (t) => {
  const file = join(scratch(t), "broken.toml");
  assert.ok(BROKEN.length >= 40);
  for (const [text, ...told] of BROKEN) {
    writeFileSync(file, text);
    const { lines, status } = faultsOf(file);
    const wrong = `${text}\n${lines.join("\n")}`;
    assert.equal(status, 78, wrong);
    assert.equal(lines.length, told.length, wrong);
    for (const [index, start] of told.entries()) assert.ok(lines[index]?.startsWith(start), `${start}\n${wrong}`);
    assert.ok(!lines.join().includes(SECRET), wrong);
    // An option is called by its key here, not as on the command line.
    assert.doesNotMatch(lines.join("\n").replaceAll("pop3.proxy --help", ""), /(?<![\w-])--?[a-z]/);
  }
});

test("the faults of a file are told in its order, all of them", (t) => {
  const file = join(scratch(t), "all.toml");
  const texts = BROKEN.slice(0, 15).map(([text]) => text.replace(/\[service\.a\]/g, ""));
  writeFileSync(file, texts.join("\n"));
  const { lines } = faultsOf(file);
  assert.ok(lines.length > 15, lines.join("\n"));
  const numbers = lines.map((line) => Number(line.split(":", 1)[0]));
  assert.deepEqual(
    numbers,
    [...numbers].sort((one, other) => one - other),
  );
});

test("a file with very many faults is soon read: only the first hundred are told", (t) => {
  const file = join(scratch(t), "many.toml");
  for (const line of ["x\n", "x = \n", "x1 = 1\n", "[a]\n", "[[a]]\n", "timeout = [\n"]) {
    writeFileSync(file, line.repeat(1_000_000 / line.length));
    const { lines, status } = faultsOf(file);
    assert.deepEqual([lines.length, lines.at(-1)], [101, " there may be more faults than these 100"], line);
    assert.equal(status, 78);
  }
  writeFileSync(file, `${"#".repeat(1024)}\n`.repeat(1024));
  assert.deepEqual(faultsOf(file), { lines: [" it has more than 1048576 octets"], status: 66 });
});

test("a file that is missing, no file, not UTF-8 or open to others has an exit status of its own", (t) => {
  const folder = scratch(t);
  const file = join(folder, "gateway.toml");
  assert.deepEqual(faultsOf(file), { lines: [" there is no such file"], status: 66 });
  mkdirSync(file);
  assert.deepEqual(faultsOf(file), { lines: [" it is a directory"], status: 66 });
  const other = join(folder, "other.toml");
  writeFileSync(other, Buffer.from("# a\n# b\xff\n", "latin1"));
  assert.deepEqual(faultsOf(other), { lines: ["2:1: this line is not UTF-8: save the file as UTF-8"], status: 78 });
  writeFileSync(other, Buffer.from("# \uFFFD\n# b\n# \xc3", "utf8").subarray(0, -1));
  assert.deepEqual(faultsOf(other), { lines: ["3:1: this line is not UTF-8: save the file as UTF-8"], status: 78 });
  writeFileSync(other, `\uFEFF[service.a]\r\n${SOUND.replaceAll("\n", "\r\n")}`);
  assert.deepEqual(faultsOf(other).lines, []);
  chmodSync(other, 0o646);
  assert.deepEqual(faultsOf(other), { lines: [" every user can write it: chmod o-w it"], status: 77 });
});

test("beside a file, options replace what stands at its top, and -D, --listen and operands are faults", (t) => {
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(
    file,
    `timeout = 60\nauth = "PLAIN"\n[service.a]\n${SOUND}[service.b]\nlisten = ["1111"]\nserver = "mail"\ntimeout = 5`,
  );
  const request = parseCommandLine(["-f", file, "-t", "90", "--drain", "7"], () => "");
  if (request.kind !== "run") assert.fail();
  const { services, process: own } = request.settings;
  assert.deepEqual(
    services.map(({ name, limits }) => [name, limits.inactivity]),
    [
      ["a", 90_000],
      ["b", 5000],
    ],
  );
  assert.equal(own.drain, 7000);
  assert.deepEqual(
    services.map(({ dialogue }) => dialogue.mechanisms),
    [["PLAIN"], ["PLAIN"]],
  );
  for (const [argv, told] of [
    [["-D"], /^-D is of no use beside -f/],
    [["--listen", "110"], /^--listen is of no use beside -f/],
    [["mail"], /^mail is of no use beside -f/],
    [["--changed"], /^--changed needs --check/],
    [["--check", "--from", "192.0.2.1"], /^--from needs --as/],
    [["--as", "joe"], /^--as needs --check/],
  ] as const) {
    assert.throws(() => parseCommandLine(["-f", file, ...argv], () => ""), { message: told });
  }
});

test("where root starts the gateway, the file must be root's", {
  skip: process.getuid?.() !== 0 && "only root can give files to others",
}, (t) => {
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(file, `[service.a]\n${SOUND}`);
  const told = (byRoot: boolean) => {
    try {
      return parseCommandLine(["-f", file], () => "", byRoot).kind;
    } catch (thrown) {
      return (thrown as ConfigFault).message.replace(`${file}: `, `${(thrown as ConfigFault).status} `);
    }
  };
  assert.equal(told(true), "run");
  chownSync(file, 0, 65534);
  chmodSync(file, 0o664);
  assert.equal(told(true), "77 a group can write it: chmod g-w it");
  assert.equal(told(false), "run");
  chownSync(file, 65534, 65534);
  assert.match(told(true), /^77 root starts the gateway, and another user owns the file/);
});
