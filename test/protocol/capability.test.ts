import assert from "node:assert/strict";
import { test } from "node:test";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../../src/protocol/capability";

test("a server's capabilities are the words of its lines, in capitals, whatever stands between and behind them", () => {
  const found = parseCapabilities(["TOP", "sasl PLAIN\r", "EXPIRE 60", "", "SASL\tXoauth2 ", "\0UIDL\r"]);
  assert.deepEqual(
    [...found],
    [
      ["TOP", []],
      ["SASL", ["PLAIN", "XOAUTH2"]],
      ["EXPIRE", ["60"]],
      ["", []],
      ["UIDL", []],
    ],
  );
});

test("L9: what is let through is passed, cleaned of what could be more than a line", () => {
  const lines = ["TOP", "SASL PLAIN", "EXPIRE 60\rSTLS", "UIDL\x1b[2J", "LOGIN-DELAY 9\0", "IMPLEMENTATION x", "XTOP"];
  assert.deepEqual(passedCapabilities(lines, false), ["TOP", "EXPIRE 60STLS", "LOGIN-DELAY 9"]);
  assert.deepEqual(passedCapabilities([], true), []);
  assert.deepEqual(passedCapabilities(["UTF8 USER", "LANG"], true), ["UTF8 USER"]);
  assert.deepEqual(passedCapabilities(["UTF8 USER", "LANG"], false), []);
});

test("L9: before the login USER, SASL, STLS and UTF8 are told only where they are permitted", () => {
  const all = ownCapabilities({ logIn: true, startTls: true, utf8: true, mechanisms: ["PLAIN", "XOAUTH2"] });
  for (const one of ["USER", "SASL PLAIN XOAUTH2", "STLS", "UTF8"]) assert.ok(all.includes(one), one);
  const none = ownCapabilities({ logIn: false, startTls: false, utf8: false, mechanisms: ["PLAIN"] });
  assert.ok(none.includes("TOP"));
  for (const one of none) assert.doesNotMatch(one, /USER|SASL|STLS|UTF8/);
  const without = ownCapabilities({ logIn: true, startTls: false, utf8: false, mechanisms: [] });
  assert.doesNotMatch(without.join(" "), /SASL/);
});
