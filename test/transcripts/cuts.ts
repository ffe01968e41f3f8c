/** Where a transcript is cut off: at every octet of both legs in the long form, else at a draw of them. */

import { LONG, shuffled } from "../stage/draws";
import type { Cut } from "./play";
import { said, type Transcript } from "./transcript";

/** The most cuts of one leg in the short form. */
const BOUND = 4;

/** The most of them at the ends of the leg and around line ends, so that the insides of lines have their share. */
const AT_LINE_ENDS = 3;

/** The cuts of both legs. */
export function cutsOf(transcript: Transcript): Cut[] {
  return (["client", "server"] as const).flatMap((leg) => {
    const octets = said(transcript[leg], "peer");
    const cuts = allCuts(leg, octets);
    return LONG ? cuts : first(shuffled(cuts, `${transcript.name} ${leg}`), octets);
  });
}

function allCuts(leg: Cut["leg"], octets: string): Cut[] {
  const cuts: Cut[] = [];
  for (let at = 0; at < octets.length; at++) {
    for (const how of ["closes", "resets"] as const) cuts.push({ leg, at, how });
  }
  return cuts;
}

/** One at the first octet and one at the last, then some at line ends, then any others. */
function first(cuts: readonly Cut[], octets: string): Cut[] {
  const ends = [0, octets.length - 1].flatMap((end) => cuts.find(({ at }) => at === end) ?? []);
  const others = cuts.filter((cut) => !ends.includes(cut));
  // Before the CR, between CR and LF, behind the LF.
  const isAtLineEnd = ({ at }: Cut) => /[\r\n]/.test(octets.slice(Math.max(at - 1, 0), at + 1));
  const atLineEnds = others.filter(isAtLineEnd).slice(0, AT_LINE_ENDS - ends.length);
  const anywhere = others.filter((cut) => !atLineEnds.includes(cut));
  return [...ends, ...atLineEnds, ...anywhere].slice(0, BOUND);
}
