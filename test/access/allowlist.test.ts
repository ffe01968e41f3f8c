import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AllowList } from "../../src/access/allowlist";
import { parseHostPort } from "../../src/base/address";
import { parseServers } from "../../src/config/servers";
import { LONG } from "../stage/draws";

/** As the routing asks: "no" also for what is not a server at all. */
function answer(list: string, server: string): "no" | "yes" | "guarded" {
  const parsed = parseHostPort(server);
  if (!parsed) return "no";
  const entry = new AllowList(parseServers(list)).permitting(parsed.host, () => parsed.port ?? 110);
  return entry === null ? "no" : entry.wild ? "guarded" : "yes";
}

const TABLE: readonly [list: string, server: string, expected: "no" | "yes" | "guarded"][] = [
  // names as they are
  ["mail.example.org", "mail.example.org", "yes"],
  ["mail.example.org", "MAIL.Example.ORG", "yes"],
  ["Mail.Example.Org", "mail.example.org", "yes"],
  ["mail.example.org", "mail.example.org.", "yes"],
  ["mail.example.org.", "mail.example.org", "yes"],
  ["mail.example.org", "mail.example.orga", "no"],
  ["mail.example.org", "xmail.example.org", "no"],
  ["mail.example.org", "mailxexample.org", "no"],
  ["mail", "mail", "yes"],
  ["a,b , c", "c", "yes"],
  ["a,,b,", "b", "yes"],
  ["", "mail", "no"],
  [",", "mail", "no"],
  // wildcards
  ["*", "mail.example.org", "guarded"],
  ["*.example.org", "mail.example.org", "guarded"],
  ["*.example.org", "a.b.example.org", "guarded"],
  ["*.example.org", "example.org", "no"],
  ["*.example.org", ".example.org", "no"],
  ["mail.*", "mail.evil.test", "guarded"],
  ["mail?.example.org", "mail1.example.org", "guarded"],
  ["mail?.example.org", "mail.example.org", "no"],
  ["mail?.example.org", "mail12.example.org", "no"],
  ["*a*b*", "xxaxxbxx", "guarded"],
  ["*a*b*", "xxbxxaxx", "no"],
  ["???", "abc", "guarded"],
  ["???", "abcd", "no"],
  ["**", "mail", "guarded"],
  ["mail.*,mail.example.org", "mail.example.org", "yes"],
  // ports
  ["mail", "mail:110", "yes"],
  ["mail", "mail:995", "yes"],
  ["mail", "mail:25", "no"],
  ["mail", "mail:22", "no"],
  ["mail:1110", "mail:1110", "yes"],
  ["mail:1110", "mail:1111", "no"],
  ["mail:1110", "mail", "yes"],
  ["mail:*", "mail:25", "yes"],
  ["*:*", "mail:25", "guarded"],
  ["*", "mail:25", "no"],
  ["mail:1110,*", "mail:1110", "yes"],
  ["mail", "mail:0", "no"],
  ["mail:*", "mail:99999", "no"],
  ["mail:*", "mail:110x", "no"],
  ["*", "mail:", "no"],
  // addresses
  ["192.0.2.1", "192.0.2.1", "yes"],
  ["192.0.2.*", "192.0.2.77", "guarded"],
  ["192.0.2.*", "192.0.20.7", "no"],
  ["10.*", "10.1.2.3", "guarded"],
  ["10.*", "110.1.2.3", "no"],
  ["127.0.0.1", "127.1", "no"],
  ["*", "2130706433", "no"],
  ["*", "0x7f.1", "no"],
  ["*", "0177.0.0.1", "no"],
  ["[2001:db8::1]", "[2001:db8::1]", "yes"],
  ["[2001:DB8:0:0::1]", "[2001:db8::1]", "yes"],
  ["[2001:db8::1]", "[2001:0db8:0::0001]:995", "yes"],
  ["[2001:db8::*]", "[2001:db8::77]", "guarded"],
  ["[2001:db8::*]", "[2001:db9::77]", "no"],
  ["[2001:db8::1]:1110", "[2001:db8::1]:1110", "yes"],
  ["[2001:db8::1]", "[2001:db8::1]:1110", "no"],
  ["*", "[::1]", "guarded"],
  ["192.0.2.1", "[::ffff:192.0.2.1]", "no"],
  // what is special elsewhere is plain here
  ["{mail,pop}.example.org", "mail.example.org", "no"],
  ["mail{1..3}", "mail2", "no"],
  ["[mp]ail", "mail", "no"],
  ["[a-z]", "a", "no"],
  ["!mail", "pop", "no"],
  ["!mail", "mail", "no"],
  ["#mail", "mail", "no"],
  ["+(mail)", "mail", "no"],
  ["@(mail|pop)", "pop", "no"],
  ["mai\\l", "mail", "no"],
  ["\\*", "mail", "no"],
  ["!(mail)*", "pop", "no"],
  ["*(a)", "aaa", "no"],
  // what is no host
  ["*", "", "no"],
  ["*", ".", "no"],
  ["*", "..", "no"],
  ["*", "a/b", "no"],
  ["*", "mail/", "no"],
  ["a", "a/", "no"],
  ["*", "a b", "no"],
  ["*", "-oProxyCommand=x", "no"],
  ["*", "mail-", "no"],
  ["kelvin", "\u212aelvin", "no"],
  ["*", "\u212aelvin", "no"],
  ["*s", "mail\u017f", "no"],
  ["*", "b\u00fccher.example", "no"],
  ["*", "mail\u3002example", "no"],
];

test("S5: the list's table", () => {
  assert.ok(TABLE.length >= 60);
  for (const [list, server, expected] of TABLE) {
    assert.equal(answer(list, server), expected, `${list} against ${server}`);
  }
});

/** What ? and * mean, in the plainest words. */
function reference(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*")
    return reference(pattern.slice(1), text) || (text !== "" && reference(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && reference(pattern.slice(1), text.slice(1));
}

test("S5: random patterns and names agree with a plain matcher", () => {
  const host = fc
    .string({ unit: fc.constantFrom("a", "b", ".", "-", "1", "A"), minLength: 1, maxLength: 8 })
    .filter((text) => parseHostPort(text) !== null);
  const pattern = fc.string({
    unit: fc.constantFrom("a", "b", ".", "-", "1", "*", "?", "{", "}", "(", ")", "!", "+", "@", "#", "\\", "|"),
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(pattern, host, (list, text) => {
      const name = parseHostPort(text)?.host as string;
      const plain = list.toLowerCase().replace(/(?<=.)\.$/, "");
      assert.equal(new AllowList(parseServers(list)).permitting(name, () => 110) !== null, reference(plain, name));
    }),
    { numRuns: LONG ? 20_000 : 1000 },
  );
});

test("S5: entries that can't be understood are faults", () => {
  for (const list of ["::1", "2001:db8::1", "mail:0", "mail:65536", ":110", "mail:x", "a:1:2", "[::1]x"]) {
    assert.throws(() => new AllowList(parseServers(list)), /not a server/, list);
  }
});

test("S5: a hostile pattern or name costs little", () => {
  const list = new AllowList(parseServers(`${"a*".repeat(120)}b`));
  const began = process.cpuUsage().user;
  for (let i = 0; i < 100; i++) list.permitting("a".repeat(253), () => 110);
  assert.ok(process.cpuUsage().user - began < 2_000_000);
});
