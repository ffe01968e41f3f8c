/** The process's signals (the manual's section "Signals"). */

import { now } from "../base/clock";

/** The least and the greatest pause between two reloads, in milliseconds, and how many times longer than a reload it is. */
const PAUSE = 100;
const LONGEST = 5000;
const SHARE = 9;

/**
 * A reload reads files and makes contexts of TLS, much of it in one turn of the event loop. However many signals come,
 * reloads follow one another with pauses between, in which sessions are served; after the last signal there is always
 * one.
 *
 * @param reload a promise of its end, if it takes more than a turn; it never rejects
 */
export function oneByOne(reload: () => Promise<void> | void): () => void {
  let wanted = false;
  let pausing = false;
  const run = () => {
    wanted = false;
    pausing = true;
    const began = now();
    const rest = () => {
      setTimeout(
        () => {
          pausing = false;
          if (wanted) run();
        },
        Math.min(Math.max(PAUSE, SHARE * (now() - began)), LONGEST),
      );
    };
    const done = reload();
    if (done) void done.then(rest);
    else rest();
  };
  return () => {
    wanted = true;
    if (!pausing) run();
  };
}

/**
 * Handles the signals that do not end the gateway.
 *
 * @param reload called at SIGHUP; undefined: SIGHUP ends the gateway, see `endOnSignal`
 */
export function reloadOnSignal(reload: (() => Promise<void>) | undefined): void {
  // Programs that rotate logs send this signal. main.ts has the same for SIGUSR1.
  process.on("SIGUSR2", () => {});
  if (reload) process.on("SIGHUP", oneByOne(reload));
}

/**
 * Handles the signals that end the gateway.
 *
 * @param end gets the signal's name
 * @param atHangUp whether SIGHUP is one of them, as long as it is the first
 */
export function endOnSignal(end: (signal: string) => void, atHangUp: boolean): void {
  let ending = false;
  const on = (signal: string) => {
    process.on(signal, () => {
      if (signal === "SIGHUP" && ending) return;
      ending = true;
      end(signal);
    });
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"]) on(signal);
  if (atHangUp) on("SIGHUP");
}
