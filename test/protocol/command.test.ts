import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Command, masked, parseCommand, type State } from "../../src/protocol/command";
import { nameOf } from "../../src/protocol/foreign";
import { replies } from "../../src/protocol/replies";
import { LONG } from "../stage/draws";

/** What becomes of a line: the command as it would be written (a "*" behind it: multi-line), or the refusal. */
function outcome(line: string, state: State = "TRANSACTION"): string {
  const parsed = parseCommand(line, state);
  return parsed instanceof Command ? `${parsed}${parsed.multiline ? "*" : ""}` : parsed.reply;
}

test("I4: LIST and UIDL are multi-line only without a message", () => {
  const rows = [
    ["LIST", "LIST*"],
    ["LIST 1", "LIST 1"],
    ["LIST ", "LIST*"],
    ["LIST  ", "LIST*"],
    ["list  1", "LIST 1"],
    ["LIST 1  ", "LIST 1"],
    ["UIDL", "UIDL*"],
    ["uidl 7", "UIDL 7"],
    ["RETR 1", "RETR 1*"],
    ["TOP 1 0", "TOP 1 0*"],
    ["TOP 0001 007", "TOP 1 7*"],
    ["STAT", "STAT"],
    ["STAT ", "STAT"],
    ["NOOP", "NOOP"],
    ["DELE 9999999999", "DELE 9999999999"],
    ["QUIT", "QUIT"],
  ] as const;
  for (const [line, expected] of rows) assert.equal(outcome(line), expected, JSON.stringify(line));
});

test("I12: verbs match whole and in any case", () => {
  assert.equal(outcome("rEtR 1"), "RETR 1*");
  for (const line of ["XRETR 1", "PA\xdf x", "RETRX", "RETRX 1", "NOOPX", "", " NOOP", "NOO", "LIST1"]) {
    assert.equal(outcome(line), replies.unsupported, JSON.stringify(line));
  }
});

test("I13, L1: what is not in the table is unsupported, bad arguments are not", () => {
  for (const line of [
    "CAPA",
    "AUTH PLAIN",
    "STLS",
    "UTF8",
    "APOP a b",
    "XCLIENT ADDR=1.2.3.4",
    "PROXY TCP4 a b 1 2",
    "XOIP",
  ]) {
    const parsed = parseCommand(line, "TRANSACTION");
    assert.ok(parsed.kind === "unsupported", line);
  }
  const bad = [
    "RETR",
    "RETR x",
    "RETR 1 2",
    "DELE 0",
    "DELE 00",
    "DELE -1",
    "DELE 1a",
    "DELE 12345678901",
    "LIST 1 2",
    "LIST 0",
    "TOP 1",
    "TOP 1 2 3",
    "TOP 0 1",
    "STAT 1",
    "QUIT now",
    "UIDL x",
  ];
  for (const line of bad) {
    const parsed = parseCommand(line, "TRANSACTION");
    assert.ok(parsed.kind === "faulty", line);
    assert.match(!(parsed instanceof Command) ? parsed.reply : "", /^-ERR [A-Z]+ takes /, line);
  }
});

test("commands have their states", () => {
  assert.equal(outcome("STAT", "AUTHORIZATION"), replies.loginFirst);
  assert.equal(outcome("NOOP", "AUTHORIZATION"), replies.loginFirst);
  assert.equal(outcome("USER joe", "TRANSACTION"), replies.loggedIn);
  assert.equal(outcome("PASS x", "TRANSACTION"), replies.loggedIn);
  assert.equal(outcome("QUIT", "AUTHORIZATION"), "QUIT");
});

test("L5: PASS is verbatim behind one blank, USER loses trailing blanks only", () => {
  for (const secret of [" x ", "a b", ":@", " ", "", "pass\xc3\xa4\x85", "x".repeat(200)]) {
    assert.equal(outcome(`PASS ${secret}`, "AUTHORIZATION"), `PASS ${secret}`);
  }
  assert.equal(outcome("USER  joe  ", "AUTHORIZATION"), "USER  joe");
  assert.match(outcome("USER", "AUTHORIZATION"), /^-ERR USER takes/);
  assert.match(outcome("USER  ", "AUTHORIZATION"), /^-ERR USER takes/);
  assert.equal(outcome("PASS", "AUTHORIZATION"), "PASS ", "B16: an empty password");
});

test("I2: control octets are refused in any command, 0x80-0x9F pass", () => {
  for (const octet of ["\0", "\t", "\r", "\n", "\x1b", "\x7f"]) {
    for (const line of [`PASS a${octet}b`, `STAT${octet}`, `${octet}USER x`, `LIST 1${octet}`]) {
      assert.equal(outcome(line, "AUTHORIZATION"), replies.controlOctet, JSON.stringify(line));
    }
  }
  assert.equal(outcome("USER \xc3\x84\x80\x9f", "AUTHORIZATION"), "USER \xc3\x84\x80\x9f");
});

test("I2: whatever is forwarded is a line of the table, without control octets", () => {
  const line = fc.oneof(
    fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) }),
    fc
      .tuple(fc.constantFrom("RETR", "list", "TOP", "Dele", "STAT", "UIDL"), fc.string())
      .map(([verb, rest]) => `${verb} ${rest}`),
  );
  fc.assert(
    fc.property(line, (text) => {
      const parsed = parseCommand(text, "TRANSACTION");
      if (parsed instanceof Command) {
        assert.match(
          `${parsed}`,
          /^(?:(?:STAT|LAST|NOOP|RSET|QUIT)|(?:LIST|UIDL)(?: [1-9]\d{0,9})?|(?:RETR|DELE) [1-9]\d{0,9}|TOP [1-9]\d{0,9} \d{1,10})$/,
        );
      } else {
        assert.match(parsed.reply, /^-ERR [ -~]+$/);
      }
    }),
    { numRuns: LONG ? 3000 : 1000 },
  );
});

test("G2: traces and logs show no secret", () => {
  assert.equal(masked("PASS geheim"), "PASS ***");
  assert.equal(masked("pass geheim"), "pass ***");
  assert.equal(masked("PASSgeheim geheim"), "(10 octets) ***");
  assert.equal(masked("AUTH PLAIN AGpvZQBnZWhlaW0="), "AUTH PLAIN ***");
  assert.equal(masked("AGpvZQBnZWhlaW0="), "(16 octets)");
  assert.equal(masked("USER joe"), "USER joe");
  assert.equal(masked("USER joe\rPASS geheim\rSTAT"), "USER ***", "a client whose lines end in CR");
  assert.equal(nameOf("XTND XMIT"), "XTND");
  assert.equal(nameOf("geheimes-wort"), "(13 octets)");
  assert.equal(nameOf("auth scram-sha-256 biwsbj1qb2U="), "auth scram-sha-256");
  assert.equal(nameOf("AUTH AGpvZQBnZWhlaW0="), "AUTH", "what stands where a mechanism should may be a secret");
  assert.equal(nameOf("AUTHENTICATE LOGIN"), "AUTHENTICATE");
  assert.equal(nameOf("geheim", true), "(6 octets)");
  assert.equal(nameOf("STLS", true), "STLS", "behind a refused AUTH a known command is one");
});
