import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER, now, Watched } from "../../src/base/clock";

/** Has one deadline, and keeps when it was looked at. */
class Sleeper extends Watched {
  readonly looks: number[] = [];
  #deadline = NEVER;

  set deadline(at: number) {
    this.#deadline = at;
    this.watch(at);
  }

  override sweep(at: number): number {
    this.looks.push(at);
    if (at >= this.#deadline) this.#deadline = NEVER;
    return this.#deadline;
  }

  gone(): void {
    this.unwatch();
  }
}

/** Lets all ticks up to a time pass. */
const pass = (at: number) => Watched.sweep(at);

test("an object is looked at when its deadline has passed, and not before", () => {
  const one = new Sleeper();
  const start = now();
  one.deadline = start + 60_000;
  pass(start + 59_000);
  assert.deepEqual(one.looks, []);
  pass(start + 61_000);
  assert.deepEqual(one.looks, [start + 61_000]);
  pass(start + 600_000);
  assert.equal(one.looks.length, 1);
  one.gone();
});

test("a deadline that comes nearer counts; one that goes away is seen at the look", () => {
  const one = new Sleeper();
  const start = now() + 1_000_000;
  one.deadline = start + 60_000;
  one.deadline = start + 10_000;
  one.deadline = start + 90_000;
  pass(start + 11_000);
  assert.equal(one.looks.length, 1, "at the nearest that was ever set");
  pass(start + 61_000);
  assert.equal(one.looks.length, 1);
  pass(start + 91_000);
  assert.equal(one.looks.length, 2);
  one.gone();
});

test("a deadline of the past is seen at the next tick, and what has left at none", () => {
  const [one, other] = [new Sleeper(), new Sleeper()];
  const start = now() + 3_000_000;
  pass(start);
  one.deadline = start - 500;
  other.deadline = start - 500;
  other.gone();
  other.deadline = start - 400;
  pass(start + 300);
  assert.equal(one.looks.length, 1);
  assert.deepEqual(other.looks, []);
  one.gone();
});
