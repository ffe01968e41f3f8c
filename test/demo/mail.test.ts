import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Mail, stuff } from "../../src/demo/mail";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

/** RFC 1939, 3, line by line: the reading of a client. */
function unstuffed(wire: string): string {
  return wire
    .split("\r\n")
    .map((line) => (line.startsWith(".") ? line.slice(1) : line))
    .join("\r\n");
}

test("a dot that begins a line is doubled, and no other", () => {
  for (const [raw, wire] of [
    ["", ""],
    ["a\r\n", "a\r\n"],
    [".\r\n", "..\r\n"],
    ["..\r\n", "...\r\n"],
    ["a\r\n.\r\n.\r\n.b\r\n", "a\r\n..\r\n..\r\n..b\r\n"],
    ["a.\r\n .\r\n", "a.\r\n .\r\n"],
    ["\n.\n\r.\r\0.\r\n", "\n.\n\r.\r\0.\r\n"],
    ["\r\r\n.\r\r\n", "\r\r\n..\r\r\n"],
    ["\r\n.\n.\r\n", "\r\n..\n.\r\n"],
    ["\xff\r\n.\xff\r\n", "\xff\r\n..\xff\r\n"],
  ] as const) {
    assert.equal(stuff(octets(raw)).toString("latin1"), wire);
    assert.equal(unstuffed(wire), raw);
  }
});

test("un-stuffing gives back any mail, and none ends itself", () => {
  const mail = fc
    .array(fc.constantFrom(".", "\r", "\n", "\r\n", "x", "\0", "\xff"))
    .map((parts) => `${parts.join("")}\r\n`);
  fc.assert(
    fc.property(mail, (raw) => {
      const wire = stuff(octets(raw)).toString("latin1");
      assert.equal(unstuffed(wire), raw);
      assert.equal(`\r\n${wire}`.includes("\r\n.\r\n"), false);
    }),
    { numRuns: 500 },
  );
});

test("a mail without such dots is not copied", () => {
  const mail = octets("a.b\r\nc\r\n");
  assert.equal(stuff(mail), mail);
});

test("a mail that does not end in CRLF is refused", () => {
  for (const raw of ["a", "a\n", "a\r", "\n", "a\r\n."]) assert.throws(() => new Mail(octets(raw)), TypeError);
  assert.equal(new Mail(octets("")).whole.toString("latin1"), "+OK 0 octets\r\n.\r\n");
});

test("size, unique-id and RETR's response", () => {
  const raw = "Subject: x\r\n\r\n.\r\n";
  const mail = new Mail(octets(raw));
  assert.equal(mail.size, 17);
  assert.equal(mail.uid, createHash("sha256").update(raw).digest("hex").slice(0, 16));
  assert.equal(mail.whole.toString("latin1"), "+OK 17 octets\r\nSubject: x\r\n\r\n..\r\n.\r\n");
  assert.equal(mail.whole, mail.whole);
});

test("TOP's response: the header and so many lines", () => {
  const header = "Subject: x\r\nTo: y\r\n";
  const top = (raw: string, count: number): string => new Mail(octets(raw)).top(count).toString("latin1");
  for (const [raw, count, expected] of [
    [`${header}\r\n1\r\n.2\r\n3\r\n`, 0, `${header}\r\n`],
    [`${header}\r\n1\r\n.2\r\n3\r\n`, 1, `${header}\r\n1\r\n`],
    [`${header}\r\n1\r\n.2\r\n3\r\n`, 2, `${header}\r\n1\r\n..2\r\n`],
    [`${header}\r\n1\r\n.2\r\n3\r\n`, 3, `${header}\r\n1\r\n..2\r\n3\r\n`],
    [`${header}\r\n1\r\n.2\r\n3\r\n`, 9_999_999_999, `${header}\r\n1\r\n..2\r\n3\r\n`],
    [`${header}\r\na\nb\rc\r\n2\r\n`, 1, `${header}\r\na\nb\rc\r\n`],
    [header, 0, header],
    [header, 5, header],
    ["", 5, ""],
  ] as const) {
    assert.equal(top(raw, count), `+OK top of the message follows\r\n${expected}.\r\n`);
  }
});
