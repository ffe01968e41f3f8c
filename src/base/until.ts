/** The end of a wait: the part of AbortSignal that is used here, and a lighter maker than AbortController. */

/**
 * Gives a wait up, with a reason. Each AbortSignal is one, but each session needs two, and an event target of Node for
 * each is 3 % of a short session.
 */
export interface Until {
  readonly aborted: boolean;
  /** Why; undefined: it is not aborted. */
  readonly reason: unknown;
  /** @throws the reason, if it is aborted */
  throwIfAborted(): void;
  addEventListener(event: "abort", listener: () => void): void;
  removeEventListener(event: "abort", listener: () => void): void;
}

/** An Until and the function that ends it. */
export class Abort implements Until {
  aborted = false;
  reason: unknown;
  #listeners: Set<() => void> | null = null;

  /** Calls each listener once. Later calls do nothing. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_event: "abort", listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_event: "abort", listener: () => void): void {
    this.#listeners?.delete(listener);
  }
}

/** Waits. @param time in milliseconds @throws the reason of `until` */
export function pause(time: number, until: Until): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      until.removeEventListener("abort", over);
      if (until.aborted) reject(until.reason);
      else resolve();
    };
    const timer = setTimeout(over, time);
    if (until.aborted) over();
    else until.addEventListener("abort", over);
  });
}

/**
 * Waits for what goes on when this wait is given up, such as for others.
 *
 * @throws what `wait` rejects with; the reason of `until`
 */
export function unlessAborted<Value>(wait: Promise<Value>, until: Until): Promise<Value> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(until.reason);
    if (until.aborted) gone();
    else until.addEventListener("abort", gone);
    wait.then(resolve, reject).finally(() => until.removeEventListener("abort", gone));
  });
}
