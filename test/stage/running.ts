/**
 * A gateway that runs, in this process or as one of its own: where it listens, and what it has logged.
 */

import type { TestContext } from "node:test";
import { until } from "./waiting";

/** One event of the log. A process of its own tells all values as text. */
export interface Entry {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | undefined>>;
  /** The line that it makes, of a gateway in this process. */
  readonly line?: string;
}

export abstract class Running {
  readonly log: Entry[] = [];

  /** The ports of all its listeners, in their order. */
  abstract readonly ports: readonly number[];

  /** All that it has logged, as lines. */
  abstract readonly said: () => string;

  get port(): number {
    return this.ports[0] as number;
  }

  /** Waits until so many entries of this event are in the log, and gives the last of these. */
  readonly logged = (event: string, count = 1): Promise<Entry> => {
    const found = () => this.log.filter((entry) => entry.event === event)[count - 1];
    return this.#until(found, `${count} x ${event}`);
  };

  /** Waits for a line that this matches. @param from so many characters of the log are not looked at */
  readonly saying = (line: RegExp, from = 0): Promise<RegExpExecArray> =>
    this.#until(() => line.exec(this.said().slice(from)), `${line}`);

  /** Waits until so many sessions have ended. @returns the reasons of all that have */
  readonly ended = async (count = 1): Promise<string[]> => {
    await this.logged("close", count);
    return this.log.filter(({ event }) => event === "close").map(({ fields }) => `${fields.reason}`);
  };

  #until<Found>(find: () => Found, what: string) {
    return until(find, () => `no ${what} in the log: ${this.said()}`, { progress: () => this.log.length });
  }
}

/** The options that a gateway of either kind is started with. */
export interface Ending {
  /** The test with which it ends. Without it, who has started the gateway ends it. */
  readonly t?: TestContext;
}
