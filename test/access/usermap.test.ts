/** The user map of --map: what its lines mean, what is wrong with them, and what 200,000 of them cost. */

import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { readUserMap } from "../../src/access/mapfile";
import { matches, Patterns } from "../../src/access/patterns";
import { Routing } from "../../src/access/routing";
import { loginAt, type UserMap } from "../../src/access/usermap";
import { lowered } from "../../src/base/lowered";
import { scratch } from "../stage/acp";
import { LONG } from "../stage/draws";
import { settingsFor, type Wishes } from "../stage/settings";

/** A map with this text. */
function mapOf(t: TestContext, text: string | Buffer): Promise<UserMap> {
  const file = join(scratch(t), "map");
  writeFileSync(file, text);
  return readUserMap(file);
}

/** Where a login goes by this map. */
function outcome(map: UserMap, user: string, wishes: Wishes = {}): string {
  const routing = new Routing(settingsFor({ server: null, map: map.file, ...wishes }).services[0], map);
  const octets = Buffer.from(user).toString("latin1");
  const route = routing.route({ user: octets, secret: { kind: "password", password: "p" } });
  if (route.kind === "denial") return route.code;
  const places = [route, ...route.others].map(({ host, port, tls }) => `${host}:${port}/${tls}`).join();
  return `${Buffer.from(route.user, "latin1")}>${places}`;
}

test("exact names win over patterns, patterns are tried in their order, and case does not matter", async (t) => {
  const map = await mapOf(
    t,
    [
      "# a migration",
      "*@example.org   new.example.org/starttls",
      "Joe@Example.org\told.example.org:1110   # still there",
      "j*@example.net  a.example.net,b.example.net:995",
      "*@example.net   c.example.net/none  %n",
      "jörg@*          d.example.org       %d-%n%%%u",
      "???             e.example.org       three",
      "",
      "a?b             f.example.org\r",
    ].join("\n"),
  );
  for (const [user, expected] of [
    ["joe@example.org", "joe@example.org>old.example.org:1110/none"],
    ["JOE@EXAMPLE.ORG", "JOE@EXAMPLE.ORG>old.example.org:1110/none"],
    ["bob@example.org", "bob@example.org>new.example.org:110/starttls"],
    ["joe@example.net", "joe@example.net>a.example.net:110/none,b.example.net:995/tls"],
    ["Bob@example.net", "Bob>c.example.net:110/none"],
    ["jörg@x.example", "x.example-jörg%jörg@x.example>d.example.org:110/none"],
    ["JöRG@x", "x-JöRG%JöRG@x>d.example.org:110/none"],
    ["abc", "three>e.example.org:110/none"],
    ["a?b", "three>e.example.org:110/none"],
    ["nobody", "no-server"],
  ] as const) {
    assert.equal(outcome(map, user), expected, user);
  }
  assert.equal(map.size, 7);
});

test("the map is asked behind the client's selection, before the default server, and needs neither", async (t) => {
  const map = await mapOf(t, "joe mapped\n*@corp mapped2 %n\n* other\n");
  const listed = { select: true, servers: "listed" };
  for (const [wishes, user, expected] of [
    [{}, "joe", "joe>mapped:110/none"],
    [{ server: { host: "default", port: null } }, "joe", "joe>mapped:110/none"],
    [listed, "joe@listed", "joe>listed:110/none"],
    [listed, "joe@mapped", "not-listed"],
    [listed, "joe", "joe>mapped:110/none"],
    [listed, "joe@corp@", "joe>mapped2:110/none"],
    [{ serverTls: "tls" }, "joe", "joe>mapped:995/tls"],
    [{ acp: ["/bin/true"] }, "pu:joe", "joe>mapped:110/none"],
    [{ delimiters: "%" }, "x%y", "x%y>other:110/none"],
  ] as const) {
    assert.equal(outcome(map, user, wishes), expected, user);
  }
  const few = await mapOf(t, "joe mapped %d\n");
  assert.equal(outcome(few, "joe"), "no-user", "LOGIN is empty");
  assert.equal(outcome(few, "bob", { server: { host: "default", port: 1110 } }), "bob>default:1110/none");
});

