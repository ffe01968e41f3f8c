import assert from "node:assert/strict";
import { test } from "node:test";
import { quote, withoutPassword } from "../../src/base/quote";

test("a plain text is shown as it is, any other quoted and escaped", () => {
  assert.equal(quote("a\r\nb"), '"a\\x0d\\x0ab"');
  assert.equal(quote('say "hi" \\'), '"say \\"hi\\" \\\\"');
  assert.equal(quote("\u2028"), '"\\u2028"');
  assert.equal(quote("joe@example.org"), "joe@example.org");
});

test("what may be a password before @ is masked, whatever characters it has", () => {
  for (const [given, shown] of [
    ["pop3://joe:secret@mail:110", "pop3://***@mail:110"],
    ["pop3://joe:sec/ret@mail", "pop3://***@mail"],
    ["http://joe:s@cr@t@host/auth", "http://***@host/auth"],
    ["http://token@host", "http://***@host"],
    ["joe:secret@mail", "***@mail"],
    ["1110=pop3://joe:sec/ret@mail", "1110=pop3://***@mail"],
    ["joe@mail", "joe@mail"],
    ["mail.example.org:110", "mail.example.org:110"],
    ["http://host/a", "http://host/a"],
    ["@mail", "@mail"],
  ] as const) {
    assert.equal(withoutPassword(given), shown);
  }
});
