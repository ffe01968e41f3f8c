/**
 * The README of the examples: its tables and its commands are what really happens.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { replies } from "../../src/protocol/replies";
import { scratch, script } from "../stage/acp";
import { startGateway } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { ask, askInside, changed, EXAMPLES, GRANTED } from "./question";

const README = readFileSync(join(EXAMPLES, "README.md"), "utf8");

/** The indented blocks of the section with this heading, without their indent. */
function blocks(heading: string): string[] {
  const [, section = ""] = README.split(new RegExp(`^#+ ${heading}$`, "m"));
  const [text = ""] = section.split(/^#/m);
  return [...text.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.replace(/^ {4}/gm, ""));
}

/** A block of a section as a file that can be run. @returns its path */
function blockFile(t: TestContext, heading: string, index = 0): string {
  const path = join(scratch(t), "block");
  writeFileSync(path, blocks(heading)[index] as string, { mode: 0o755 });
  return path;
}

/** The rows of the tables whose first column is in code, as their columns. */
function rows(): string[][] {
  return README.split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((column) => column.trim().replace(/^`(.*)`$/, "$1")))
    .map((columns) => columns.slice(1, -1));
}

test("the table of variables is what show-variables shows", async () => {
  const table = rows().filter(([name]) => name?.startsWith("PROXY_"));
  const example = (name: string) => table.find(([row]) => row === `PROXY_${name}`)?.[1] as string;
  const { said } = await ask(["show-variables"], {
    client: example("CLIENT"),
    host: example("SERVER"),
    port: Number(example("SERVERPORT")),
    user: example("SERVERLOGIN"),
    proxyUser: example("USERNAME"),
    proxyPassword: example("PASSWD"),
  });
  const shown = said.map((line) => Buffer.from(line, "latin1").toString());
  const expected = table.map(([name, value]) => (name === "PROXY_PASSWD" ? `${name}=***` : `${name}=${value}`));
  assert.equal(table.length, 9);
  assert.deepEqual(shown, expected.sort());
});

