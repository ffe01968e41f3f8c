import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "../../src/base/slots";

test("places are taken in order, handed over, and left by who gives up", async () => {
  const slots = new Slots(2);
  const never = new AbortController().signal;
  const first = await slots.take(never);
  await slots.take(never);
  const order: number[] = [];
  const third = slots.take(never).then((leave) => {
    order.push(3);
    return leave;
  });
  const gone = new AbortController();
  const fourth = slots.take(gone.signal);
  const fifth = slots.take(never).then((leave) => {
    order.push(5);
    return leave;
  });
  gone.abort(new Error("gone"));
  await assert.rejects(fourth, /gone/);
  await assert.rejects(slots.take(gone.signal), /gone/);
  assert.deepEqual(order, []);
  first();
  const leave = await third;
  assert.deepEqual(order, [3]);
  leave();
  (await fifth)();
  assert.deepEqual(order, [3, 5]);
  const last = await slots.take(never);
  last();
});

test("a place within some time, or none", async () => {
  const slots = new Slots(1);
  const gone = new AbortController();
  const give = await slots.takeWithin(0, gone.signal);
  assert.equal(await slots.takeWithin(1, gone.signal), null);
  const waiting = slots.takeWithin(60_000, gone.signal);
  const left = slots.takeWithin(60_000, gone.signal);
  assert.equal(slots.waiting, 2);
  give?.();
  (await waiting)?.();
  (await left)?.();
  await slots.take(gone.signal);
  const aborted = slots.takeWithin(60_000, gone.signal);
  gone.abort(new Error("gone"));
  await assert.rejects(aborted, /gone/);
  await assert.rejects(slots.takeWithin(60_000, gone.signal), /gone/);
  assert.equal(slots.waiting, 0);
});

test("who has the fewest places comes first, and none has more than his part", async () => {
  const slots = new Slots(3, 2);
  const never = new AbortController().signal;
  const one = [await slots.take(never, "one"), await slots.take(never, "one")];
  const order: string[] = [];
  const taking = (name: string) =>
    slots.take(never, name).then((give) => {
      order.push(name);
      return give;
    });
  const more = [taking("one"), taking("one")];
  // The free place is none of his.
  const give = await taking("two");
  assert.deepEqual([order, slots.waiting], [["two"], 2]);
  const third = taking("three");
  one[0]?.();
  const last = await third;
  assert.deepEqual(order, ["two", "three"]);
  give();
  (await more[0])?.();
  (await more[1])?.();
  one[1]?.();
  last();
  assert.deepEqual([order, slots.waiting], [["two", "three", "one", "one"], 0]);
});
