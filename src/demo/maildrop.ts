/**
 * The sample maildrop: six mails about the gateway, one of them large, one with octets that are hard to relay.
 *
 * The mails are made at the first call and must not be changed. Their octets, and so their unique-ids, are the same in
 * every process. The octets are those of RFC 5322, not dot-stuffed; each mail ends in CRLF.
 */

import { picture } from "./picture";

let made: readonly Buffer[] | null = null;

/** The mails of the sample maildrop, oldest first; always the same Buffers. About 3 MB, made at the first call. */
export function sampleMessages(): readonly Buffer[] {
  made ??= [welcome(), howToTry(), relayed(), nasty(), large(), farewell()];
  return made;
}

/** A mail with the header fields that all have. @param number the message number, from 1 */
function mail(number: number, date: string, subject: string, header: readonly string[], body: string): Buffer {
  const lines = [
    "From: The gateway <gateway@example.org>",
    "To: You <you@example.net>",
    `Subject: ${subject}`,
    `Date: ${date}`,
    `Message-ID: <sample-${number}@example.org>`,
    "MIME-Version: 1.0",
    ...header,
    "",
    body,
  ];
  return Buffer.from(lines.join("\r\n"), "latin1");
}

const PLAIN = ["Content-Type: text/plain; charset=us-ascii", "Content-Transfer-Encoding: 7bit"];

/** A mail of plain text. */
function letter(number: number, date: string, subject: string, text: string): Buffer {
  return mail(number, date, subject, PLAIN, `${text.trim().replaceAll("\n", "\r\n")}\r\n`);
}

function welcome(): Buffer {
  return letter(
    1,
    "Mon, 01 Jul 2024 08:00:00 +0000",
    "Welcome",
    `
Hello,

you are reading this through pop3.proxy, a POP3 application gateway. Your
mail program speaks to the gateway, and the gateway speaks to a POP3 server.
The gateway relays only what is POP3.

This server is a part of the gateway. It has six mails in the memory of the
process. The gateway connects to no other machine.

The gateway
`,
  );
}

function howToTry(): Buffer {
  return letter(
    2,
    "Tue, 02 Jul 2024 08:00:00 +0000",
    "How to try it",
    `
Log in with any user name and the password demo. Each user name has a
maildrop of its own. These are the commands of a session:

    USER joe
    PASS demo
    STAT
    LIST
    TOP 1 0
    RETR 2
    QUIT

QUIT deletes the mails that you have marked with DELE. They are back when the
gateway is started anew. Without QUIT no mail is deleted: RFC 1939, section 6,
demands that.

While you are logged in, no other session gets the same maildrop. Try it from
a second window: the answer begins with -ERR [IN-USE].

The gateway
`,
  );
}

function relayed(): Buffer {
  return letter(
    3,
    "Wed, 03 Jul 2024 08:00:00 +0000",
    "What passes and what does not",
    `
These commands pass when nothing else is configured:

    USER PASS LIST STAT RETR UIDL DELE TOP LAST NOOP RSET QUIT

The gateway itself answers any other command, and does not send it to the
server. Try XYZZY, or RETR without a number. The gateway connects to the
server only when it has both the user name and the password.

A command line has at most 255 octets. A mail has no such limit, and none of
its octets changes: compare the next mail.

The gateway
`,
  );
}

/** A mail that is hard to relay: lines of dots, bare CR and LF, NUL, 8-bit octets, a very long line. */
function nasty(): Buffer {
  const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("latin1");
  const lines = [
    "The lines below are intended. None of their octets may change.",
    ".",
    "..",
    "...",
    ".x",
    " .",
    ". ",
    "trailing blanks   ",
    "a trailing tab\t",
    "",
    "NUL: \0, and before a dot: foo\0.",
    "\0.",
    "8-bit: \x80\x9f\xa0\xe4\xfe\xff",
    ".\xff",
    "a bare CR \r in the middle, and a bare LF \n in the middle",
    "a dot between bare LFs \n.\n and between bare CRs \r.\r",
    "a dot behind a bare LF\n.",
    "a dot behind a bare CR\r.",
    ".\n",
    ".\r",
    "\r",
    "\n",
    `every octet there is: ${octets}`,
    `a line of 100,000 octets: ${"0123456789".repeat(10_000)}`,
    `.${".".repeat(2_000)}`,
    "the last line is a dot",
    ".",
  ];
  const header = ["Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: binary"];
  return mail(4, "Thu, 04 Jul 2024 08:00:00 +0000", "Nasty octets", header, `${lines.join("\r\n")}\r\n`);
}

/** A mail of 3 MB: a picture in base64, 76 octets a line (RFC 2045, 6.8). */
function large(): Buffer {
  const boundary = "=_sample";
  const header = [`Content-Type: multipart/mixed; boundary="${boundary}"`];
  const before = [
    `--${boundary}`,
    ...PLAIN,
    "",
    "Attached is a picture of 2.4 megabytes. The gateway relays it in large chunks.",
    "If you read slowly, the server waits: the gateway buffers a few chunks at most.",
    "",
    `--${boundary}`,
    'Content-Type: image/bmp; name="pattern.bmp"',
    "Content-Transfer-Encoding: base64",
    'Content-Disposition: attachment; filename="pattern.bmp"',
    "",
    "",
  ];
  const base64 = picture()
    .toString("base64")
    .replace(/.{1,76}/g, "$&\r\n");
  return mail(
    5,
    "Fri, 05 Jul 2024 08:00:00 +0000",
    "A large one",
    header,
    `${before.join("\r\n")}${base64}--${boundary}--\r\n`,
  );
}

function farewell(): Buffer {
  return letter(
    6,
    "Sat, 06 Jul 2024 08:00:00 +0000",
    "And now your own server",
    `
This is the end of the sample. To run the gateway in front of your own server:

    pop3.proxy -d -DD 127.0.0.1:1110 mail.example.org

With -D and without -d -DD 127.0.0.1:1110 the gateway is a daemon on port 110.
The manual page pop3.proxy(1) has all options.

The gateway
`,
  );
}
