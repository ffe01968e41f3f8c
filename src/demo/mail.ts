/**
 * One mail as the server keeps it: its octets, and what is worked out from them once and then kept, when asked for.
 * A line is what ends in CRLF: a bare CR or LF is an octet like any other (RFC 1939, 3; RFC 5322, 2.3).
 */

import { createHash } from "node:crypto";

const DOT = 0x2e;
const CRLF = "\r\n";
const TERMINATION = Buffer.from(".\r\n", "latin1");

/**
 * Dot-stuffing (RFC 1939, 3): each line that begins with a dot gets one more in front.
 *
 * @param message whole lines, as in a mailbox
 * @returns what goes between the status line and the terminating dot; the same Buffer if nothing had to be stuffed
 */
export function stuff(message: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  // Each part ends behind a line's first dot, and the next one begins with that dot once more.
  for (let dot = message[0] === DOT ? 0 : nextDot(message, 0); dot >= 0; dot = nextDot(message, dot)) {
    parts.push(message.subarray(from, dot + 1));
    from = dot;
  }
  return parts.length === 0 ? message : Buffer.concat([...parts, message.subarray(from)]);
}

/** Where the first line behind `from` stands that begins with a dot; -1: there is none. */
function nextDot(message: Buffer, from: number): number {
  const at = message.indexOf("\r\n.", from, "latin1");
  return at < 0 ? -1 : at + CRLF.length;
}

export class Mail {
  #uid = "";
  #whole: Buffer | null = null;

  /**
   * @param octets raw, not stuffed; empty or ending in CRLF. Nobody may write into them from now on.
   * @throws TypeError if they end otherwise: POP3 can't bring such a mail as it is
   */
  constructor(readonly octets: Buffer) {
    if (octets.length > 0 && !octets.subarray(-2).equals(Buffer.from(CRLF))) throw new TypeError("a mail ends in CRLF");
  }

  /** Octets, before stuffing (RFC 1939, 11). */
  get size(): number {
    return this.octets.length;
  }

  /** The unique-id (RFC 1939, 7): from the content alone, so that identical mails share it, as the RFC permits. */
  get uid(): string {
    this.#uid ||= createHash("sha256").update(this.octets).digest("hex").slice(0, 16);
    return this.#uid;
  }

  /** The response to RETR, from the status line to the terminating dot. */
  get whole(): Buffer {
    this.#whole ??= response(`+OK ${this.size} octets`, this.octets);
    return this.#whole;
  }

  /** The response to TOP (RFC 1939, 7): the header, the empty line and the first lines of the body. */
  top(lines: number): Buffer {
    const header = this.octets.indexOf("\r\n\r\n", 0, "latin1");
    let end = header < 0 ? this.size : header + 2 * CRLF.length;
    for (let left = lines; left > 0 && end < this.size; left--) end = this.octets.indexOf(CRLF, end) + CRLF.length;
    return response("+OK top of the message follows", this.octets.subarray(0, end));
  }
}

function response(status: string, lines: Buffer): Buffer {
  return Buffer.concat([Buffer.from(status + CRLF, "latin1"), stuff(lines), TERMINATION]);
}
