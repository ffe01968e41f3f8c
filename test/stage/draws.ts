/**
 * Tests with a long form. The long form (POP3_TEST_LONG=1) has every case and the full numbers; the short form has a draw
 * of the cases, and numbers that are just large enough. POP3_TEST_SEED repeats a draw.
 */

import { basename } from "node:path";
import { test } from "node:test";

/** Everything, instead of a draw. */
export const LONG = (process.env.POP3_TEST_LONG ?? "") !== "";

/** The part of the runs of the short form that has a file of `testOfDraw`. */
const SHARE = 1 / 3;

/** What the draws depend on, besides their topics. */
const SEED = seed(process.env.POP3_TEST_SEED);

/** What the environment needs to repeat this run. */
export const REPEAT = LONG ? "POP3_TEST_LONG=1" : `POP3_TEST_SEED=${SEED}`;

/** Says which form this is, and what repeats its draws. @param what is drawn */
export function tellDraw(what: string): void {
  console.log(LONG ? `the long form: all ${what}` : `the ${what} are drawn by ${REPEAT}`);
}

/** All items in the long form, else so many of them. @param topic what is drawn: every topic has draws of its own */
export function drawn<Item>(items: readonly Item[], count: number, topic: string): Item[] {
  return LONG ? [...items] : shuffled(items, topic).slice(0, count);
}

/** The items in an order that the seed and the topic determine. */
export function shuffled<Item>(items: readonly Item[], topic: string): Item[] {
  const next = randomFor(topic);
  const shuffled = [...items];
  for (let left = shuffled.length; left > 1; left--) {
    const at = Math.floor(next() * left);
    [shuffled[at], shuffled[left - 1]] = [shuffled[left - 1] as Item, shuffled[at] as Item];
  }
  return shuffled;
}

/** Numbers from 0 up to 1 that the seed and the topic determine. */
export function randomFor(topic: string): () => number {
  return random(`${SEED} ${topic}`);
}

function seed(given: string | undefined): number {
  if (given === undefined || given === "") return Date.now() % 0x1_0000_0000;
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`POP3_TEST_SEED is not a number: ${given}`);
  return number;
}

/** Numbers from 0 up to 1 that a text determines: FNV-1a of the text, then mulberry32. */
function random(text: string): () => number {
  let state = 0x811c9dc5;
  for (const octet of Buffer.from(text)) state = Math.imul(state ^ octet, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * `test` for a file of which the short form runs all or nothing, by a draw: one that starts many processes for each of
 * its tests. It says so when it runs nothing.
 */
export function testOfDraw(): typeof test {
  const file = basename(process.argv[1] ?? "");
  if (LONG || randomFor(file)() < SHARE) return test;
  console.log(`${file} is not in the draw of ${REPEAT}; POP3_TEST_LONG=1 runs it`);
  return (() => Promise.resolve()) as unknown as typeof test;
}
