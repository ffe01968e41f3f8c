import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { oneByOne } from "../../src/app/signals";

test("B26: many SIGHUP are one reload after another with pauses, and one after the last", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let reloads = 0;
  const hangUp = oneByOne(() => void reloads++);
  hangUp();
  assert.equal(reloads, 1, "the first at once");
  for (let i = 0; i < 1000; i++) hangUp();
  t.mock.timers.tick(99);
  assert.equal(reloads, 1);
  // Where the processor was taken away in the first reload, its pause is longer.
  t.mock.timers.tick(60_000);
  assert.equal(reloads, 2, "one for all that came meanwhile");
  t.mock.timers.tick(60_000);
  assert.equal(reloads, 2);
  hangUp();
  assert.equal(reloads, 3, "at once again after a pause");
});

test("B26: the pause grows with the time that a reload takes", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let reloads = 0;
  const hangUp = oneByOne(() => {
    reloads++;
    for (const end = performance.now() + 50; performance.now() < end; );
  });
  hangUp();
  hangUp();
  t.mock.timers.tick(400);
  assert.equal(reloads, 1);
  t.mock.timers.tick(600_000);
  assert.equal(reloads, 2);
});

test("B26: however long a reload takes, such as on a busy machine, the next one comes 5 seconds later at most", async (t) => {
  const long = pause(600);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let reloads = 0;
  const hangUp = oneByOne(() => {
    reloads++;
    return long;
  });
  hangUp();
  hangUp();
  await long;
  await new Promise(setImmediate);
  t.mock.timers.tick(4999);
  assert.equal(reloads, 1);
  t.mock.timers.tick(1);
  assert.equal(reloads, 2);
});
