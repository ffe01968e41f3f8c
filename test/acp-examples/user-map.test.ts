import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../stage/acp";
import { type Asked, answered, ask, askInside, changed, file, GRANTED, routed, UNKNOWN, unreadable } from "./question";

const MISCONFIGURED = "-ERR [SYS/PERM] gateway is not set up for this";

/** Where a login goes, as `user>host:port`, or the answer that refuses it. */
async function target(path: string, asked: Asked): Promise<string> {
  const { route, verdict } = await askInside(["user-map", path], asked);
  if (!route) return verdict;
  return `${Buffer.from(route.user, "latin1")}>${route.host}:${route.port}`;
}

/** Rows of a name and where it goes, from port 995 of old.example.org. */
async function check(path: string, rows: readonly (readonly [string, string])[]): Promise<void> {
  for (const [user, expected] of rows) {
    assert.equal(await target(path, { user, host: "old.example.org", port: 995 }), expected, user);
  }
}

test("as a process of its own it says what it says inside the test's process", async (t) => {
  const path = file(t, "@example.org [2001:db8::25]:1110 %u-%d", "@example.net 127.1");
  for (const [words, user, verdict] of [
    [[path], "jörg@example.org", GRANTED],
    [[path], "jim@example.com", GRANTED],
    [[path], "jim@example.net", MISCONFIGURED],
    [[path], "a\rb@example.org", UNKNOWN],
    [[], "jim@example.org", UNKNOWN],
  ] as const) {
    const answer = await answered(ask(["user-map", ...words], { user }));
    assert.equal(answer.verdict, verdict);
    assert.deepEqual(answer, await answered(askInside(["user-map", ...words], { user })));
  }
});

test("the user goes before the domain, and others go where they asked to", async (t) => {
  const path = file(
    t,
    "# moved",
    "@example.org new.example.org",
    "",
    "joe@example.org   old.example.org:1110  ",
    "ann@example.org\t[2001:db8::25]:110\tann.other\r",
    "@example.net [2001:DB8::0:26] %u-%d-%u%%x",
    "@old.example.org bare.example.org",
    "a@b@example.com odd.example.org",
  );
  await check(path, [
    ["jim@example.org", "jim@example.org>new.example.org:995"],
    ["joe@example.org", "joe@example.org>old.example.org:1110"],
    ["ann@example.org", "ann.other>2001:db8::25:110"],
    ["jim@example.net", "jim-example.net-jim%%x>2001:db8::26:995"],
    ["jim@example.com", "jim@example.com>old.example.org:995"],
    ["jim@sub.example.org", "jim@sub.example.org>old.example.org:995"],
    ["joe", "joe>bare.example.org:995"],
    ["a@b@example.com", "a@b@example.com>odd.example.org:995"],
    ["jim@a@example.net", "jim@a-example.net-jim@a%%x>2001:db8::26:995"],
  ]);
});

test("upper and lower case are the same to look up, but the new name is as the client wrote it", async (t) => {
  const path = file(t, "@Example.ORG new.example.org %u@%d", "Joe@example.org joe.example.org");
  await check(path, [
    ["Jim@EXAMPLE.org", "Jim@EXAMPLE.org>new.example.org:995"],
    ["jOE@Example.Org", "jOE@Example.Org>joe.example.org:995"],
  ]);
});

test("names go through as they are, whatever is in them", async (t) => {
  const path = file(t, "@example.org new.example.org %u", "jörg@example.org seven.example.org %u.%d");
  await check(path, [
    ["jörg@example.org", "jörg.example.org>seven.example.org:995"],
    ["$(id)`id`;a'b\"c\\@example.org", "$(id)`id`;a'b\"c\\>new.example.org:995"],
    ["$&$1$`%d%u@example.org", "$&$1$`%d%u>new.example.org:995"],
    ["a b@example.org", "a b>new.example.org:995"],
    ["SERVER=evil@example.org", "SERVER=evil>new.example.org:995"],
    ["日本\u0085\u2028@example.org", "日本\u0085\u2028>new.example.org:995"],
    ["__proto__@example.com", "__proto__@example.com>old.example.org:995"],
  ]);
});

