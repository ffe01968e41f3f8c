/**
 * The mail that a client gets instead of one that is infected, or too large to be scanned (RFC 5322, RFC 2045). What it
 * tells of the other mail comes from strangers: nothing of that can become a header, a second mail, or the end of this
 * one.
 */

import { hasControl } from "../protocol/octets";

/** What a notice tells. */
export interface Told {
  /** Why the mail is withheld: the name of what was found in it, or null if it is too large. */
  readonly virus: string | null;
  /** The header of the mail, or as much of it as there is; latin1. */
  readonly header: string;
  /** The user who logged in; latin1. */
  readonly user: string;
  /** The server that still has the mail. */
  readonly server: string;
  /** The name of this machine. */
  readonly host: string;
  readonly date: Date;
  /** Distinguishes it from other notices of this machine. */
  readonly id: string;
}

/** The longest line of the notice, in octets without CRLF (RFC 5322, 2.1.1: 998). */
const LINE_BOUND = 900;

/** The longest value that a header of the notice quotes, in octets. */
const VALUE_BOUND = 200;

/** The most of the other mail's header that is quoted, in octets. */
const QUOTE_BOUND = 16 * 1024;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The notice as the body of a response: dot-stuffed, with its last line; latin1, with UTF-8 in it. */
export function notice({ virus, header, user, server, host, date, id }: Told): string {
  const from = headerValue(header, "From") || "unknown";
  const subject = headerValue(header, "Subject") || "no subject";
  const name = virus === null ? "" : asciiOf(virus).slice(0, VALUE_BOUND);
  const [what, found] =
    virus === null
      ? ["Not scanned", "it is larger than the virus scanner takes"]
      : [`Virus ${name}`, `the virus scanner has found ${name} in it`];
  const lines = [
    `From: "Virus scanner" <MAILER-DAEMON@${host}>`,
    `To: ${headerValue(header, "To") || `<${asciiOf(user).replace(/[<>\s]/g, "")}>`}`,
    `Subject: ${what}: ${subject}`.slice(0, LINE_BOUND),
    `Date: ${rfc5322(date)}`,
    `Message-ID: <${id}@${host}>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "Auto-Submitted: auto-generated",
    ...(virus === null ? ["X-Virus-Scan: too large"] : [`X-Virus-Scan: infected; ${name}`]),
    "",
    `A mail from ${from} is withheld,`,
    `because ${found}.`,
    `It is still on the server ${asciiOf(server)}.`,
    "",
    "The header of that mail:",
    "",
    ...quoted(header),
  ];
  return `${lines.map((line) => (line.startsWith(".") ? `.${line}` : line)).join("\r\n")}\r\n.\r\n`;
}

/** A header's value for a header or a line of the notice: one line of printable ASCII. */
function headerValue(header: string, name: string): string {
  const unfolded = header.replace(/\r?\n(?=[ \t])/g, "");
  const [, text = ""] = new RegExp(`^${name}[ \\t]*:(.*)$`, "im").exec(unfolded.replaceAll("\r", "")) ?? [];
  return asciiOf(text).trim().slice(0, VALUE_BOUND);
}

function asciiOf(text: string): string {
  return text.replace(/[\t\r\n]+/g, " ").replace(/[^ -~]/g, "?");
}

/** The header as it is read, line by line, without what is not text. */
function quoted(header: string): string[] {
  const text = Buffer.from(header.slice(0, QUOTE_BOUND), "latin1").toString("utf8");
  return text.split(/\r?\n/).flatMap((line) => {
    const shown = [...line].map((one) => (hasControl(one) && one !== "\t" ? "?" : one)).join("");
    const octets = Buffer.from(shown).toString("latin1");
    // Not inside a character of UTF-8.
    const pieces = octets.match(new RegExp(`[^]{1,${LINE_BOUND}}(?![\\x80-\\xbf])`, "g")) ?? [""];
    // Not trimEnd: as latin1, octets of UTF-8 look like blanks.
    return pieces.map((piece) => `> ${piece}`.replace(/[ \t]+$/, ""));
  });
}

function rfc5322(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
