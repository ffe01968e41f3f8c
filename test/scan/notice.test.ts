import assert from "node:assert/strict";
import { test } from "node:test";
import { notice, type Told } from "../../src/scan/notice";

const told: Told = {
  virus: "Eicar-Test-Signature",
  header: "From: Joe <joe@example.org>\r\nTo: me@example.net\r\nSubject: Hello\r\n there\r\nX-Long: y\r\n",
  user: "me",
  server: "mail.example.org",
  host: "gateway.example.org",
  date: new Date(0),
  id: "s.1.RETR-1",
};

/** The header and the text of a notice. */
function parts(wishes: Partial<Told> = {}): [header: string[], text: string[]] {
  const body = notice({ ...told, ...wishes });
  assert.match(body, /\r\n\.\r\n$/);
  const lines = body.slice(0, -"\r\n.\r\n".length).split("\r\n");
  for (const line of lines) {
    assert.ok(line.length <= 998);
    assert.doesNotMatch(line, /[\r\n\0]|^\.$|^\.[^.]/);
  }
  const end = lines.indexOf("");
  return [lines.slice(0, end), lines.slice(end + 1)];
}

test("V6: a notice says what was found, and quotes the header", () => {
  const [header, text] = parts();
  assert.deepEqual(header, [
    'From: "Virus scanner" <MAILER-DAEMON@gateway.example.org>',
    "To: me@example.net",
    "Subject: Virus Eicar-Test-Signature: Hello there",
    "Date: Thu, 1 Jan 1970 00:00:00 +0000",
    "Message-ID: <s.1.RETR-1@gateway.example.org>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "Auto-Submitted: auto-generated",
    "X-Virus-Scan: infected; Eicar-Test-Signature",
  ]);
  assert.deepEqual(text, [
    "A mail from Joe <joe@example.org> is withheld,",
    "because the virus scanner has found Eicar-Test-Signature in it.",
    "It is still on the server mail.example.org.",
    "",
    "The header of that mail:",
    "",
    "> From: Joe <joe@example.org>",
    "> To: me@example.net",
    "> Subject: Hello",
    ">  there",
    "> X-Long: y",
    ">",
  ]);
});

test("V6: a mail that is too large has a notice, too, and a mail may have no header", () => {
  const [header, text] = parts({ virus: null, header: "" });
  assert.ok(header.includes("To: <me>"));
  assert.ok(header.includes("Subject: Not scanned: no subject"));
  assert.ok(header.includes("X-Virus-Scan: too large"));
  assert.equal(text[0], "A mail from unknown is withheld,");
});

test("V6, V7: nothing of a stranger's can become a header, or the end of the notice", () => {
  const odd = [
    "From: a\rX-Evil: 1\r\n",
    "From: a\nX-Evil: 1\r\n",
    "From: a\0b\x1b[2J\xff\r\n",
    "Subject: x\r\n\t\r\n .\r\n",
    `Subject: ${"y".repeat(5000)}\r\n`,
    `To: ${"z@example.org, ".repeat(1000)}\r\n`,
    `X: ${"ä".repeat(5000)}\r\n`,
    ".\r\n..\r\n",
    "\xff\xfe\r\n".repeat(5000),
    "From:\r\nFrom: second\r\n",
  ];
  for (const header of odd) {
    const [own, text] = parts({
      header,
      virus: "a\r\nX-Evil: 1\r\n\r\n.",
      user: "x>\r\nX-Evil: 1",
      server: "m\r\n.\r\n",
    });
    for (const line of own) assert.match(line, /^[A-Za-z-]+: [ -~]*$/);
    assert.ok(!own.some((line) => /^X-Evil/.test(line)), header);
    assert.ok(text.join("\r\n").length < 100_000);
    // Two lines of the gateway's own speak of the virus and of the server.
    for (const line of text.slice(6)) assert.match(line, /^>(?: |$)/);
    assert.doesNotMatch(notice({ ...told, header: "" }), /error/i);
  }
});

test("V6: UTF-8 in a quoted line stays UTF-8, also at its end", () => {
  const [, text] = parts({ header: Buffer.from("Subject: una citt\u00e0\r\nX-End: x \t\r\n").toString("latin1") });
  const lines = text.map((line) => Buffer.from(line, "latin1").toString("utf8"));
  assert.ok(lines.includes("> Subject: una citt\u00e0"), lines.join("\n"));
  assert.ok(lines.includes("> X-End: x"));
  for (const long of ["\u00e4".repeat(2000), `x${"\u20ac".repeat(2000)}`]) {
    const body = notice({ ...told, header: Buffer.from(`X-Long: ${long}\r\n`).toString("latin1") });
    const shown = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "latin1"));
    assert.ok(shown.replaceAll("\r\n> ", "").includes(`X-Long: ${long}`));
  }
});
