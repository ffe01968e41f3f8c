import assert from "node:assert/strict";
import { test } from "node:test";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../../src/protocol/capability";

test("a server's capabilities are the first words of its lines, in capitals", () => {
  const found = parseCapabilities(["TOP", "sasl PLAIN", "EXPIRE 60", ""]);
  assert.deepEqual([...found], ["TOP", "SASL", "EXPIRE", ""]);
});

test("L9: what is let through is passed, cleaned of what could be more than a line", () => {
  const lines = ["TOP", "SASL PLAIN", "EXPIRE 60\rSTLS", "UIDL\x1b[2J", "LOGIN-DELAY 9\0", "IMPLEMENTATION x", "XTOP"];
  assert.deepEqual(passedCapabilities(lines), ["TOP", "EXPIRE 60STLS", "LOGIN-DELAY 9"]);
  assert.deepEqual(passedCapabilities([]), []);
});

test("L9: before the login USER and STLS are told only where they are permitted", () => {
  const both = ownCapabilities({ logIn: true, startTls: true });
  assert.ok(both.includes("USER") && both.includes("STLS"));
  const neither = ownCapabilities({ logIn: false, startTls: false });
  assert.ok(!neither.includes("USER") && !neither.includes("STLS") && neither.includes("TOP"));
});
