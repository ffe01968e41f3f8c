import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLine } from "../../src/log/json";
import { line } from "../../src/log/line";

test("G1: whatever a value holds, it stays one value on one line of ASCII", () => {
  const nasty = [
    "a b",
    'a"b',
    "a\\b",
    "a\r\nkern.emerg x",
    "\x1b[2J",
    "a\tb",
    "%s%n",
    "\u2028x",
    "\xff\xfe",
    "\0",
    "",
    "=",
    "x".repeat(10_000),
    "user=root close",
  ];
  for (const value of nasty) {
    const text = line("login", { user: value, server: "mail" });
    assert.match(text, /^login user=(?:[!#-[\]-~]+|"(?:[^"\\]|\\.)*") server=mail$/);
    assert.match(text, /^[ -~]+$/);
    assert.ok(text.length < 1200);
  }
});

test("undefined values are left out", () => {
  assert.equal(line("close", { user: undefined, seconds: 3 }), "close seconds=3");
});

test("the service stands before the session, in both forms", () => {
  const origin = { service: "inside", session: "s.1", client: "192.0.2.7" };
  const fields = { port: 4321, interface: "192.0.2.1" };
  assert.equal(
    line("connect", fields, origin),
    "connect service=inside session=s.1 client=192.0.2.7 port=4321 interface=192.0.2.1",
  );
  assert.equal(
    line("listen", { interface: "::", port: 110 }, { service: "a" }),
    "listen service=a interface=:: port=110",
  );
  assert.match(jsonLine("connect", fields, origin), /"event":"connect","service":"inside","session":"s\.1","client":/);
});
