/** Responses of SASL, octet by octet. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommand, WORD_LIMIT } from "../../src/protocol/command";
import { MECHANISMS, type Mechanism } from "../../src/protocol/credentials";
import { isChallenge, parseResponse, writeResponse } from "../../src/protocol/sasl";
import { ownTime } from "../stage/stopwatch";

const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

/** The user and the secret of a response, or the reply that refuses it. */
function outcome(mechanism: Mechanism, text: string): string {
  const parsed = parseResponse(mechanism, base64(text));
  if ("reply" in parsed) return parsed.reply;
  assert.equal(parsed.mechanism, mechanism);
  const { user, secret } = parsed;
  return `${user}|${secret.kind === "password" ? secret.password : secret.token}`;
}

const BAD = "-ERR response does not fit the mechanism";
const CONTROL = "-ERR control character in command";
const LONG = "-ERR user name or password too long";
const word = "x".repeat(WORD_LIMIT);

test("L7, I1: PLAIN", () => {
  for (const [text, expected] of [
    ["\0joe\0s3cr3t", "joe|s3cr3t"],
    ["joe\0joe\0s3cr3t", "joe|s3cr3t"],
    ["\0joe@example.org@mail\0 :@ \xc3\xa4 ", "joe@example.org@mail| :@ \xc3\xa4 "],
    ["\0joe\0", "joe|"],
    ["\0joe  \0 x ", "joe| x "],
    ["\0  \0s3cr3t", "-ERR [AUTH] no user given"],
    [`\0${word}\0${word}`, `${word}|${word}`],
    [`\0${word}x\0y`, LONG],
    [`\0y\0${word}x`, LONG],
    ["boss\0joe\0s3cr3t", "-ERR [AUTH] no login as another user"],
    ["JOE\0joe\0s3cr3t", "-ERR [AUTH] no login as another user"],
    ["", BAD],
    ["joe", BAD],
    ["\0joe", BAD],
    ["\0\0s3cr3t", BAD],
    ["\0joe\0s3\0cr3t", BAD],
    ["\0jo\re\0s3cr3t", CONTROL],
    ["\0jo\ne\0s3cr3t", CONTROL],
    ["\0joe\0s3\rcr3t", CONTROL],
    ["\0joe\0s3cr3t\r\nDELE 1", CONTROL],
    ["\0joe\x7f\0s3cr3t", CONTROL],
  ] as const) {
    assert.equal(outcome("PLAIN", text), expected, JSON.stringify(text));
  }
});

test("L7, I1: XOAUTH2", () => {
  const end = "\x01\x01";
  for (const [text, expected] of [
    [`user=joe\x01auth=Bearer ya29.x${end}`, "joe|ya29.x"],
    [`user=joe \x01auth=Bearer ya29.x${end}`, "joe|ya29.x"],
    [`user=joe@example.org@mail\x01auth=bearer a-._~+/b==${end}`, "joe@example.org@mail|a-._~+/b=="],
    [`user=a=b,c\x01auth=Bearer x${end}`, "a=b,c|x"],
    [`user=${word}\x01auth=Bearer x${end}`, `${word}|x`],
    [`user=${word}x\x01auth=Bearer x${end}`, LONG],
    [`user=j\noe\x01auth=Bearer x${end}`, CONTROL],
    [`user=j\0oe\x01auth=Bearer x${end}`, CONTROL],
    [`user=\x01auth=Bearer x${end}`, BAD],
    ["user=joe\x01auth=Bearer x\x01", BAD],
    [`user=joe\x01auth=Bearer x${end}\x01`, BAD],
    [`user=joe\x01auth=Bearer x${end}\n`, BAD],
    [`user=joe\x01auth=Bearer ${end}`, BAD],
    [`user=joe\x01auth=Bearer x y${end}`, BAD],
    [`user=joe\x01auth=Bearer x=y${end}`, BAD],
    [`user=joe\x01auth=Bearer x\r\nDELE 1${end}`, BAD],
    [`user=joe\x01auth=Basic x${end}`, BAD],
    [`user=joe\x01host=mail\x01auth=Bearer x${end}`, BAD],
    [`auth=Bearer x\x01user=joe${end}`, BAD],
    ["", BAD],
  ] as const) {
    assert.equal(outcome("XOAUTH2", text), expected, JSON.stringify(text));
  }
});

