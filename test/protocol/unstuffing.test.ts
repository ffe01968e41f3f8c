import assert from "node:assert/strict";
import { test } from "node:test";
import { lastLineLength, Unstuffing } from "../../src/protocol/unstuffing";

/** The content of a response, taken out of pieces. */
function content(response: string, ...cuts: number[]): string {
  const unstuffing = new Unstuffing();
  const octets = Buffer.from(response, "latin1");
  const ends = [...cuts, octets.length];
  return ends
    .map((end, index) => unstuffing.next(octets.subarray(ends[index - 1] ?? 0, end)).toString("latin1"))
    .join("");
}

test("I6: the dot that a line has got is taken, wherever chunks are cut", () => {
  for (const [response, expected] of [
    ["", ""],
    ["a\r\nb\r\n", "a\r\nb\r\n"],
    ["..\r\n", ".\r\n"],
    ["a\r\n..b\r\n...\r\n.c.d\r\n", "a\r\n.b\r\n..\r\nc.d\r\n"],
    ["a\n..b\n.\r\n", "a\n.b\n\r\n"],
    ["\r.\r.\0.", "\r.\r.\0."],
    ["\n.\n.\n..", "\n\n\n."],
  ] as const) {
    assert.equal(content(response), expected);
    for (let first = 0; first <= response.length; first++) {
      for (let second = first; second <= response.length; second++) {
        assert.equal(content(response, first, second), expected, JSON.stringify([response, first, second]));
      }
    }
  }
});

test("a chunk without such a dot is not copied", () => {
  const chunk = Buffer.from("a.b\r\nc\r\n");
  assert.equal(new Unstuffing().next(chunk).buffer, chunk.buffer);
});

test("the last line ends as the response does", () => {
  for (const [end, length] of [
    [".\r\n", 3],
    ["\n.\n", 2],
    ["x.\n", 2],
  ] as const) {
    assert.equal(lastLineLength(Buffer.from(end)), length, JSON.stringify(end));
  }
});