test("the parts of a name are those at its last delimiter", () => {
  assert.equal(loginAt("%n|%d|%u|%%", "a@b@c", "@"), "a@b|c|a@b@c|%");
  assert.equal(loginAt("%n|%d", "abc", "@"), "abc|");
  assert.equal(loginAt("%n|%d", "a%b", "@%"), "a|b");
  assert.equal(loginAt("%n", "a$&b", "@"), "a$&b");
});

test("faults name their lines, several at once, and the file", async (t) => {
  const text = [
    "joe",
    "joe mail:995/none",
    "joe mail extra more",
    "joe mail %x",
    "joe mail %",
    "bob mail",
    "BOB other",
    "* mail",
    "* other",
    "a\u0001b mail",
    "x pop3://u:s3cr3t@mail",
  ].join("\n");
  await assert.rejects(mapOf(t, text), (thrown: Error) => {
    for (const told of [
      /^\S+map: line 1: give a server behind the name; /,
      /line 2: "?mail:995"?.* always means TLS/,
      /line 3: give PATTERN SERVER \[LOGIN\]/,
      /line 4: %x means nothing/,
      /line 5: % means nothing/,
      /line 7: bob is in line 6 already/,
      /line 9: \* is in line 8 already/,
      /line 10: there is a control character/,
      /line 11: .*URL/,
    ]) {
      assert.match(thrown.message, told);
    }
    assert.doesNotMatch(thrown.message, /s3cr3t|\n/);
    return true;
  });
  await assert.rejects(mapOf(t, "x\n".repeat(100)), (thrown: Error) => thrown.message.split(";").length === 10);
  await assert.rejects(mapOf(t, `x mail\n${"y".repeat(9000)} mail\n`), {
    message: /: line 2: it has more than 8192 octets$/,
  });
  await assert.rejects(mapOf(t, Buffer.alloc(1_000_000, "x")), { message: /: line 1: it has more than 8192 octets$/ });
  const folder = scratch(t);
  await assert.rejects(readUserMap(join(folder, "none")), { message: `${folder}/none: there is no such file` });
  mkdirSync(join(folder, "folder"));
  await assert.rejects(readUserMap(join(folder, "folder")), { message: `${folder}/folder: it is a directory` });
});

test("what would be read as something else than is meant is refused", async (t) => {
  const domain = "no name begins with @: *@example.org is all of a domain";
  const commas = "write several servers with commas, and without blanks, between them";
  for (const [line, told] of [
    ["@example.org new.example.org", domain],
    ["joe a.example.org, b.example.org", commas],
    ["joe ,a.example.org", commas],
  ] as const) {
    const ends = (thrown: Error) => thrown.message.endsWith(`map: line 2: ${told}`);
    await assert.rejects(mapOf(t, `bob mail\n${line}\n`), ends, line);
  }
});

test("a map may begin with a byte order mark, and is not taken while somebody writes into it", async (t) => {
  const map = await mapOf(t, "\uFEFFjoe mail\n");
  assert.equal(outcome(map, "joe"), "joe>mail:110/none");
  const file = join(scratch(t), "map");
  writeFileSync(file, "# comment\n".repeat(50_000));
  let writing = true;
  const write = () => {
    appendFileSync(file, "#");
    if (writing) setImmediate(write);
  };
  write();
  await assert.rejects(readUserMap(file), { message: /map: it was written while it was read: write another file/ });
  writing = false;
  truncateSync(file, 65 * 1024 * 1024);
  await assert.rejects(readUserMap(file), { message: /map: it has more than 67108864 octets$/ });
});

