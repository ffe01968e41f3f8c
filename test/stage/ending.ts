/**
 * What a test does at its end: the last thing that was started ends first, so that a server is gone before its folder.
 * (node:test's own after() goes from first to last.)
 */

import type { TestContext } from "node:test";

const steps = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** Does this when the test ends, before what was asked for earlier, and whatever becomes of the rest. */
export function atEnd(t: TestContext, step: () => Promise<void>): void {
  const known = steps.get(t);
  if (known !== undefined) {
    known.push(step);
    return;
  }
  const all = [step];
  steps.set(t, all);
  t.after(async () => {
    const faults: unknown[] = [];
    for (const each of all.reverse()) await each().catch((fault: unknown) => faults.push(fault));
    if (faults.length > 0) throw faults[0];
  });
}
