/** What is known of each server, for the status page. The names are bounded, and so is what is kept. */

import type { ServerRow } from "./snapshot";

/** The longest reason that is kept, in characters. */
const REASON_BOUND = 200;

interface Figures {
  connections: number;
  /** In seconds. */
  sum: number;
  last: number | null;
  failures: number;
  failed: ServerRow["failed"];
  down: boolean;
}

export class ServerFigures {
  readonly #all = new Map<string, Figures>();

  /** @param name of a server, as servernames.ts gives it @returns whether it is the first time */
  connected(name: string, seconds: number): boolean {
    const figures = this.#of(name);
    figures.connections++;
    figures.sum += seconds;
    figures.last = seconds;
    figures.down = false;
    return figures.connections === 1;
  }

  failed(name: string, code: string, reason: string): void {
    const figures = this.#of(name);
    figures.failures++;
    figures.failed = { time: Date.now(), code, reason: reason.slice(0, REASON_BOUND) };
    figures.down = true;
  }

  get rows(): ServerRow[] {
    return [...this.#all].map(([name, { connections, sum, last, failures, failed, down }]) => {
      const connectMean = connections > 0 ? sum / connections : null;
      return { name, connections, connectMean, connectLast: last, failures, failed, down };
    });
  }

  #of(name: string): Figures {
    const known = this.#all.get(name);
    if (known) return known;
    const figures: Figures = { connections: 0, sum: 0, last: null, failures: 0, failed: null, down: false };
    this.#all.set(name, figures);
    return figures;
  }
}
