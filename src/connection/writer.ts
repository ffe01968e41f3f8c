/**
 * The writing half of a connection: octets go out at once; who writes more than the peer takes is asked to wait.
 *
 * A write that fails does not end the reading half: a client may send QUIT and reset the connection while an answer is
 * on its way to it, and a stream that destroys itself for the answer's sake would throw the QUIT away unread.
 */

import type { Duplex } from "node:stream";
import { now } from "../base/clock";
import type { Failure } from "../protocol/failure";

/** Octets written and not yet accepted by the system before the writer is asked to wait. */
const BOUND = 16 * 1024;

export class Writer {
  /** When the peer must have accepted all that was written, by the clock of deadline.ts; Infinity: it has. */
  deadline = Number.POSITIVE_INFINITY;

  #closed = false;
  #failure: Failure | null = null;
  #wait: { promise: Promise<void>; resolve(): void; reject(failure: Failure): void } | null = null;
  readonly #written = () => {
    if (this.#wait && this.#stream.writableLength === 0) this.#settle(null);
  };
  #stream!: Duplex;

  /** @param lost told when a write has failed: nobody reads any more */
  constructor(
    stream: Duplex,
    private readonly lost: () => void,
  ) {
    this.move(stream);
  }

  /** Goes on with another stream. */
  move(stream: Duplex): void {
    this.#stream = stream;
    const write = stream._write;
    const writev = stream._writev;
    type Done = Parameters<typeof write>[2];
    const swallowed = (done: Done) => (fault?: Error | null) => {
      if (fault) this.lost();
      done();
    };
    stream._write = (octets, encoding, done) => write.call(stream, octets, encoding, swallowed(done));
    if (writev) stream._writev = (pieces, done) => writev.call(stream, pieces, swallowed(done));
  }

  /** Whether so much is on its way that the writer should wait for `emptied`. */
  get full(): boolean {
    return !this.#closed && this.#stream.writableLength >= BOUND;
  }

  /** Whether nothing is on its way any more: the memory of what was sent is free. */
  get empty(): boolean {
    return this.#closed || this.#stream.writableLength === 0;
  }

  /** Writes octets (a string is latin1); once closed, drops them. */
  send(octets: string | Buffer): void {
    if (this.#closed) return;
    if (typeof octets === "string") this.#stream.write(octets, "latin1", this.#written);
    else this.#stream.write(octets, this.#written);
  }

  /**
   * Resolves when the peer has accepted all of it, or is gone; rejects when the connection fails.
   *
   * @param patience how long that may take, in milliseconds; the connection watches the deadline
   */
  emptied(patience: number): Promise<void> {
    this.deadline = now() + patience;
    if (!this.#wait) {
      const { promise, resolve, reject } = withResolvers();
      this.#wait = { promise, resolve, reject };
      if (this.#failure) this.#settle(this.#failure);
      return promise;
    }
    return this.#wait.promise;
  }

  /** Nobody reads any more: what is written from now on is dropped, and nobody waits. */
  close(): void {
    this.#closed = true;
    this.#settle(null);
  }

  /** Ends the wait, now and later, with this reason. */
  fail(failure: Failure): void {
    this.#failure = failure;
    this.#settle(failure);
  }

  #settle(failure: Failure | null): void {
    const wait = this.#wait;
    this.#wait = null;
    this.deadline = Number.POSITIVE_INFINITY;
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
