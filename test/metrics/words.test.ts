/** Numbers and periods as people read them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, octetsInWords, period, short } from "../../src/metrics/words";

test("numbers have three digits, whole ones all of them", () => {
  assert.deepEqual([0, 7, 1234, 99_999, 1_234_567, 0.5, 12.34].map(short), [
    "0",
    "7",
    "1,234",
    "99,999",
    "1.23 M",
    "0.50",
    "12.3",
  ]);
  assert.deepEqual([0, 999, 1000, 1_234_567, 5.2e9].map(octetsInWords), [
    "0 B",
    "999 B",
    "1.00 kB",
    "1.23 MB",
    "5.20 GB",
  ]);
});

test("periods have their two largest units", () => {
  const periods = [-1, 59, 60, 3600, 3660, 86_400, 90_000, 86_400 * 40 + 3600].map(period);
  assert.deepEqual(periods, ["0 s", "59 s", "1 min", "1 h", "1 h 1 min", "1 d", "1 d 1 h", "40 d"]);
  assert.deepEqual([0.0004, 0.0032, 0.12, 2.5, 31].map(duration), ["400 µs", "3.2 ms", "120 ms", "2.50 s", "31.0 s"]);
});
