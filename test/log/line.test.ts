import assert from "node:assert/strict";
import { test } from "node:test";
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
