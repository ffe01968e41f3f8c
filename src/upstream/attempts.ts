/**
 * Attempts to connect to the addresses of one server, as RFC 8305 (Happy Eyeballs, version 2) wants them: an address that
 * does not answer holds a login up for a quarter of a second, not for the whole time limit.
 */

import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";

/** How long the last attempt may be without an answer before the next one starts, in milliseconds (RFC 8305, 5). */
const ATTEMPT_DELAY = 250;

/** What an attempt reports. A report of an attempt that was stopped has no effect. */
export interface Reports<Won> {
  /** A peer has answered, but the attempt goes on: TLS is still to come. */
  answered(): void;
  won(result: Won): void;
  failed(fault: NodeJS.ErrnoException): void;
}

/**
 * Starts an attempt; reports only after it has returned.
 *
 * @returns stops the attempt at once
 * @throws Error if no address could be tried like that
 */
type StartAttempt<Won> = (address: string, reports: Reports<Won>) => () => void;

/** Why an address did not take a connection. */
export interface FailedAddress {
  readonly address: string;
  readonly fault: NodeJS.ErrnoException;
  /** Whether a peer has answered: what failed is TLS. */
  readonly reached: boolean;
}

/** What came of all attempts. */
export interface Outcome<Won> {
  /** null: every attempt has failed. */
  readonly won: Won | null;
  /** The address of the winner. */
  readonly winner: string;
  readonly failed: readonly FailedAddress[];
  /** Addresses that were silent for ATTEMPT_DELAY, and still were when another one won. */
  readonly overtaken: readonly string[];
}

interface Running {
  readonly address: string;
  reached: boolean;
  /** The next attempt has started because this one was silent for ATTEMPT_DELAY. */
  late: boolean;
  stop: () => void;
}

/**
 * Tries addresses in their order: the next one starts when the last one has not answered for ATTEMPT_DELAY, or at once
 * after a failure. The first attempt that wins ends all others.
 *
 * @param timeout for all attempts together, in milliseconds; an attempt without an answer by then has failed
 * @param until gives up, with its reason
 * @throws the reason of `until`; what `start` throws
 */
export function race<Won>(
  addresses: readonly string[],
  start: StartAttempt<Won>,
  timeout: number,
  until: Until,
): Promise<Outcome<Won>> {
  return new Promise((resolve, reject) => {
    const running = new Set<Running>();
    const failed: FailedAddress[] = [];
    let next = 0;
    let newest: Running;
    let endDelay: (() => void) | undefined;
    const endLimit = timeLimit(timeout, () => {
      for (const one of running) fail(one, new Error("connection timed out"));
      end(null);
    });
    until.addEventListener("abort", abort);
    if (until.aborted) abort();
    else if (addresses.length > 0) startNext();
    else end(null);

    function startNext(): void {
      const address = addresses[next++] as string;
      const one: Running = { address, reached: false, late: false, stop: () => {} };
      running.add(one);
      newest = one;
      try {
        one.stop = start(address, {
          answered() {
            if (!running.has(one)) return;
            one.reached = true;
            if (endDelay) postpone();
          },
          won: (result) => running.has(one) && end(one, result),
          failed(fault) {
            if (!running.has(one)) return;
            fail(one, fault);
            if (next < addresses.length) startNext();
            else if (running.size === 0) end(null);
          },
        });
      } catch (thrown) {
        settle();
        reject(thrown);
        return;
      }
      postpone();
    }

    /** The next attempt waits for ATTEMPT_DELAY from now on. */
    function postpone(): void {
      endDelay?.();
      endDelay = next < addresses.length ? timeLimit(ATTEMPT_DELAY, overdue) : undefined;
    }

    function overdue(): void {
      newest.late = true;
      startNext();
    }

    function fail(one: Running, fault: NodeJS.ErrnoException): void {
      running.delete(one);
      one.stop();
      failed.push({ address: one.address, fault, reached: one.reached });
    }

    function abort(): void {
      settle();
      reject(until.reason);
    }

    function end(winner: Running | null, won: Won | null = null): void {
      if (winner) running.delete(winner);
      const overtaken = [...running].filter(({ late }) => late).map(({ address }) => address);
      settle();
      resolve({ won, winner: winner?.address ?? "", failed, overtaken });
    }

    function settle(): void {
      endLimit();
      endDelay?.();
      until.removeEventListener("abort", abort);
      for (const one of running) one.stop();
      running.clear();
    }
  });
}
