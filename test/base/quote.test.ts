import assert from "node:assert/strict";
import { test } from "node:test";
import { quote } from "../../src/base/quote";

test("a plain text is shown as it is, any other quoted and escaped", () => {
  assert.equal(quote("a\r\nb"), '"a\\x0d\\x0ab"');
  assert.equal(quote('say "hi" \\'), '"say \\"hi\\" \\\\"');
  assert.equal(quote("\u2028"), '"\\u2028"');
  assert.equal(quote("joe@example.org"), "joe@example.org");
});
