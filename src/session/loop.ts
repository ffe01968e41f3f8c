/**
 * A loop whose steps are taken as there is something to do, by callbacks. A promise for each line would double what a
 * command costs, and an idle session would hold a kilobyte of promises and suspended functions.
 */

import type { Connection } from "../connection/connection";

/** What follows a step: true, the next one; false, nothing until `run` is called; a promise, the next one behind it. */
export type LoopStep = boolean | Promise<unknown>;

export abstract class Loop {
  #running = false;
  #again = false;

  /** @param to what the steps write to this connection leaves in one piece */
  constructor(private readonly to: Connection) {}

  /** One step. @throws what is given to `failed`; so is what its promise rejects with */
  protected abstract step(): LoopStep;

  protected abstract failed(thrown: unknown): void;

  /** Takes steps while there is something to do. A call from within a step has effect when the step is over. */
  run(): void {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      this.to.cork();
      const behind = this.#steps();
      this.to.uncork();
      if (behind) {
        behind.then(
          () => this.#goOn(),
          (thrown) => this.failed(thrown),
        );
        return;
      }
    }
    this.#running = false;
  }

  /** @returns what the next step waits for; null: nothing is to be done now */
  #steps(): Promise<unknown> | null {
    try {
      for (;;) {
        const step = this.step();
        if (step === false) return null;
        if (step !== true) return step;
      }
    } catch (thrown) {
      this.failed(thrown);
      return null;
    }
  }

  #goOn(): void {
    this.#running = false;
    this.run();
  }
}
