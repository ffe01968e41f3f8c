/**
 * A peer that sends much at once does not stop the other connections.
 */

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { OVERLONG, Reader } from "../../src/connection/reader";

/** How many turns the event loop makes while `act` runs. */
async function turnsDuring(act: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await act().finally(() => {
    over = true;
  });
  return turns;
}

test("R6: thousands of lines in one chunk leave other connections their turns", async () => {
  const stream = new PassThrough();
  const reader = new Reader(stream, null);
  const count = 2000;
  stream.write("NOOP\r\n".repeat(count));
  assert.equal(await reader.line(255), "NOOP");
  const turns = await turnsDuring(async () => {
    for (let i = 1; i < count; i++) assert.equal(await reader.line(255), "NOOP");
  });
  assert.ok(turns >= 50, `${turns} turns`);
});

test("R6: a line without an end is not read on before other connections had their turn", async () => {
  const stream = new PassThrough();
  const reader = new Reader(stream, null);
  stream.write("x".repeat(300));
  assert.equal(await reader.line(255), OVERLONG);
  const skipped = reader.skipLine();
  await new Promise(setImmediate);
  // As libuv reads: chunk after chunk in one turn, until reading is stopped.
  let chunks = 0;
  for (; chunks < 32 && !stream.isPaused(); chunks++) {
    stream.emit("data", Buffer.alloc(65_536, "x"));
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }
  assert.ok(chunks < 4, `${chunks} chunks were read`);
  stream.write("x\r\nNOOP\r\n");
  assert.equal(await skipped, true);
  assert.equal(await reader.line(255), "NOOP");
});

test("the end of an overlong line may come in any turn", async () => {
  for (let turns = 0; turns < 4; turns++) {
    const stream = new PassThrough();
    const reader = new Reader(stream, null);
    stream.write("x".repeat(300));
    assert.equal(await reader.line(255), OVERLONG);
    const skipped = reader.skipLine();
    for (let i = 0; i < turns; i++) await new Promise(setImmediate);
    stream.write("x\r\n");
    assert.equal(await skipped, true);
  }
});
