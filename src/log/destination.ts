/**
 * What all places have in common where log lines go: the interface, syslog's numbers, and the last cleaning.
 * The formatter (../log.ts) has escaped every value already; what a line means to a log daemon does not hang on that.
 */

import type { Level } from "./events";

export interface Destination {
  /** Takes one line without its end; never blocks and never throws. */
  write(level: Level, text: string): void;
  /** Resolves when what was written is out, or after a second; later lines are dropped. */
  close(): Promise<void>;
}

/** The severities of syslog(3) and RFC 3164, 4.1.1. */
export const severities: Readonly<Record<Level, number>> = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** The name that stands before every message, there with the process's number: `pop3.proxy[123]: `. */
export const TAG = "pop3.proxy";

/** The text as printable ASCII on one line, cut to so many octets. */
export function plain(text: string, bound: number): string {
  return text.slice(0, bound).replace(/[^ -~]/g, "?");
}
