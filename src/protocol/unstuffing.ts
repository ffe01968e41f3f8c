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
    let from = this.#atLineStart && chunk[0] === DOT ? 1 : 0;
    this.#atLineStart = chunk.at(-1) === LF;
    const parts: Buffer[] = [];
    for (let at = chunk.indexOf(STUFFED, from); at >= 0; at = chunk.indexOf(STUFFED, from)) {
      parts.push(chunk.subarray(from, at + 1));
      from = at + STUFFED.length;
    }
    const rest = chunk.subarray(from);
    return parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
  }
}
