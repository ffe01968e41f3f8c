/**
 * Where a transcript is cut off: at every octet of both legs in the long form (POP3_TEST_LONG=1), else at a bounded
 * number of octets, drawn by a seed. POP3_TEST_SEED repeats a draw.
 */

import type { Cut } from "./play";
import { said, type Transcript } from "./transcript";

/** All cuts, instead of a draw. */
export const LONG = (process.env.POP3_TEST_LONG ?? "") !== "";

/** What the draws depend on, besides the transcript. */
export const SEED = seed(process.env.POP3_TEST_SEED);

/** The most cuts of one leg in the short form. */
const BOUND = 16;

/** The most of them at the ends of the leg and around line ends, so that the insides of lines have their share. */
const AT_LINE_ENDS = 11;

/** The cuts of both legs. */
export function cutsOf(transcript: Transcript): Cut[] {
  return (["client", "server"] as const).flatMap((leg) => {
    const octets = said(transcript[leg], "peer");
    return LONG ? allCuts(leg, octets) : drawnCuts(leg, octets, random(`${SEED} ${transcript.name} ${leg}`));
  });
}

function allCuts(leg: Cut["leg"], octets: string): Cut[] {
  const cuts: Cut[] = [];
  for (let at = 0; at < octets.length; at++) {
    for (const how of ["closes", "resets"] as const) cuts.push({ leg, at, how });
  }
  return cuts;
}

/** The first and the last octet always, then line ends, then any others. */
function drawnCuts(leg: Cut["leg"], octets: string, next: () => number): Cut[] {
  const cuts = allCuts(leg, octets);
  const ends = cuts.filter(({ at }) => at === 0 || at === octets.length - 1);
  const others = shuffled(cuts, next).filter((cut) => !ends.includes(cut));
  // Before the CR, between CR and LF, behind the LF.
  const isAtLineEnd = ({ at }: Cut) => /[\r\n]/.test(octets.slice(Math.max(at - 1, 0), at + 1));
  const atLineEnds = others.filter(isAtLineEnd).slice(0, AT_LINE_ENDS - ends.length);
  const anywhere = others.filter((cut) => !atLineEnds.includes(cut));
  return [...ends, ...atLineEnds, ...anywhere].slice(0, BOUND);
}

function shuffled<Item>(items: readonly Item[], next: () => number): Item[] {
  const shuffled = [...items];
  for (let left = shuffled.length; left > 1; left--) {
    const at = Math.floor(next() * left);
    [shuffled[at], shuffled[left - 1]] = [shuffled[left - 1] as Item, shuffled[at] as Item];
  }
  return shuffled;
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
