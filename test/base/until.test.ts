import assert from "node:assert/strict";
import { test } from "node:test";
import { Abort, pause, type Until, unlessAborted } from "../../src/base/until";

test("an Abort calls each listener once, with its first reason; an AbortSignal is an Until, too", () => {
  const one = new Abort();
  let calls = 0;
  const listener = () => calls++;
  const removed = () => assert.fail("it was removed");
  one.addEventListener("abort", listener);
  one.addEventListener("abort", removed);
  one.removeEventListener("abort", removed);
  one.throwIfAborted();
  one.abort("first");
  one.abort("second");
  assert.equal(calls, 1);
  assert.equal(one.reason, "first");
  assert.throws(() => one.throwIfAborted(), /first/);
  const other: Until = AbortSignal.abort("gone");
  assert.ok(other.aborted);
});

test("a pause ends with its time, or with the reason of what ends it", async () => {
  await pause(1, new Abort());
  const abort = new Abort();
  const long = pause(60_000, abort);
  abort.abort(new Error("hung up"));
  await assert.rejects(long, /hung up/);
  await assert.rejects(pause(60_000, abort), /hung up/);
});

test("a wait is given up with a reason, and what it waited for goes on and may fail unheard", async () => {
  assert.equal(await unlessAborted(Promise.resolve("there"), new Abort()), "there");
  await assert.rejects(unlessAborted(Promise.reject(new Error("failed")), new Abort()), /failed/);
  const abort = new Abort();
  const long = unlessAborted(new Promise(() => {}), abort);
  abort.abort(new Error("hung up"));
  await assert.rejects(long, /hung up/);
  await assert.rejects(unlessAborted(Promise.reject(new Error("failed")), abort), /hung up/);
});
