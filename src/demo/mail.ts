/**
 * One mail of the sample server: its octets, and its unique-id and response to RETR, which are computed at the first
 * use and kept. A line ends in CRLF; a bare CR or LF is an octet like any other (RFC 1939, 3; RFC 5322, 2.3).
 */

import { createHash } from "node:crypto";

const DOT = 0x2e;
const CRLF = "\r\n";
const TERMINATION = Buffer.from(".\r\n", "latin1");

/**
 * Dot-stuffing (RFC 1939, 3): each line that begins with a dot gets a second dot before it.
 *
 * @param message whole lines, not stuffed
 * @returns the lines between the status line and the terminating dot; the same Buffer if no line begins with a dot
 */
export function stuff(message: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  // Each part ends after a line's first dot, and the next part begins with the same dot.
  for (let dot = message[0] === DOT ? 0 : nextDot(message, 0); dot >= 0; dot = nextDot(message, dot)) {
    parts.push(message.subarray(from, dot + 1));
    from = dot;
  }
  return parts.length === 0 ? message : Buffer.concat([...parts, message.subarray(from)]);
}

/** The offset of the next line after `from` that begins with a dot; -1: there is none. */
function nextDot(message: Buffer, from: number): number {
  const at = message.indexOf("\r\n.", from, "latin1");
  return at < 0 ? -1 : at + CRLF.length;
}

/** A mail. */
export class Mail {
  #uid = "";
  #whole: Buffer | null = null;

  /**
   * @param octets not stuffed; empty or ending in CRLF. They must not be changed from now on.
   * @throws TypeError if they do not end in CRLF: POP3 can't transfer such a mail unchanged
   */
  constructor(readonly octets: Buffer) {
    if (octets.length > 0 && !octets.subarray(-2).equals(Buffer.from(CRLF))) throw new TypeError("a mail ends in CRLF");
  }

  /** The size in octets, before dot-stuffing (RFC 1939, 11). */
  get size(): number {
    return this.octets.length;
  }

  /** The unique-id (RFC 1939, 7), a hash of the octets. Identical mails have the same one, as the RFC permits. */
  get uid(): string {
    this.#uid ||= createHash("sha256").update(this.octets).digest("hex").slice(0, 16);
    return this.#uid;
  }

  /** The response to RETR, from the status line to the terminating dot. */
  get whole(): Buffer {
    this.#whole ??= response(`+OK ${this.size} octets`, this.octets);
    return this.#whole;
  }

  /** The response to TOP (RFC 1939, 7): the header, the empty line, and the first `lines` lines of the body. */
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
