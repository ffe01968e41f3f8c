/**
 * What all destinations of log lines have in common: the interface, the numbers of syslog, and the last filter of
 * octets. line.ts has escaped every value already; with the filter, what a log daemon reads does not depend on that.
 */

import type { Level } from "./events";

/** A destination of log lines. */
export interface Destination {
  /** Takes one line without its line end; never blocks and never throws. */
  write(level: Level, text: string): void;
  /** Resolves when all lines have been sent, or after a second; later lines are dropped. */
  close(): Promise<void>;
}

/** The severities of syslog(3) and RFC 3164, 4.1.1. */
export const severities: Readonly<Record<Level, number>> = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** The tag before every syslog message; the process id follows the tag: `pop3.proxy[123]: `. */
export const TAG = "pop3.proxy";

/** The text as printable ASCII on one line. @param bound the most octets of the result; the rest is cut off */
export function plain(text: string, bound: number): string {
  return text.slice(0, bound).replace(/[^ -~]/g, "?");
}
