import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MultilineEnd } from "../../src/protocol/multiline";
import { LONG } from "../stage/draws";

/** The plainest reading of RFC 1939: the first CRLF "." CRLF behind the status line's own CRLF. */
function reference(octets: Buffer): number {
  const at = `\r\n${octets.toString("latin1")}`.indexOf("\r\n.\r\n");
  return at < 0 ? -1 : at - 2 + 5;
}

/** Feeds chunks until one holds the end; the offset of the end in all of them, or -1. */
function feed(chunks: readonly Buffer[]): number {
  const end = new MultilineEnd();
  let offset = 0;
  for (const chunk of chunks) {
    const at = end.find(chunk);
    if (at >= 0) return offset + at;
    offset += chunk.length;
  }
  return -1;
}

function cut(octets: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < octets.length; at += size) chunks.push(octets.subarray(at, at + size));
  return chunks;
}

const BODIES = [
  ".\r\n",
  "a\r\n.\r\n",
  "..\r\n...\r\n.x\r\n.\r\n",
  "foo\0.\r\n.\r\n",
  "\n.\n\r.\r.\r\n\r\n.\r\n",
  "\r\n.\r\r\n.\r\n",
  "\r\r\n.\r\n",
  "x\r\n.\r\n+OK next\r\n.\r\n",
  "no end\r\n.\r",
  "",
];

test("I6: only CRLF.CRLF ends a body, whole, octet by octet, in every cut, with trailing octets", () => {
  for (const body of BODIES) {
    const octets = Buffer.from(body, "latin1");
    const expected = reference(octets);
    for (let size = 1; size <= octets.length; size++) {
      assert.equal(feed(cut(octets, size)), expected, `${JSON.stringify(body)} in chunks of ${size}`);
    }
    for (let at = 0; at <= octets.length; at++) {
      assert.equal(
        feed([octets.subarray(0, at), octets.subarray(at)]),
        expected,
        `${JSON.stringify(body)} cut at ${at}`,
      );
    }
  }
});

test("I6: random octets in random cuts agree with the reference", () => {
  const octet = fc.constantFrom("\r", "\n", ".", "\r\n", "\r\n.", "\r\n.\r\n", "x", "\0", "\x8d");
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 40 }), fc.array(fc.nat(9)), (pieces, sizes) => {
      const octets = Buffer.from(pieces.join(""), "latin1");
      const chunks: Buffer[] = [];
      let at = 0;
      for (const size of sizes) {
        chunks.push(octets.subarray(at, at + size));
        at += size;
      }
      chunks.push(octets.subarray(at));
      assert.equal(feed(chunks), reference(octets));
    }),
    { numRuns: LONG ? 5000 : 1500 },
  );
});
