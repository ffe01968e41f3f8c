import assert from "node:assert/strict";
import { test } from "node:test";
import { network, parseHost, parseHostPort, plainAddress, showHostPort } from "../../src/base/address";

test("hosts are addresses, or labels that can't be taken for one", () => {
  for (const host of [
    "mail",
    "mail.example.org",
    "a_b.example",
    "x-1.org",
    "192.0.2.1",
    "::1",
    "1.example",
    "xn--bcher-kva.example",
  ]) {
    assert.equal(parseHost(host), host);
  }
  assert.equal(parseHost("Mail.Example.ORG."), "mail.example.org");
  for (const zone of ["lo", "eth0.100", "br-1", "2"]) {
    assert.equal(parseHost(`FE80:0::1%${zone}`), `fe80::1%${zone}`);
    assert.deepEqual(parseHostPort(`[fe80::1%${zone}]:995`), { host: `fe80::1%${zone}`, port: 995 });
  }
  const refused = [
    "",
    ".",
    "a..b",
    "-mail",
    "mail-",
    "a.-b",
    "127.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "1.2.3.4.5",
    "a b",
    "a/b",
    "a%b",
    "mail.0x1",
    "ma\0il",
    "m\xe4il",
    "[::1]",
    "x".repeat(64),
    `${"a.".repeat(127)}a`,
  ];
  for (const host of refused) assert.equal(parseHost(host), null, host);
});

test("host, port, and IPv6 in brackets", () => {
  assert.deepEqual(parseHostPort("mail:995"), { host: "mail", port: 995 });
  assert.deepEqual(parseHostPort("mail"), { host: "mail", port: null });
  assert.deepEqual(parseHostPort("[2001:DB8::1]"), { host: "2001:db8::1", port: null });
  assert.deepEqual(parseHostPort("[::1]:110"), { host: "::1", port: 110 });
  for (const text of [
    "mail:",
    "mail:0",
    "mail:65536",
    "mail:110x",
    "mail:1:2",
    "::1",
    "2001:db8::1:110",
    "[::1",
    "[mail]",
    "[]",
    ":110",
    "mail: 110",
    "mail:0000110",
  ]) {
    assert.equal(parseHostPort(text), null, text);
  }
});

test("addresses as they are shown", () => {
  assert.equal(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(plainAddress("2001:db8::1"), "2001:db8::1");
  assert.equal(plainAddress(undefined), "");
  assert.equal(showHostPort("::1", 110), "[::1]:110");
  assert.equal(showHostPort("mail", 110), "mail:110");
});

test("B19: a client is an IPv4 address or an IPv6 /64", () => {
  assert.equal(network("2001:0db8::1"), "2001:db8:0:0");
  assert.equal(network("fe80::1%eth0"), "fe80:0:0:0");
  assert.equal(network("::1"), "0:0:0:0");
  assert.equal(network("192.0.2.1"), "192.0.2.1");
  assert.equal(network("2001:db8:1:2::5"), network("2001:db8:1:2:aaaa:bbbb:cccc:dddd"));
});
