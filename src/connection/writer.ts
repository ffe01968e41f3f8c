/**
 * The writing half of a connection. Octets are sent at once; a caller that writes faster than the peer accepts octets
 * should wait. A write that fails does not end the reading half (afterreset.ts).
 */

import type { Duplex } from "node:stream";
import { NEVER, now } from "../base/clock";
import type { Failure } from "../protocol/failure";
import { survivesFailedWrites, type WriteListener } from "./afterreset";

/** How many octets may be written and not yet accepted by the system before the caller should wait. */
const BOUND = 16 * 1024;

/** Whose half a Writer is. */
interface Owner {
  /** A write has failed: the peer does not read any more. */
  hangUp(): void;
}

/** Writes to a stream. */
export class Writer implements WriteListener {
  /** When the peer must have accepted all octets, by the clock of clock.ts; NEVER: no caller waits for that. */
  deadline = NEVER;

  /** Text that leaves at `uncork`; null: text leaves at once. */
  #corked: string | null = null;
  #closed = false;
  #failure: Failure | null = null;
  #wait: { promise: Promise<void>; resolve(): void; reject(failure: Failure): void } | null = null;
  #stream!: Duplex;

  constructor(
    stream: Duplex,
    private readonly owner: Owner,
  ) {
    this.move(stream);
  }

  /** Writes to another stream from now on. */
  move(stream: Duplex): void {
    this.#stream = stream;
    survivesFailedWrites(stream, this);
  }

  /** Part of WriteListener. */
  writeFailed(): void {
    this.owner.hangUp();
  }

  /** Part of WriteListener. */
  writeOver(): void {
    if (this.#wait && this.#stream.writableLength === 0) this.#settle(null);
  }

  /** Whether so many octets are unsent that the caller should wait for `emptied`. */
  get full(): boolean {
    return !this.#closed && this.#stream.writableLength >= BOUND;
  }

  /** Whether all octets are sent, so that their memory is free. */
  get empty(): boolean {
    return this.#closed || (this.#stream.writableLength === 0 && !this.#corked);
  }

  /** Text waits for `uncork` from now on, so that the answers to pipelined commands leave in one write. */
  cork(): void {
    this.#corked ??= "";
  }

  /** Ends `cork`. */
  uncork(): void {
    this.flush();
    this.#corked = null;
  }

  /** Sends what `cork` has held back so far. */
  flush(): void {
    const text = this.#corked;
    if (!text) return;
    this.#corked = "";
    this.#send(text);
  }

  /** Writes octets (a string is latin1); once closed, drops them. */
  send(octets: string | Buffer): void {
    if (typeof octets === "string" && this.#corked !== null) {
      this.#corked += octets;
      if (this.#corked.length >= BOUND) this.flush();
    } else {
      this.flush();
      this.#send(octets);
    }
  }

  #send(octets: string | Buffer): void {
    if (this.#closed) return;
    if (typeof octets === "string") this.#stream.write(octets, "latin1");
    else this.#stream.write(octets);
  }

  /**
   * Resolves when the peer has accepted all octets, or does not read any more; rejects when the connection fails.
   *
   * @param patience how long that may take, in milliseconds; sets `deadline`, after which the connection fails
   */
  emptied(patience: number): Promise<void> {
    this.flush();
    if (this.empty) return Promise.resolve();
    this.deadline = now() + patience;
    if (!this.#wait) {
      const { promise, resolve, reject } = withResolvers();
      this.#wait = { promise, resolve, reject };
      if (this.#failure) this.#settle(this.#failure);
      return promise;
    }
    return this.#wait.promise;
  }

  /** The peer does not read any more: octets that are written from now on are dropped, and waits resolve. */
  close(): void {
    this.#closed = true;
    this.#settle(null);
  }

  /** Rejects every wait, now and later, with this reason. */
  fail(failure: Failure): void {
    this.#failure = failure;
    this.#settle(failure);
  }

  #settle(failure: Failure | null): void {
    const wait = this.#wait;
    this.#wait = null;
    this.deadline = NEVER;
    if (failure) wait?.reject(failure);
    else wait?.resolve();
  }
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers(): { promise: Promise<void>; resolve(): void; reject(failure: Failure): void } {
  let resolve = () => {};
  let reject = (_failure: Failure) => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
