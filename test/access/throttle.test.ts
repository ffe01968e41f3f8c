import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "../../src/access/throttle";

const LIMITS = { refusal: 2, refusalMost: 15 };

test("L10: delays double up to the limit, are forgotten after success and after ten minutes", () => {
  const refusals = new Throttle();
  const delays = Array.from({ length: 6 }, () => refusals.add("192.0.2.1", LIMITS, 0));
  assert.deepEqual(delays, [2, 4, 8, 15, 15, 15]);
  assert.equal(refusals.add("192.0.2.2", LIMITS, 0), 2);
  refusals.forget("192.0.2.1");
  assert.equal(refusals.add("192.0.2.1", LIMITS, 0), 2);
  assert.equal(refusals.add("192.0.2.1", LIMITS, 9 * 60_000), 4);
  assert.equal(refusals.add("192.0.2.1", LIMITS, 19 * 60_000), 2);
});

test("L10: an IPv6 client is its /64", () => {
  const refusals = new Throttle();
  refusals.add("2001:db8:1:2::5", LIMITS, 0);
  assert.equal(refusals.add("2001:db8:1:2:aaaa:bbbb:cccc:dddd", LIMITS, 0), 4);
  assert.equal(refusals.add("2001:db8:1:3::5", LIMITS, 0), 2);
});

test("L10: a flood of addresses does not grow the memory without bound", () => {
  const refusals = new Throttle();
  refusals.add("203.0.113.1", LIMITS, 0);
  for (let i = 0; i < 10_000; i++) refusals.add(`10.0.${i >> 8}.${i & 255}`, LIMITS, 0);
  assert.equal(refusals.add("203.0.113.1", LIMITS, 0), 2, "the oldest was forgotten");
});