test("the programs of the folder are those of the table, and can be run", () => {
  const table = rows().map(([name]) => name as string);
  const files = readdirSync(EXAMPLES).filter((name) => name !== "README.md");
  for (const name of files) {
    assert.ok(table.includes(name), name);
    assert.match(README, new RegExp(`^### ${name}$`, "m"));
    accessSync(join(EXAMPLES, name), constants.X_OK);
    const [shebang] = readFileSync(join(EXAMPLES, name), "utf8").split("\n");
    assert.match(shebang as string, /^#!\/(?:bin\/sh|usr\/bin\/env node)$/);
  }
  assert.equal(files.length, 5);
});

test("the command lines are ones that the gateway takes", () => {
  const lines = README.match(/^ {4}pop3\.proxy .*$/gm) ?? [];
  assert.equal(lines.length, 6);
  for (const line of lines) {
    const here = line.replaceAll(/(?:\/etc\/pop3\.proxy|acp-examples)\//g, `${EXAMPLES}/`);
    const words = execFileSync("sh", ["-c", `set -- ${here}; shift; printf '%s\\n' "$@"`], { encoding: "utf8" });
    const request = parseCommandLine(words.trim().split("\n"), () => "");
    assert.ok(request.kind === "run" && request.settings.services[0].access.acp, line);
  }
});

test("the table of exit statuses: what the client hears is what it says", async (t) => {
  const [, table = ""] = README.split("## Exit status\n");
  const line = (start: string) => table.split("\n").find((row) => row.startsWith(`| ${start}`)) ?? "";
  const own = (...lines: string[]) => script(t, ...lines);
  const ends = [
    ["0, and descriptor 3", own("echo NONSENSE >&3")],
    ["75", own("exit 75")],
    ["any other", own("exit 1")],
    ["any other", own("exit 127")],
    ["a signal", own("kill -TERM $$")],
    ["a signal", ["/does/not/exist"]],
  ] as const;
  for (const [row, acp] of ends) {
    const { verdict } = await ask(acp, {});
    assert.ok(line(row).includes(`\`${verdict}\``), `${row}: ${verdict}`);
  }
  assert.equal((await ask(own("echo '-ERR [SYS/TEMP] later'; exit 75"), {})).verdict, "-ERR [SYS/TEMP] later");
});

test("standard error goes to the log by 100 lines, and to /dev/stderr nothing can be written", async (t) => {
  const { said } = await ask(script(t, "i=0; while [ $i -lt 150 ]; do echo $i >&2; i=$((i+1)); done"), {});
  assert.equal(said.length, 100);
  const { verdict } = await ask(script(t, "echo x > /dev/stderr || exit 1"), {});
  assert.notEqual(verdict, GRANTED);
});

test("trying one by hand prints what it says", (t) => {
  const [commands, printed] = blocks("Try one by hand");
  const env = { ...process.env, TMPDIR: scratch(t) };
  const cwd = join(EXAMPLES, "..");
  assert.equal(execFileSync("sh", ["-c", commands as string], { cwd, env, encoding: "utf8" }), printed);
});

test("the program of five lines does what it says", async (t) => {
  const own = blockFile(t, "Write your own");
  assert.equal(readFileSync(own, "utf8").trim().split("\n").length, 5);
  const verdict = async (user: string) => (await ask([own], { user })).verdict;
  for (const user of ["root", "a:b"]) assert.equal(await verdict(user), "-ERR [AUTH] not by mail", user);
  assert.equal((await ask([own], { user: "joe@example.org" })).route?.host, "new.example.org");
  for (const user of ["joe", "$(id)", "*"]) assert.equal(await verdict(user), GRANTED, user);
});

test("the file of client-networks permits what its comments say", async (t) => {
  const path = blockFile(t, "client-networks", 1);
  const may = async (client: string, host: string) =>
    (await askInside(["client-networks", path], { client, host })).verdict === GRANTED;
  assert.ok(await may("192.0.2.1", "mail.example.com"));
  assert.ok(await may("2001:db8:7::1", "a.example.org"));
  assert.ok(!(await may("192.0.2.1", "other.example")));
  assert.ok(await may("192.0.2.9", "other.example"));
  for (const client of ["203.0.113.1", "2001:db8::1", "192.0.2.1"]) assert.ok(await may(client, "pop.example.net"));
  assert.ok(!(await may("203.0.113.1", "mail.example.com")));
});

test("the file of user-map leads where its comments say", async (t) => {
  const path = blockFile(t, "user-map", 1);
  const to = async (user: string) => {
    const { route } = await askInside(["user-map", path], { user, host: "old.example.org" });
    return route && `${route.user}>${route.host}:${route.port}`;
  };
  assert.equal(await to("jim@example.org"), "jim@example.org>new.example.org:110");
  assert.equal(await to("joe@example.org"), "joe@example.org>old.example.org:110");
  assert.equal(await to("joe@example.net"), "joe-example.net>2001:db8::25:110");
  assert.equal(await to("joe"), "joe>old.example.org:110");
});

test("through a whole gateway: values come in their one form, whatever the client's spelling", async (t) => {
  const gateway = await startGateway(1, {
    select: true,
    servers: "[2001:db8::1],MAIL.Example.org:1110",
    acp: [refusing(t)],
  });
  t.after(() => gateway.close());
  const said = async (user: string, password: string) => {
    gateway.log.length = 0;
    const client = await Peer.connect(gateway.port);
    await client.line();
    await client.ask(`USER ${user}`);
    assert.equal(await client.ask(`PASS ${password}`), replies.accessUnknown);
    client.destroy();
    return gateway.log.flatMap(({ fields }) => (fields.said === undefined ? [] : [String(fields.said)]));
  };
  const six = await said("me:joe@[2001:DB8:0::0001]", "a:b:c");
  for (const line of ["SERVER=2001:db8::1", "SERVERPORT=110", "SERVERLOGIN=joe", "USERNAME=me", "PASSWD=***"])
    assert.ok(six.includes(`PROXY_${line}`), `${line} in ${six}`);
  const name = await said("joe@x@mail.EXAMPLE.org.:1110", "a:b:c");
  for (const line of ["SERVER=mail.example.org", "SERVERPORT=1110", "SERVERLOGIN=joe@x", "USERNAME=", "PASSWD="])
    assert.ok(name.includes(`PROXY_${line}`), `${line} in ${name}`);
  assert.ok(name.includes("PROXY_CLIENT=127.0.0.1") && name.includes("PROXY_INTERFACE=127.0.0.1"));
  assert.ok(name.includes(`PROXY_PORT=${gateway.port}`));
});

/** A copy of show-variables that can't tell, so that nothing is connected. */
function refusing(t: TestContext): string {
  return changed(t, "show-variables", "exit 0", "exit 75");
}
