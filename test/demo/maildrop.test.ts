import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sampleMessages } from "../../src/demo/maildrop";
import { picture } from "../../src/demo/picture";

const NASTY = 3;
const LARGE = 4;

const mails = (): string[] => sampleMessages().map((mail) => mail.toString("latin1"));

/** The header's fields and the body. */
function parts(mail: string): [Map<string, string>, string] {
  const end = mail.indexOf("\r\n\r\n");
  const fields = mail
    .slice(0, end)
    .split("\r\n")
    .map((line) => /^([!-9;-~]+): (.+)$/.exec(line)?.slice(1) ?? assert.fail(`not a field: ${line}`));
  assert.equal(new Set(fields.map(([name]) => name)).size, fields.length, "a field twice");
  return [new Map(fields as [string, string][]), mail.slice(end + 4)];
}

test("six mails, always the same Buffers, each ending in CRLF", () => {
  assert.equal(sampleMessages().length, 6);
  assert.equal(sampleMessages(), sampleMessages());
  for (const mail of mails()) assert.equal(mail.endsWith("\r\n"), true);
});

test("headers are as RFC 5322 has them", () => {
  const ids = new Set<string>();
  for (const mail of mails()) {
    const [fields, body] = parts(mail);
    for (const name of ["From", "To"]) assert.match(fields.get(name) ?? "", /^[\w ]+ <\w+@example\.(org|net)>$/);
    assert.match(fields.get("Subject") ?? "", /^[ -~]{5,60}$/);
    ids.add(fields.get("Message-ID") ?? "");
    // The day of the week must be the day's.
    const date = fields.get("Date") ?? "";
    assert.equal(new Date(date).toUTCString().replace("GMT", "+0000"), date);
    assert.notEqual(body, "");
  }
  assert.equal(ids.size, 6);
  for (const id of ids) assert.match(id, /^<[\w-]+@example\.org>$/);
});

test("the plain ones are plain: short lines of printable ASCII, and no address but the examples'", () => {
  for (const mail of mails().filter((_, index) => index !== NASTY && index !== LARGE)) {
    for (const line of mail.slice(0, -2).split("\r\n")) assert.match(line, /^[ -~]{0,78}$/);
    for (const [address] of mail.matchAll(/\S+@\S+/g)) assert.match(address, /@example\.(org|net)>$/);
  }
});

test("the nasty one has all that a relay might stumble over", () => {
  const mail = mails()[NASTY] as string;
  for (const trouble of [
    "\r\n.\r\n",
    "\r\n..\r\n",
    "\r\n.x\r\n",
    "blanks   \r\n",
    "foo\0.\r\n",
    "\r\n\0.\r\n",
    "\n.\n",
    "\r.\r",
    "\n.\r\n",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r\r\n",
    "\r\r\n",
    " \r in",
    " \n in",
    "\xff",
  ]) {
    assert.equal(mail.includes(trouble), true, JSON.stringify(trouble));
  }
  assert.equal(mail.endsWith("\r\n.\r\n"), true);
  assert.equal(new Set(mail).size, 256);
  assert.equal(Math.max(...mail.split("\r\n").map((line) => line.length)) > 65_536, true);
});

test("the large one is an attachment that can be opened", () => {
  const [fields, body] = parts(mails()[LARGE] as string);
  const [, boundary] = /boundary="(.+)"/.exec(fields.get("Content-Type") ?? "") ?? [];
  const [, text, attached, end, ...rest] = `\r\n${body}`.split(`\r\n--${boundary}`);
  assert.deepEqual([end, rest], ["--\r\n", []]);
  assert.match(text ?? "", /^\r\nContent-Type: text\/plain/);
  const [attachedFields, base64] = parts((attached ?? "").slice(2));
  assert.equal(attachedFields.get("Content-Transfer-Encoding"), "base64");
  const lines = base64.split("\r\n");
  assert.equal(
    lines.slice(0, -1).every((line) => line.length === 76),
    true,
  );
  assert.match(lines.at(-1) ?? "", /^.{1,76}$/);
  assert.equal(Buffer.from(base64, "base64").equals(picture()), true);
  assert.equal(body.length > 3_000_000, true);
});

test("the picture is a bitmap, the same in every process", () => {
  const bitmap = picture();
  assert.equal(bitmap.toString("latin1", 0, 2), "BM");
  assert.equal(bitmap.readUInt32LE(2), bitmap.length);
  assert.equal(bitmap.readUInt32LE(10) + bitmap.readInt32LE(18) * bitmap.readInt32LE(22) * 3, bitmap.length);
  assert.equal(
    createHash("sha256").update(bitmap).digest("hex"),
    "14aea94e445a6823612cee0e6d3676fbd58858df03a13305f2f8b62f2a09b21d",
  );
});
