/** Which texts of servers the log may have. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutSecrets } from "../../src/protocol/quotation";

const shown = (text: string, password: string, proxyPassword = "") =>
  withoutSecrets(text, [password, proxyPassword]) === text;

test("a text that quotes a password is withheld, whole or cut, of the gateway itself, too", () => {
  for (const text of ["-ERR s3cr3t is wrong", "-ERR <s3cr3t>", "-ERR no mail for joes3cr3t", "-ERR you said s3cr"]) {
    assert.ok(!shown(text, "s3cr3t"), text);
    assert.ok(!shown(text, "other", "s3cr3t"), text);
  }
  assert.ok(!shown("no such login joe:s%203%25t", "s 3%t"));
  assert.ok(!shown("no such login joe:s%c3%a9", "s\xc3\xa9"));
  assert.ok(shown("100% of s%203", "s 3%t"));
  assert.equal(withoutSecrets("-ERR s3cr3t", ["s3cr3t", ""]), "(11 octets with a password in them)");
});

test("the first 64 octets of a longer token count as the token", () => {
  const token = Array.from({ length: 3000 }, (_, at) => (at * 7919).toString(36)).join(".");
  assert.ok(!shown(`-ERR bad token ${token} again`, token));
  assert.ok(!shown(`-ERR bad token ${token.slice(0, 64)}... again`, token));
  assert.ok(!shown(`-ERR bad token ${token.slice(0, 2000)}`, token));
  assert.ok(!shown(`-ERR bad token ${token.slice(0, 20)}`, token));
  assert.ok(shown(`-ERR bad token (${token.length} octets)`, token));
});

test("a short password, or a word of many answers, does not blank every reason", () => {
  for (const [text, password] of [
    ["-ERR [AUTH] authentication failed", "e"],
    ["-ERR wrong password", "password"],
    ["-ERR Login failed: password is wrong", "login"],
    ["no connection: connection refused, nothing listens there", "no"],
    ["-ERR maildrop locked, try later", "Maildrop"],
    ["-ERR password", "password1"],
    ["-ERR no", ""],
  ] as const) {
    assert.ok(shown(text, password), `${text}, ${password}`);
  }
});

test("where the text sets it off, a short one is withheld, too", () => {
  for (const [text, password] of [
    ['-ERR bad password "e"', "e"],
    ["-ERR bad password: e", "e"],
    ["-ERR (password) is not allowed", "password"],
    ["PROXY_PASSWD=login", "login"],
    ["+ PROXY_PASSWD='no'", "no"],
  ] as const) {
    assert.ok(!shown(text, password), `${text}, ${password}`);
  }
});
