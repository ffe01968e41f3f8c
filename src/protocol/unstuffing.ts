/**
 * The content of a multi-line response (RFC 1939, 3), wherever chunks are cut: without the dot that a line beginning with
 * a dot has got. Lines end in LF here, as they do for clients.
 */

const DOT = 0x2e;
const LF = 0x0a;
const STUFFED = Buffer.from("\n.");

/** How long the last line of a response is, by the last three octets of it: "." with CRLF, or with a bare LF. */
export function lastLineLength(end: Buffer): number {
  return end.toString("latin1") === ".\r\n" ? 3 : 2;
}

/** Takes the dots out. Make a new instance for each response. */
export class Unstuffing {
  #atLineStart = true;

  /**
   * The content in a chunk.
   *
   * @param chunk the next octets of the response, without its last line
   * @returns octets of the chunk, if no dot is inside it
   */
  next(chunk: Buffer): Buffer {
    if (chunk.length === 0) return chunk;
    const from = this.#atLineStart && chunk[0] === DOT ? 1 : 0;
    this.#atLineStart = chunk.at(-1) === LF;
    const first = chunk.indexOf(STUFFED, from);
    if (first < 0) return chunk.subarray(from);
    // Octet by octet: pieces between dots would be many where each line begins with one.
    const content = Buffer.allocUnsafe(chunk.length - from);
    let length = chunk.copy(content, 0, from, first + 1);
    let before = LF;
    for (let at = first + 1; at < chunk.length; at++) {
      const octet = chunk[at] as number;
      if (octet !== DOT || before !== LF) content[length++] = octet;
      before = octet;
    }
    return content.subarray(0, length);
  }
}
