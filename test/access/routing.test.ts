import assert from "node:assert/strict";
import { test } from "node:test";
import { Routing } from "../../src/access/routing";
import { secretsOf } from "../../src/protocol/credentials";
import { settingsFor, type Wishes } from "../stage/settings";

function routing(wishes: Wishes): Routing {
  return new Routing(settingsFor(wishes).services[0]);
}

/** Where a login goes, as `user|password>host:port`, with a "!" if it is guarded, or the answer that refuses it. */
function outcome(settings: Wishes, user: string, password = "p"): string {
  const route = routing(settings).route({ user, secret: { kind: "password", password } });
  if (route.kind === "denial") return route.reply;
  const proxy = settings.acp ? `${route.proxyUser}|${route.proxyPassword}|` : "";
  return `${proxy}${route.user}|${secretsOf(route)[0]}>${route.host}:${route.port}${route.guarded ? "!" : ""}`;
}

const server = { host: "default", port: null };
const NOT_PERMITTED = "-ERR [AUTH] server not permitted";
const NO_USER = "-ERR [AUTH] no user given";

test("L6: the last delimiter of the set splits; an empty server is the default one", () => {
  const list = { select: true, servers: "mail.host,[2001:db8::1]", server };
  const rows = [
    ["joe@example.org@mail.host", "joe@example.org|p>mail.host:110"],
    ["joe@mail.host:995", "joe|p>mail.host:995"],
    ["joe@", "joe|p>default:110"],
    ["joe@example.org@", "joe@example.org|p>default:110"],
    ["joe", "joe|p>default:110"],
    ["@mail.host", NO_USER],
    ["@", NO_USER],
    ["joe@-", NOT_PERMITTED],
    ["joe@[2001:db8::1]:110", "joe|p>2001:db8::1:110"],
    ["joe@2001:db8::1", NOT_PERMITTED],
    ["joe@mail.host:25", NOT_PERMITTED],
    ["joe@mail.host@", "joe@mail.host|p>default:110"],
  ] as const;
  for (const [user, expected] of rows) assert.equal(outcome(list, user), expected, user);
  assert.equal(outcome({ ...list, server: null }, "joe"), "-ERR [AUTH] no server selected");
  assert.equal(outcome({ ...list, delimiters: "%#" }, "joe@x%y#mail.host"), "joe@x%y|p>mail.host:110");
  assert.equal(outcome({ ...list, delimiters: "%" }, "joe@mail.host"), "joe@mail.host|p>default:110");
  assert.equal(outcome({ server }, "joe@mail.host"), "joe@mail.host|p>default:110", "without -e a name is never split");
});

test("S1, S3, S6: without a list only public addresses, on the ports of POP3", () => {
  const open = { select: true };
  assert.equal(outcome(open, "joe@mail.example.org"), "joe|p>mail.example.org:110!");
  assert.equal(outcome(open, "joe@mail.example.org:995"), "joe|p>mail.example.org:995!");
  for (const port of ["25", "22", "0", "99999", "110x", "1110"])
    assert.equal(outcome(open, `joe@mail.example.org:${port}`), NOT_PERMITTED);
  for (const name of ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "mail\u3002local", "127.0.0.1.", "a..b"]) {
    assert.equal(outcome(open, `joe@${Buffer.from(name).toString("latin1")}`), NOT_PERMITTED, name);
  }
  const unlisted = routing(open);
  const inside = [
    "127.0.0.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "0.0.0.0",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "100::1",
    "4000::1",
  ];
  for (const address of inside)
    assert.match(unlisted.guard(address) ?? "permitted", /is not public; -s \S+ would permit it$/, address);
  for (const address of ["8.8.8.8", "193.0.0.1", "2606:4700::1111", "2a00:1450::1"])
    assert.equal(unlisted.guard(address), null, address);
});

test("S2: a name that a wildcard let in may lead to public addresses, or to such as are on the list as numbers", () => {
  const listed = routing({ select: true, servers: "*.corp.example,10.*,[fd00::*],exact.example" });
  const guarded = (user: string) => {
    const route = listed.route({ user, secret: { kind: "password", password: "p" } });
    return route.kind === "denial" ? route.reply : route.guarded;
  };
  assert.equal(guarded("joe@mail.corp.example"), true);
  assert.equal(guarded("joe@exact.example"), false, "the administrator's word");
  assert.equal(guarded("joe@10.1.2.3"), true);
  assert.equal(listed.guard("10.9.9.9"), null);
  assert.equal(listed.guard("fd00::7"), null);
  assert.equal(listed.guard("8.8.8.8"), null);
  assert.match(listed.guard("127.0.0.1") ?? "", /-s 127\.0\.0\.1/);
  assert.match(listed.guard("fd01::7") ?? "", /-s \[fd01::7\]/);
  const all = routing({ select: true, servers: "*" });
  assert.equal(all.guard("127.0.0.1"), null, "* matches every number, and so opens everything");
});

test("proxy login: only with an acp, the server part first, then the first colon; the password only if the user was split", () => {
  const acp = { acp: ["/bin/true"], server, select: true, servers: "mail.host" };
  const rows = [
    ["pu:su@mail.host", "pp:sp", "pu|pp|su|sp>mail.host:110"],
    ["pu:su:x", "pp:sp:y", "pu|pp|su:x|sp:y>default:110"],
    ["pu:su", "whole", "pu||su|whole>default:110"],
    ["su", "ab:cd", "||su|ab:cd>default:110"],
    [":su", ":sp", "||su|sp>default:110"],
    ["pu:", "pp:sp", NO_USER],
    ["pu:@mail.host", "pp:sp", NO_USER],
  ] as const;
  for (const [user, password, expected] of rows) assert.equal(outcome(acp, user, password), expected, user);
  assert.equal(
    outcome({ server }, "pu:su", "pp:sp"),
    "pu:su|pp:sp>default:110",
    "without an acp colons are left alone",
  );
});
