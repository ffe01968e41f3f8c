import assert from "node:assert/strict";
import { test } from "node:test";
import { replies } from "../../src/protocol/replies";
import { cleaned, isStatus, isTemporary, responseCode, STATUS_LIMIT } from "../../src/protocol/response";

test("V7: no answer of ours holds the word that old clients take for a failure", () => {
  for (const text of Object.values(replies)) assert.doesNotMatch(text, /error/i);
});

test("I17, L4: our replies are short, and no +OK of ours holds a response code", () => {
  for (const text of Object.values(replies)) {
    assert.ok(text.length + 2 <= STATUS_LIMIT);
    assert.match(text, /^(?:\+OK(?: [A-Za-z]|$)|-ERR (?:\[(?:AUTH|LOGIN-DELAY|SYS\/TEMP|SYS\/PERM)\] )?\w)/);
  }
});

test("I9: a status line is +OK or -ERR in capitals", () => {
  for (const line of ["+OK", "+OK hello", "-ERR", "-ERR no"]) assert.ok(isStatus(line), line);
  for (const line of ["+ok", "-err", "+ OK", "", "OK", "* OK", "220 mail", " +OK", "+ "])
    assert.ok(!isStatus(line), line);
});

test("I9, I17: a server's line is cut to 512 octets and loses its control octets", () => {
  assert.equal(cleaned(`+OK ${"x".repeat(4000)}`).length, 510);
  assert.equal(cleaned("+OK a\0b\x1b[1mc\rd\x7f"), "+OK ab[1mcd");
  assert.equal(cleaned("+OK \xc3\xa4\x85"), "+OK \xc3\xa4\x85");
});

test("L3: response codes tell a refusal of the credentials from a server in trouble", () => {
  assert.equal(responseCode("-ERR [in-use] locked"), "IN-USE");
  assert.equal(responseCode("-ERR no [AUTH] here"), "");
  for (const code of ["SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY"])
    assert.ok(isTemporary(`-ERR [${code}] x`), code);
  for (const line of ["-ERR no", "-ERR [AUTH] no", "-ERR [SYSTEM] no"]) assert.ok(!isTemporary(line), line);
});