test("L7, I1: OAUTHBEARER", () => {
  const end = "\x01\x01";
  for (const [text, expected] of [
    [`n,a=joe,\x01auth=Bearer ya29.x${end}`, "joe|ya29.x"],
    [`y,a=joe,\x01host=mail\x01port=110\x01auth=Bearer  x${end}`, "joe|x"],
    [`n,a=joe,\x01auth=Bearer x\x01port=110${end}`, "joe|x"],
    [`n,a=j=2Co=3De=3D2C,\x01AUTH=bearer x${end}`, "j,o=e=2C|x"],
    [`n,a=${word},\x01auth=Bearer x${end}`, `${word}|x`],
    [`n,a=${word}x,\x01auth=Bearer x${end}`, LONG],
    [`n,a=j\x7foe,\x01auth=Bearer x${end}`, CONTROL],
    [`n,a=j\r\noe,\x01auth=Bearer x${end}`, CONTROL],
    [`n,,\x01auth=Bearer x${end}`, "-ERR [AUTH] no user given"],
    [`n,a=,\x01auth=Bearer x${end}`, BAD],
    [`n,a=j\0oe,\x01auth=Bearer x${end}`, BAD],
    [`n,a=j=2coe,\x01auth=Bearer x${end}`, BAD],
    [`n,a=j=oe,\x01auth=Bearer x${end}`, BAD],
    [`p=tls-unique,a=joe,\x01auth=Bearer x${end}`, BAD],
    [`a=joe,\x01auth=Bearer x${end}`, BAD],
    [`n,a=joe,auth=Bearer x${end}`, BAD],
    [`n,a=joe,\x01auth=Bearer x\x01auth=Bearer y${end}`, BAD],
    [`n,a=joe,\x01host=mail${end}`, BAD],
    [`n,a=joe,\x01auth=Bearer x\x01`, BAD],
    [`n,a=joe,\x01auth=Bearer x${end}\x01`, BAD],
    [`n,a=joe,\x01ho st=mail\x01auth=Bearer x${end}`, BAD],
    [`n,a=joe,\x01auth=Basic x${end}`, BAD],
    ["\x01", BAD],
    ["", BAD],
  ] as const) {
    assert.equal(outcome("OAUTHBEARER", text), expected, JSON.stringify(text));
  }
});

test("L7: base64 is strict", () => {
  const good = base64("\0joe\0s3cr3t!");
  assert.equal(good, "AGpvZQBzM2NyM3Qh");
  assert.ok("user" in parseResponse("PLAIN", good));
  assert.ok("user" in parseResponse("PLAIN", "AGpvZQBzMw=="));
  for (const text of [
    "AGpvZQBzMw=",
    "AGpvZQBzMw",
    "AGpvZQBzMx==",
    "AGpv=QBzMw==",
    "AGpvZQBzMw===",
    "AGpvZQBzMw== ",
    " AGpvZQBzMw==",
    "AGpvZQBz\tMw==",
    "AGpvZQBz-_A=",
    "=",
    "*",
  ]) {
    assert.deepEqual(parseResponse("PLAIN", text), { kind: "refused", reply: "-ERR response is not base64" }, text);
  }
});

test("what is written is what is parsed, whatever the name is", () => {
  const token = "ya29.x==";
  for (const mechanism of MECHANISMS) {
    for (const user of ["joe", "j,o=e", "=2C", "j\xc3\xb6@example.org", " joe", ":"]) {
      const secret =
        mechanism === "PLAIN"
          ? ({ kind: "password", password: token } as const)
          : ({ kind: "token", mechanism, token } as const);
      assert.deepEqual(parseResponse(mechanism, writeResponse(mechanism, user, secret)), { user, secret, mechanism });
    }
  }
});

test("R6: what is made to be slow to parse takes no time", () => {
  const blanks = " ".repeat(12_000);
  const slow = {
    PLAIN: [`\0${" ".repeat(9000)}x\0y`, "\0".repeat(9000)],
    OAUTHBEARER: [`n,a=x,\x01${"a=".repeat(4500)}`, `n,a=x,\x01${"a=\x01".repeat(3000)}`, `n,a=${"=2C".repeat(3000)}`],
    XOAUTH2: [`user=${" ".repeat(9000)}x\x01auth=Bearer x\x01\x01`, `user=x\x01auth=Bearer ${"=".repeat(9000)}`],
  };
  const began = ownTime();
  for (let count = 0; count < 20; count++) {
    for (const line of [`AUTH PLAIN${blanks}x`, `AUTH${blanks}x`]) {
      assert.equal(parseCommand(line, "AUTHORIZATION", ["AUTH", "AUTH PLAIN"]).kind, "faulty");
    }
    for (const mechanism of MECHANISMS) {
      for (const text of slow[mechanism])
        assert.ok("reply" in parseResponse(mechanism, base64(text)), text.slice(0, 20));
    }
  }
  assert.ok(ownTime() - began < 5000, `${ownTime() - began} ms`);
});

test("a challenge is a plus with anything behind a blank", () => {
  for (const line of ["+", "+ ", "+ eyJ9", "+ go ahead"]) assert.ok(isChallenge(line), line);
  for (const line of ["", "+OK", "+x", "-ERR", " +", "++"]) assert.ok(!isChallenge(line), line);
});