test("a name that no one has, or too long a one, leads nowhere", async (t) => {
  const path = file(t, "@example.org new.example.org %u", "@example.net new.example.org %u%u");
  assert.equal(await target(path, { user: "@example.org" }), MISCONFIGURED, "an empty user");
  assert.equal(await target(path, { user: `${"x".repeat(600)}@example.net` }), MISCONFIGURED);
});

test("a control character never becomes a line of the answer", async (t) => {
  const path = file(t, "@example.org new.example.org %u");
  for (const character of ["\n", "\r", "\t", "\x7f"]) {
    const { verdict, said } = await askInside(["user-map", path], { user: `joe${character}SERVER=evil@example.org` });
    assert.deepEqual([verdict, said], [UNKNOWN, ["user-map: control character in a name"]]);
  }
});

test("who is not in the map keeps the route as it was, its guard too; who is gets the administrator's", async (t) => {
  const path = file(t, "@example.org new.example.org");
  const away = { user: "jim@example.com" };
  assert.deepEqual((await askInside(["user-map", path], away)).route, routed(away));
  const here = { user: "jim@example.org" };
  const led = {
    ...routed(here),
    host: "new.example.org",
    ownTls: undefined,
    selected: false,
    guarded: false,
    because: "the acp",
  };
  assert.deepEqual((await askInside(["user-map", path], here)).route, led);
  assert.deepEqual((await askInside(["user-map", file(t)], here)).route, routed(here), "an empty map");
});

test("a line that can't be understood lets nobody in, and the log tells which", async (t) => {
  const lines = [
    "@example.org",
    "joe new.example.org",
    "joe@ new.example.org",
    "@ new.example.org",
    "@example.org a b c",
    "@example.org new.example.org:",
    "@example.org new.example.org:0",
    "@example.org new.example.org:65536",
    "@example.org new.example.org:pop3",
    "@example.org 2001:db8::1",
    "@example.org [2001:db8::1",
    "@example.org [192.0.2.1]",
    "@example.org [new.example.org]",
    "@example.org [2001:db8::1]995",
    "@example.org new,example",
    "@example.org jörg.example",
    "@EXAMPLE.com new.example.org",
    " # indented",
  ];
  const asked = { user: "jim@example.com" };
  for (const line of lines) {
    const path = file(t, "@example.com new.example.org", "", line);
    const { verdict, said } = await askInside(["user-map", path], asked);
    assert.equal(verdict, UNKNOWN, line);
    assert.match(said.join(), /line 3: (?:not a user or domain, and a server|given twice)$/);
    assert.ok(said.join().startsWith(`user-map: ${path}, `));
  }
});

test("a server that can't be one is the gateway's to refuse", async (t) => {
  for (const server of ["127.1", "a..b", "-a"]) {
    assert.equal(await target(file(t, `@example.org ${server}`), { user: "joe@example.org" }), MISCONFIGURED, server);
  }
});

test("a file that can't be read, or none, is no verdict on the client", async (t) => {
  for (const path of unreadable(t)) {
    const { verdict, said } = await askInside(["user-map", path], {});
    assert.equal(verdict, UNKNOWN, path);
    assert.match(said.join(), /^user-map: E(?:NOENT|ISDIR)/);
  }
  const { verdict, said } = await askInside(["user-map"], {});
  assert.deepEqual([verdict, said], [UNKNOWN, ["user-map: no file given"]]);
});

test("a file that never comes ends with the time limit", async (t) => {
  const path = join(scratch(t), "pipe");
  execFileSync("mkfifo", [path]);
  const { verdict, log } = await ask(["user-map", path], {}, { acpTimeout: 400 });
  assert.equal(verdict, UNKNOWN);
  assert.match(log, /time limit/);
});

test("another prefix is written in one place; with a wrong one nobody gets in", async (t) => {
  const path = file(t, "@example.org new.example.org");
  const asked = { user: "joe@example.org" };
  const { verdict, said } = await askInside(["user-map", path], asked, { prefix: "ACP_" });
  assert.equal(verdict, UNKNOWN);
  assert.match(said.join(), /there is no PROXY_SERVERLOGIN/);
  const renamed = changed(t, "user-map", 'PREFIX = "PROXY_"', 'PREFIX = "ACP_"');
  assert.equal((await ask([renamed, path], asked, { prefix: "ACP_" })).route?.host, "new.example.org");
});
