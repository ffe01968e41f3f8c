/**
 * Random dialogues through a whole gateway, judged by a model of their own. Each play comes from one number. A run plays
 * the seeds of seeds.txt, and then new ones: a number of them, in the long form for a minute, or for POP3_FUZZ_SECONDS.
 * POP3_FUZZ_SEED is the first of them. With POP3_FUZZ_SECONDS=0 only that one is played.
 */

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LONG } from "../stage/draws";
import { play } from "./play";

const KEPT = join(__dirname, "..", "..", "..", "test", "fuzz", "seeds.txt");

const { POP3_FUZZ_SECONDS: seconds = LONG ? "60" : null, POP3_FUZZ_SEED: given } = process.env;

/** New dialogues where no time is given for them. */
const COUNT = 40;

/** So many plays at once. */
const AT_ONCE = 6;

/** Plays the dialogue of a seed. @returns what was wrong, with all that repeats it; null: nothing */
async function failing(seed: number): Promise<string | null> {
  const repeat = `POP3_FUZZ_SECONDS=0 POP3_FUZZ_SEED=${seed} node --test build/test/fuzz/fuzz.test.js`;
  try {
    const { faults, told } = await play(seed);
    return faults.length === 0 ? null : `${repeat}\n${faults.join("\n")}\n${told()}`;
  } catch (thrown) {
    return `${repeat}\n${thrown instanceof Error ? thrown.stack : thrown}`;
  }
}

/** Plays them, some at once, until one fails. */
async function playAll(next: () => number | null): Promise<number> {
  let count = 0;
  let failed: string | null = null;
  const one = async () => {
    for (let seed = next(); seed !== null && failed === null; seed = next()) {
      const outcome = await failing(seed);
      failed ??= outcome;
      count++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  if (failed !== null) assert.fail(failed);
  return count;
}

test("dialogues that have failed before", async () => {
  const lines = readFileSync(KEPT, "utf8").match(/^\d+/gm) ?? [];
  const seeds = lines.map(Number);
  await playAll(() => seeds.shift() ?? null);
});

test("random dialogues: the gateway says and hears only what it may, and ends", async (t) => {
  const first = given === undefined ? randomInt(2 ** 31) : Number(given);
  const until = performance.now() + Number(seconds) * 1000;
  let seed = first;
  const isDue = () => (seconds === null ? seed < first + COUNT : seed === first || performance.now() < until);
  const count = await playAll(() => (isDue() ? seed++ : null));
  t.diagnostic(`${count} dialogues, seeds ${first} to ${seed - 1}`);
});
