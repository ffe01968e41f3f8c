/** What the two peers of a gateway did and heard in one play, in the order of time. */

import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

export type Who = "client" | "server";

/**
 * "ended": the gateway has ended its side. "dirty": from here on the peer breaks the protocol. "rests", "rested": a
 * pause begins, and is over. "secured": TLS is up.
 */
export type Deed =
  | "wrote"
  | "heard"
  | "secured"
  | "ended"
  | "dirty"
  | "half-closes"
  | "closes"
  | "resets"
  | "rests"
  | "rested"
  | "stalls";

export interface Entry {
  readonly who: Who;
  readonly deed: Deed;
  /** Latin1. */
  readonly octets: string;
}

/** So many turns of the event loop let everything happen that the octets and signals under way cause. */
const TURNS = 8;

/** The time between two looks at what may hold, in milliseconds. */
const LOOK = 30;

export class Journal {
  readonly entries: Entry[] = [];
  /** The octets of all entries. */
  size = 0;
  readonly #done = new Set<string>();
  readonly #waiting = new Set<() => void>();

  add(who: Who, deed: Deed, octets = ""): void {
    this.entries.push({ who, deed, octets });
    this.size += octets.length;
    this.#done.add(`${who} ${deed}`);
    for (const wake of [...this.#waiting]) wake();
  }

  has(who: Who, ...deeds: readonly Deed[]): boolean {
    return deeds.some((deed) => this.#done.has(`${who} ${deed}`));
  }

  /** A pause, in which all that is under way arrives. */
  async rest(who: Who, milliseconds: number): Promise<void> {
    this.add(who, "rests");
    await wait(milliseconds);
    await turns();
    this.add(who, "rested");
  }

  /** Waits until something holds. @returns whether it does; false: nothing has happened for `patience` milliseconds */
  async until(holds: () => boolean, patience: number): Promise<boolean> {
    for (let left = patience, { length } = this.entries; !holds(); { length } = this.entries) {
      // What holds may depend on more than the journal.
      const time = Math.min(left, LOOK);
      const happened = await this.#happens(time);
      // After a turn of the event loop that took long, this timer is the first to know.
      if (!happened) await turns();
      left = this.entries.length > length ? patience : left - time;
      if (left <= 0) return holds();
    }
    return true;
  }

  #happens(patience: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = () => over(true);
      const timer = setTimeout(() => over(false), patience);
      const over = (happened: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(happened);
      };
      this.#waiting.add(wake);
    });
  }
}

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await turn();
}

/** All octets of one kind in a play. */
export interface Stream {
  readonly text: string;
  /** How many of them were in clear. */
  readonly clear: number;
  /** For each piece, the number of its entry in the journal, and where it ends in the text. */
  readonly marks: readonly { readonly at: number; readonly end: number }[];
}

export function streamOf(entries: readonly Entry[], who: Who, deed: "wrote" | "heard"): Stream {
  let text = "";
  let clear = -1;
  const marks: { at: number; end: number }[] = [];
  for (const [at, entry] of entries.entries()) {
    if (entry.who !== who) continue;
    if (entry.deed === "secured" && clear < 0) clear = text.length;
    if (entry.deed !== deed) continue;
    text += entry.octets;
    marks.push({ at, end: text.length });
  }
  return { text, clear: clear < 0 ? text.length : clear, marks };
}

/** How long the stream was at this entry. */
export function lengthAt({ marks }: Stream, at: number): number {
  return marks.filter((mark) => mark.at < at).at(-1)?.end ?? 0;
}

/** A play in words, for a failure's message. */
export function told(entries: readonly Entry[]): string {
  const lines: string[] = [];
  for (const { who, deed, octets } of entries) {
    if (deed === "rests" || deed === "rested") continue;
    const shown = JSON.stringify(octets.length > 300 ? `${octets.slice(0, 150)}[...]${octets.slice(-150)}` : octets);
    const text = octets === "" ? deed : `${deed} ${octets.length}: ${shown}`;
    lines.push(who === "client" ? `C ${text}` : `        S ${text}`);
  }
  return lines.join("\n");
}
