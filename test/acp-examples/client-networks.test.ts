import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../stage/acp";
import { type Answer, answered, ask, askInside, changed, file, GRANTED, UNKNOWN, unreadable } from "./question";

const DENIED = "-ERR [AUTH] server not permitted from your address";

/** Asks whether a client may use a server. */
function may(path: string, client: string, host: string): Promise<Answer> {
  return askInside(["client-networks", path], { client, host });
}

/** Rows of a client, a server and whether it may be used. */
type Rows = readonly (readonly [string, string, boolean])[];

async function check(path: string, rows: Rows): Promise<void> {
  for (const [client, host, granted] of rows) {
    assert.equal((await may(path, client, host)).verdict, granted ? GRANTED : DENIED, `${client} ${host}`);
  }
}

test("as a process of its own it says what it says inside the test's process", async (t) => {
  const path = file(t, "192.0.2.0/25 mail.example.com", "2001:db8:7::/48 *");
  for (const [words, asked, verdict] of [
    [[path], { client: "192.0.2.1", host: "mail.example.com" }, GRANTED],
    [[path], { client: "2001:db8:7::1", host: "2001:db8::1" }, GRANTED],
    [[path], { client: "192.0.2.1", host: "pop.example.com" }, DENIED],
    [[file(t, "192.0.2.0/33 a")], {}, UNKNOWN],
    [[], {}, UNKNOWN],
  ] as const) {
    const answer = await answered(ask(["client-networks", ...words], asked));
    assert.equal(answer.verdict, verdict);
    assert.deepEqual(answer, await answered(askInside(["client-networks", ...words], asked)));
  }
});

test("networks of any size, addresses, both families; later lines add, and nothing else is permitted", async (t) => {
  const path = file(
    t,
    "# inside",
    "192.0.2.0/25\tmail.example.com,*.example.org",
    "",
    "   2001:db8:7::/48   mail.example.com  ",
    "192.0.2.9 pop.example.net\r",
    "2001:DB8:8::1 pop.example.net",
    "198.51.100.77/24 pop.example.net",
  );
  await check(path, [
    ["192.0.2.0", "mail.example.com", true],
    ["192.0.2.127", "pop.example.org", true],
    ["192.0.2.128", "mail.example.com", false],
    ["192.0.2.9", "mail.example.com", true],
    ["192.0.2.9", "pop.example.net", true],
    ["192.0.2.10", "pop.example.net", false],
    ["2001:db8:7:ffff::1", "mail.example.com", true],
    ["2001:db8:7::1", "pop.example.org", false],
    ["2001:db8:8::1", "pop.example.net", true],
    ["2001:db8:8::2", "pop.example.net", false],
    ["198.51.100.1", "pop.example.net", true],
    ["203.0.113.1", "mail.example.com", false],
    ["::1", "mail.example.com", false],
    ["", "mail.example.com", false],
  ]);
});

test("all of one family is not all of the other", async (t) => {
  await check(file(t, "0.0.0.0/0 four", "::/0 six"), [
    ["192.0.2.1", "four", true],
    ["192.0.2.1", "six", false],
    ["2001:db8::1", "six", true],
    ["2001:db8::1", "four", false],
    ["fe80::1%eth0", "six", true],
  ]);
});

test("in a pattern only ? and * are special, and it matches the whole name", async (t) => {
  await check(file(t, "0.0.0.0/0 Mail?.example.com,*.example.org,-_,2001:db8::*"), [
    ["192.0.2.1", "mail1.example.com", true],
    ["192.0.2.1", "mail.example.com", false],
    ["192.0.2.1", "mail12.example.com", false],
    ["192.0.2.1", "mail1xexample.com", false],
    ["192.0.2.1", "mail1.example.com.evil.test", false],
    ["192.0.2.1", "a.b.example.org", true],
    ["192.0.2.1", "example.org", false],
    ["192.0.2.1", "-_", true],
    ["192.0.2.1", "2001:db8::25", true],
    ["192.0.2.1", "2001:db9::25", false],
  ]);
});

test("a pattern of an address is not met by a name, that of everything is", async (t) => {
  await check(file(t, "192.0.2.1 10.1.*,192.0.2.2?", "192.0.2.2 *"), [
    ["192.0.2.1", "10.1.2.3", true],
    ["192.0.2.1", "192.0.2.25", true],
    ["192.0.2.1", "10.1.evil.test", false],
    ["192.0.2.1", "192.0.2.2a", false],
    ["192.0.2.2", "10.1.evil.test", true],
    ["192.0.2.2", "2001:db8::1", true],
    ["192.0.2.2", "10.1.2.3", true],
  ]);
});

test("a line that can't be understood lets nobody in, and the log tells which", async (t) => {
  const lines = [
    "192.0.2.0/24",
    "192.0.2.0/24 a b",
    "192.0.2.0/24 a, b",
    "192.0.2.0/24 a,",
    "192.0.2.0/33 a",
    "192.0.2.0/ a",
    "192.0.2.0/255.255.255.0 a",
    "192.0.2 a",
    "192.0.2.256 a",
    "2001:db8::/129 a",
    "[2001:db8::]/32 a",
    "fe80::1%eth0 a",
    "host.example a",
    "* a",
    "192.0.2.0/24 [2001:db8::1]",
    "192.0.2.0/24 m{a,b}",
    "192.0.2.0/24 (a|b)",
    "192.0.2.0/24 jörg",
    "192.0.2.0/24 a # why",
    " # indented",
  ];
  const asked = { client: "192.0.2.1", host: "mail.example.com" };
  for (const line of lines) {
    const path = file(t, "0.0.0.0/0 *", "", line);
    const { verdict, said } = await askInside(["client-networks", path], asked);
    assert.equal(verdict, UNKNOWN, line);
    assert.ok(said.join().startsWith(`client-networks: ${path}, line 3: `), said.join());
  }
});

test("a file that is empty permits nothing; one that can't be read, or none, is no verdict", async (t) => {
  assert.equal((await may(file(t), "192.0.2.1", "mail.example.com")).verdict, DENIED);
  for (const path of unreadable(t)) {
    const { verdict, said } = await may(path, "192.0.2.1", "mail.example.com");
    assert.equal(verdict, UNKNOWN, path);
    assert.match(said.join(), /^client-networks: E(?:NOENT|ISDIR)/);
  }
  const { verdict, said } = await askInside(["client-networks"], {});
  assert.deepEqual([verdict, said], [UNKNOWN, ["client-networks: no file given"]]);
});

test("a file that never comes ends with the time limit", async (t) => {
  const path = join(scratch(t), "pipe");
  execFileSync("mkfifo", [path]);
  const { verdict, log } = await ask(["client-networks", path], {}, { acpTimeout: 400 });
  assert.equal(verdict, UNKNOWN);
  assert.match(log, /time limit/);
});

test("another prefix is written in one place; with a wrong one nobody gets in", async (t) => {
  const path = file(t, "192.0.2.77 mail.example.com");
  const { verdict, said } = await askInside(["client-networks", path], {}, { prefix: "ACP_" });
  assert.equal(verdict, UNKNOWN);
  assert.match(said.join(), /there is no PROXY_CLIENT/);
  const renamed = changed(t, "client-networks", 'PREFIX = "PROXY_"', 'PREFIX = "ACP_"');
  assert.equal((await ask([renamed, path], {}, { prefix: "ACP_" })).verdict, GRANTED);
  assert.equal((await askInside([renamed, path], { client: "192.0.2.1" }, { prefix: "ACP_" })).verdict, DENIED);
});
