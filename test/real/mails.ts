/**
 * The maildrop that every client has to fetch unharmed, as its octets are on the wire once un-stuffed: CRLF at every
 * line's end. `stored` is the same as a file. Every mail has what a client might otherwise add: From, To, Date, Message-ID.
 *
 * The long form of the tests has larger mails, for every client and server.
 */

import { LONG } from "../stage/draws";

/** A mail of this body, with the header of an ordinary mail. */
export function mail(name: string, body: string | Buffer): Buffer {
  const header = [
    "Return-Path: <mary@example.org>",
    "From: Mary <mary@example.org>",
    "To: Joe <joe@example.org>",
    `Subject: ${name}`,
    "Date: Thu, 01 Jan 2026 00:00:00 +0000",
    `Message-ID: <${name}@example.org>`,
  ];
  return Buffer.concat([Buffer.from(`${header.join("\r\n")}\r\n\r\n`), Buffer.from(body as string, "latin1")]);
}

const lines = (...each: string[]) => each.map((line) => `${line}\r\n`).join("");
const octets = (from: number, to: number) =>
  String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, index) => from + index));
/** Lines of base64's kind, a dot at the start of every seventh. */
const attachment = (size: number) => {
  const line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY=";
  return Array.from({ length: Math.ceil(size / 80) }, (_, index) => (index % 7 ? "" : ".") + line).join("\r\n");
};

/** Mails that every server and client here carries without a change. */
export const plain: readonly Buffer[] = [
  mail("dots", lines(".", "..", ".x", "...", ". ", ".\t", "x.", "..x", "x", ".", "")),
  mail("blanks", lines("trailing blank ", "trailing tab\t", "   ", "\t \t", "", "", " leading", "end ")),
  mail("answers", lines("+OK 1 2", "-ERR no", "QUIT", "RETR 1", ".", "+OK", "From mary", ">From joe", "+ x")),
  mail(
    "eight",
    lines(octets(0x80, 0xff), "gr\xc3\xbc\xc3\x9fe \xe2\x82\xac", "\xff\xfe\xfd", `.${octets(0xa0, 0xff)}`),
  ),
  mail("controls", lines(`${octets(1, 9)}x`, `x${octets(14, 31)}x`, "x\x7fx", "\x0b\x0c", "\x1a")),
  mail("empty", ""),
  mail("short", lines("x")),
  mail("dotty", ".\r\n".repeat(40_000)),
  mail("large", lines(attachment(LONG ? 5_000_000 : 500_000), "the end")),
];

/** Lines that fetchmail (8 KB), getmail and other users of Python's poplib (2 KB) can't read; servers don't mind. */
const long = mail("long", lines(".".repeat(70_000), `.${"x. ".repeat(LONG ? 350_000 : 100_000)}.`, "after"));

/** All mails for clients that take any line. */
export const mails: readonly Buffer[] = [...plain, long];

/** Those, and one that is larger than all buffers between a server and a client that does not read. */
export function slowMails(): Buffer[] {
  return [...mails, mail("huge", lines(attachment(5_000_000), "the end"))];
}

/** What may not stand in a mail, and does: NUL, bare CR. Servers treat these as they please. */
export const strange: readonly Buffer[] = [
  mail("nul", lines("a\0b", "\0", ".\0", "\0.", "x\0.\r")),
  mail("return", lines("a\rb", "\r", ".\r", "\r.", "x\r\r", "\r.\r", "y")),
  mail("unfinished", "no line end"),
  mail("mixture", lines("\0\r", "..\r\0", ".\r\r.\r", "\x80\0\r")),
];

/** The mail as a file of a Unix server holds it: LF where the wire has CRLF. */
export function stored(octets: Buffer): Buffer {
  return Buffer.from(octets.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
}

/** These mails as an mbox file, this octet (or nothing) behind each. None may have a line that starts "From mary@". */
export function mbox(each: readonly Buffer[], behind = "\n"): Buffer {
  const mails = each.map((octets) =>
    stored(octets)
      .toString("latin1")
      .replace(/[^\n]$/, "$&\n"),
  );
  const boxed = mails.map((mail) => `From mary@example.org Thu Jan  1 00:00:00 2026\n${mail}${behind}`);
  return Buffer.from(boxed.join(""), "latin1");
}

/** The mails of such a file. */
export function unboxed(octets: Buffer, behind = "\n"): Buffer[] {
  const parts = octets.toString("latin1").split(/^From mary@.*\n/m);
  return parts.slice(1).map((part) => Buffer.from(part.slice(0, part.length - behind.length), "latin1"));
}
