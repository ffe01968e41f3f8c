/**
 * The outlet with wires of paper: what is sent when, what is kept, what is counted.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Outlet, type WireEvents } from "../../src/log/outlet";

/** An outlet whose wires keep what they are given, and tell what the test says. */
class Paper {
  readonly batches: string[][] = [];
  dialled = 0;
  dropped = 0;
  fails = false;
  tell: WireEvents | null = null;
  readonly outlet = new Outlet(
    (tell) => {
      this.dialled++;
      if (this.fails) throw new Error("no way out");
      this.tell = tell;
      return {
        send: (messages) => void this.batches.push(messages.map(String)),
        end: () => Promise.resolve(),
        drop: () => this.dropped++,
      };
    },
    (messages) => Buffer.from(`lost ${messages}`),
  );

  push(...texts: string[]): void {
    for (const text of texts) this.outlet.push(Buffer.from(text));
  }
}

/** Pauses pass when the test says so. */
const timers = (t: TestContext) => t.mock.timers.enable({ apis: ["setTimeout"] });

/** The time in which messages are gathered passes. */
async function gathered(t: TestContext): Promise<void> {
  t.mock.timers.tick(20);
  await turn();
}

test("a wire is opened with the first message; a turn's messages are one batch, and the next waits for it", async (t) => {
  timers(t);
  const paper = new Paper();
  await turn();
  assert.equal(paper.dialled, 0);
  paper.push("a", "b");
  assert.equal(paper.batches.length, 0);
  await turn();
  paper.push("c");
  await turn();
  paper.push("d");
  await turn();
  assert.deepEqual(paper.batches, [["a", "b"]]);
  paper.tell?.taken(1);
  await turn();
  assert.deepEqual(paper.batches, [["a", "b"]]);
  paper.tell?.taken(1);
  paper.push("e");
  await gathered(t);
  assert.deepEqual(paper.batches, [
    ["a", "b"],
    ["c", "d", "e"],
  ]);
  paper.tell?.taken(99);
  assert.equal(paper.dialled, 1);
});

test("what waits is bounded in octets; what is beyond is counted and told first", async (t) => {
  timers(t);
  const paper = new Paper();
  const text = "x".repeat(1000);
  for (let n = 0; n < 1000; n++) paper.push(text);
  await turn();
  const kept = Math.floor((256 * 1024) / 1000);
  for (let batches = 0; paper.batches.flat().length < kept + 1; batches++) {
    assert.ok(batches < 20);
    const batch = paper.batches.at(-1) as string[];
    assert.ok(batch.join("").length <= 32 * 1024);
    paper.tell?.taken(batch.length);
    await gathered(t);
  }
  const all = paper.batches.flat();
  assert.equal(all[0], `lost ${1000 - kept}`);
  assert.equal(all.filter((one) => one === text).length, kept);
});

test("a wire that goes: unsent messages are sent again, others count, and so do those a lost notice told of", async (t) => {
  timers(t);
  const paper = new Paper();
  paper.push("a", "b", "c");
  await turn();
  paper.tell?.taken(1);
  paper.tell?.closed(true);
  t.mock.timers.tick(250);
  assert.deepEqual(paper.batches.pop(), ["b", "c"]);
  paper.tell?.closed(false);
  paper.push("d");
  t.mock.timers.tick(500);
  assert.deepEqual(paper.batches.pop(), ["lost 2", "d"]);
  paper.tell?.lost(1);
  paper.tell?.closed(true);
  t.mock.timers.tick(1000);
  assert.deepEqual(paper.batches.pop(), ["lost 3", "d"]);
  paper.tell?.closed(false);
  t.mock.timers.tick(2000);
  assert.deepEqual(paper.batches.pop(), ["lost 4"]);
  paper.tell?.taken(1);
  paper.push("e");
  await gathered(t);
  assert.deepEqual(paper.batches.pop(), ["e"]);
});

test("pauses grow to ten seconds; meanwhile nothing is tried, and a wire of old tells nothing any more", async (t) => {
  timers(t);
  const paper = new Paper();
  paper.fails = true;
  paper.push("a");
  await turn();
  assert.equal(paper.dialled, 1);
  let tries = 1;
  for (const pause of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
    t.mock.timers.tick(pause - 1);
    paper.push("b");
    await turn();
    assert.equal(paper.dialled, tries++);
    t.mock.timers.tick(1);
  }
  paper.fails = false;
  t.mock.timers.tick(10_000);
  const old = paper.tell;
  assert.equal(paper.batches.length, 1);
  old?.closed(true);
  t.mock.timers.tick(10_000);
  assert.equal(paper.batches.length, 2);
  old?.taken(9);
  old?.lost(9);
  old?.closed(false);
  paper.tell?.taken(9);
  await turn();
  assert.equal(paper.batches.length, 2);
});

test("close() sends what waits, once more even in a pause, and then lets go", async (t) => {
  const paper = new Paper();
  paper.push("a");
  const closed = paper.outlet.close();
  assert.deepEqual(paper.batches, [["a"]]);
  paper.push("too late");
  paper.tell?.taken(1);
  await closed;
  assert.equal(paper.dropped, 1);
  assert.deepEqual(paper.batches, [["a"]]);
  await paper.outlet.close();

  const away = new Paper();
  away.fails = true;
  away.push("a");
  await turn();
  await away.outlet.close();
  assert.equal(away.dialled, 2);

  const full = new Paper();
  full.fails = true;
  for (let n = 0; n < 300; n++) full.push("x".repeat(1000));
  await full.outlet.close();
  await turn();
  assert.equal(full.dialled, 1);

  timers(t);
  const slow = new Paper();
  slow.push("a");
  await turn();
  const late = slow.outlet.close();
  t.mock.timers.tick(1000);
  await late;
  assert.equal(slow.dropped, 1);

  await new Paper().outlet.close();
});