/** What ? and * mean, in the plainest words. */
function reference(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*")
    return reference(pattern.slice(1), text) || (text !== "" && reference(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && reference(pattern.slice(1), text.slice(1));
}

test("random patterns agree with a plain matcher, alone and as the first of many", () => {
  const letters = fc.constantFrom("a", "b", "@", ".", "\xe9");
  const text = fc.string({ unit: letters, maxLength: 8 });
  const pattern = fc.string({ unit: fc.oneof(letters, fc.constantFrom("*", "?")), minLength: 1, maxLength: 7 });
  const numRuns = LONG ? 20_000 : 1000;
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), text, (all, name) => {
      const patterns = new Patterns<number>();
      for (const [index, one] of all.entries()) patterns.add(one, index);
      for (const one of all) assert.equal(matches(one, name), reference(one, name), `${one} ${name}`);
      const first = all.findIndex((one) => reference(one, name));
      assert.equal(patterns.first(name) ?? -1, first);
    }),
    { numRuns },
  );
  assert.equal(lowered("JOE\xc9"), "joe\xc9", "only the case of ASCII does not matter");
});

/** A map of a provider: names of many domains, and patterns. */
function large(): { text: string; names: string[] } {
  const names = Array.from({ length: 200_000 }, (_, i) => `user${i}@customer${i % 5000}.example.org`);
  const lines = names.map((name, i) => `${name} mail${i % 40}.example.org ${i % 2 ? "%n" : `box${i}`}`);
  const patterns = Array.from({ length: 1000 }, (_, i) => {
    if (i % 3 === 0) return `*@domain${i}.example.net mail${i % 40}.example.net`;
    return i % 3 === 1
      ? `sales-${i}-*@* mail.example.com`
      : `${"abcdefgh"[i % 8]}${i}*@hosting.example mail.example.com`;
  });
  return { text: `${[...lines, ...patterns].join("\n")}\n`, names };
}

/**
 * The least of what several runs take, in microseconds of the processor: other tests have it, too. A run that is quick
 * enough is the last.
 */
async function least(runs: number, enough: number, act: () => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs && best >= enough; run++) {
    const began = process.cpuUsage();
    await act();
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, user + system);
  }
  return best;
}

/** What the process has in memory, in MB. */
function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("200,000 names and 1,000 patterns load beside sessions, need 60 MB, and cost a login next to nothing", async (t) => {
  const { text, names } = large();
  const file = join(scratch(t), "large");
  writeFileSync(file, text);
  const before = held();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  let map: UserMap | undefined;
  const loading = await least(4, 1_000_000, async () => {
    map = undefined;
    turns = 0;
    map = await readUserMap(file);
  });
  clearInterval(timer);
  const used = held() - before;
  t.diagnostic(`loaded in ${Math.round(loading / 1000)} ms of CPU, ${Math.round(used)} MB`);
  // The figures are in the diagnostics. A machine may be ten times slower; a way that takes longer with each line is not.
  assert.ok(loading < 10_000_000, `${loading} us`);
  assert.ok(used < 60, `${used} MB`);
  assert.ok(turns >= 5, `${turns} turns of sessions while it loads`);
  assert.equal(map?.size, 201_000);
  const routing = new Routing(settingsFor({ server: null, map: file }).services[0], map);
  const asked = [
    ...["x@domain999.example.net", "sales-1-x@y", "nobody@hosting.example", "nobody@nowhere.example"],
    ...names.slice(0, 4),
  ];
  const secret = { kind: "password", password: "p" } as const;
  const rounds = 500;
  const spent = await least(10, 20 * rounds * asked.length, () => {
    for (let i = 0; i < rounds; i++) for (const name of asked) routing.route({ user: name, secret });
  });
  const each = spent / (rounds * asked.length);
  t.diagnostic(`${each.toFixed(2)} us for a login`);
  assert.ok(each < 200, `${each} us`);
});

test("lines are the same wherever a block ends", async (t) => {
  const lines = Array.from(
    { length: 5000 },
    (_, i) => `${"n".repeat(1 + (i % 97))}${i} mail${i}.example.org:${1 + i} L${i}`,
  );
  for (const end of ["", "\n", "\r\n"]) {
    const map = await mapOf(t, lines.join("\n") + end);
    assert.equal(map.size, lines.length);
    for (const [index, line] of lines.entries()) {
      const [name = "", , login] = line.split(" ");
      const found = map.find(name);
      assert.deepEqual([found?.line, found?.login, found?.servers[0]?.port], [index + 1, login, index + 1]);
    }
  }
});
