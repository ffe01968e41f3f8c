/** --metrics, put together: what counts, what tells of it, and the HTTP thread that answers. */

import type { MetricsSettings, Settings } from "../config/settings";
import type { Memory } from "../gateway/memory";
import type { Listener } from "../listen/listener";
import type { Emit } from "../log/events";
import { Counters } from "../metrics/counters";
import { History } from "../metrics/history";
import { Metrics } from "../metrics/metrics";
import { hashOf } from "../metrics/token";
import { secretText } from "../process/secretfile";
import { Snapshots } from "./snapshot";

/** The metrics of a process. */
export class Watching {
  readonly #settings: MetricsSettings;
  readonly #counters = new Counters();
  readonly #history = new History(() => this.#counters.sample());
  /** Writes an event to the log, and counts it. */
  readonly emit: Emit;
  #token: Buffer | null;
  #snapshots: Snapshots | null = null;
  #metrics: Metrics | null = null;

  /**
   * Begins to count. Make it before the gateways, and while root's files can be read.
   *
   * @param memory gets the counters
   * @param log writes an event to the log
   * @throws Error in one line, with the file, if the file of the token can't be used
   */
  constructor(settings: MetricsSettings, memory: Memory, log: Emit) {
    this.#settings = settings;
    this.#token = tokenOf(settings);
    memory.counters = this.#counters;
    this.emit = this.#counters.hearing(log);
  }

  /** Answers HTTP from now on. @throws the system's error if it can't listen */
  async open(listener: Listener): Promise<void> {
    const snapshots = new Snapshots({ listener, counters: this.#counters, history: this.#history });
    this.#snapshots = snapshots;
    this.#metrics = new Metrics({
      address: this.#settings,
      token: this.#token,
      snapshot: () => snapshots.take(),
      end: (id) => this.#counters.end(id),
      emit: this.emit,
    });
    await this.#metrics.open();
  }

  /** Reads the token again. @returns makes it valid @throws Error in one line, with the file */
  reread(): () => void {
    const token = tokenOf(this.#settings);
    return () => {
      this.#token = token;
      if (this.#metrics) this.#metrics.token = token;
    };
  }

  /** Tells that the gateway accepts no clients any more. */
  draining(): void {
    this.#metrics?.changed();
  }

  async close(): Promise<void> {
    this.#history.close();
    this.#snapshots?.close();
    await this.#metrics?.close();
  }
}

/** The hash of the token of the settings. @throws Error in one line, with the file */
export function tokenOf({ tokenFile }: MetricsSettings): Buffer | null {
  if (tokenFile === undefined) return null;
  const token = secretText(tokenFile).trim();
  if (!/^[!-~]+$/.test(token)) throw new Error(`${tokenFile}: give one word, such as openssl rand -hex 32 prints`);
  return hashOf(token);
}

/** The file of the token, if there is one; a reload reads it again. */
export function tokenFiles({ process: { metrics } }: Settings): readonly string[] {
  return metrics?.tokenFile === undefined ? [] : [metrics.tokenFile];
}
