/**
 * The sample maildrop: six mails about the gateway, among them a large one and a nasty one.
 * They are made at the first call and then shared: nobody may write into them. Every octet is fixed, and so are their
 * unique-ids, in every process. Raw octets as in a mailbox (RFC 5322), not stuffed, each mail ending in CRLF.
 */

import { picture } from "./picture";

let made: readonly Buffer[] | null = null;

/** The mails of the sample maildrop, oldest first; always the same Buffers. About 3 MB, made at the first call. */
export function sampleMessages(): readonly Buffer[] {
  made ??= [welcome(), howToTry(), relayed(), nasty(), large(), farewell()];
  return made;
}

/** A mail with the header that all have. @param number the place in the maildrop, from 1 */
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

/** A mail in plain words. */
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
mail program speaks to the gateway, the gateway speaks to a POP3 server, and
of what each of them says only what belongs to POP3 gets to the other.

The server behind it is a small one that is part of the gateway: it lives in
the memory of this process and knows six mails. No other machine is asked.

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
Any user name will do, and the password is demo. Each user name has a
maildrop of its own. By hand it goes like this:

    USER joe
    PASS demo
    STAT
    LIST
    TOP 1 0
    RETR 2
    QUIT

What you delete is gone once you have said QUIT, and back when the gateway
is started anew. Who hangs up without QUIT has deleted nothing: POP3 wants it
that way (RFC 1939, section 6).

While you are logged in, nobody else gets into the same maildrop. Try it from
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

Anything else is answered by the gateway itself and never gets to the server.
Say XYZZY, or RETR without a number, and see. The name of the user and the
password go no further than the gateway until both are complete; only then is
the server called.

A command line has at most 255 octets. A mail may have as many as it likes,
and they arrive as they left: the next mail is there to prove it.

The gateway
`,
  );
}

/** All that a relay might stumble over: dots, line ends that are none, NUL, 8-bit octets, a line without end. */
function nasty(): Buffer {
  const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("latin1");
  const lines = [
    "The lines below are no mistake. Not one octet of them may change.",
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
    "Attached is a picture of some megabytes. It passes in large pieces, and if you",
    "read slowly, the server waits for you: the gateway keeps next to nothing of it.",
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
That was the sample. To put the gateway before a server of your own:

    pop3.proxy -d -DD 127.0.0.1:1110 mail.example.org

and with -D instead of -d -DD it stands alone on port 110. The manual page
pop3.proxy(1) has the rest.

The gateway
`,
  );
}
