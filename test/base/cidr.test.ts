import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithin, parseCidr, showCidr } from "../../src/base/cidr";

const within = (address: string, ...texts: string[]) =>
  isWithin(
    address,
    texts.map((text) => parseCidr(text) ?? assert.fail(text)),
  );

test("networks and single addresses, of both families", () => {
  assert.ok(within("192.0.2.7", "192.0.2.0/24"));
  assert.ok(within("192.0.2.7", "10.0.0.0/8", "192.0.2.7"));
  assert.ok(!within("192.0.2.8", "10.0.0.0/8", "192.0.2.7"));
  assert.ok(within("203.0.113.9", "0.0.0.0/0"));
  assert.ok(!within("2001:db8::1", "0.0.0.0/0"));
  assert.ok(within("2001:DB8:0:1::1", "2001:db8::/32"));
  assert.ok(!within("2001:db9::1", "2001:db8::/32"));
  assert.ok(within("::1", "::1"));
  assert.ok(!within("127.0.0.1", "::/0"));
  assert.ok(!within("192.0.2.7"));
});

test("an IPv4-mapped address is the IPv4 address, on either side; a zone does not matter", () => {
  assert.ok(within("192.0.2.7", "::ffff:192.0.2.0/120"));
  assert.ok(within("::ffff:192.0.2.7", "192.0.2.0/24"));
  assert.ok(within("fe80::1%eth0", "fe80::/10"));
});

test("no address is in no network", () => {
  assert.ok(!within("", "0.0.0.0/0", "::/0"));
  assert.ok(!within("/run/socket", "0.0.0.0/0"));
});

test("what is neither an address nor a network", () => {
  const wrong = [
    "",
    "/",
    "/8",
    "10/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "a.example",
  ];
  for (const text of [...wrong, "010.0.0.1", "0x7f.1", "2130706433", "[::1]", "fe80::1%eth0", "::ffff:10.0.0.0/8"]) {
    assert.equal(parseCidr(text), null, text);
  }
});

test("they are shown as they are written", () => {
  for (const text of ["192.0.2.7", "10.0.0.0/8", "::1", "2001:db8::/32"]) {
    assert.equal(showCidr(parseCidr(text) ?? assert.fail(text)), text);
  }
});
