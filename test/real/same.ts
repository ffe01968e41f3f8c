/**
 * Comparing mails: megabytes, so a difference is reported as the place where it begins, not as a whole.
 */

import assert from "node:assert/strict";

/** Asserts that two mails, or lists of mails in the same order, are the same octet for octet. */
export function same(actual: Buffer | readonly Buffer[], expected: Buffer | readonly Buffer[]): void {
  const got = Buffer.isBuffer(actual) ? [actual] : (actual as readonly Buffer[]);
  const wanted = Buffer.isBuffer(expected) ? [expected] : (expected as readonly Buffer[]);
  assert.equal(got.length, wanted.length, "number of mails");
  for (const [index, octets] of wanted.entries()) sameOctets(got[index] as Buffer, octets, `mail ${index + 1}`);
}

function sameOctets(actual: Buffer, expected: Buffer, name: string): void {
  if (actual.equals(expected)) return;
  let at = 0;
  while (actual[at] === expected[at] && at < expected.length) at++;
  const near = (octets: Buffer) => JSON.stringify(octets.toString("latin1", Math.max(0, at - 20), at + 60));
  const lengths = `${actual.length} octets, not ${expected.length}`;
  assert.fail(`${name} differs at octet ${at} (${lengths}): ${near(actual)}, not ${near(expected)}`);
}

/** Mails in an order of their own, for what has none. */
export function sorted(mails: readonly Buffer[]): Buffer[] {
  return [...mails].sort(Buffer.compare);
}
