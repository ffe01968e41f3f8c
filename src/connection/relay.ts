/**
 * One multi-line body on its way from a connection to a sink: octets flow by callback, whole chunks at a time, and no
 * faster than the sink takes them. Only the caller that awaits `done` waits.
 */

import { NEVER, now } from "../base/clock";
import type { Failure } from "../protocol/failure";
import type { ReadBuffers } from "./buffers";
import type { Reader } from "./reader";

/** Finds the end of what is relayed: the offset just behind it, or -1 if all of the chunk belongs to it. */
export interface BodyEnd {
  find(chunk: Buffer): number;
}

/** Where octets come from. */
export interface Source {
  /** When the next octets must be there, by the clock of clock.ts; the relay sets it while the body is under way. */
  deadline: number;
  /** How long the next octets may take, in milliseconds. */
  readonly patience: number;
  readonly input: Reader;
  readonly buffers: ReadBuffers | null;
}

/** Where octets go: another connection, or whatever else takes a body. */
export interface Sink {
  /** Takes octets (a string is latin1), whose memory it may use until it is empty. */
  send(octets: string | Buffer): void;
  /** Whether nothing is on its way any more. */
  readonly empty: boolean;
  /** Resolves when it is empty; rejects with a Failure if that takes too long. */
  emptied(): Promise<void>;
}

/** Up to here a status line is copied in front of its body's first chunk: one segment instead of two. */
const JOIN_BOUND = 16 * 1024;

export class Relay {
  /** How many octets the body had, when all of it has left. Rejects with the Failure of either side. */
  readonly done: Promise<number>;
  #octets = 0;
  #over = false;
  #resolve!: (octets: number) => void;
  #reject!: (failure: Failure) => void;

  /** @param ended told when no chunk is the relay's any more */
  constructor(
    private readonly from: Source,
    private readonly to: Sink,
    private readonly end: BodyEnd,
    private readonly ended: () => void,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Begins with what is there. @param head goes before it */
  start(head: string): void {
    const { input, buffers } = this.from;
    const first = input.take(input.pending);
    input.sink = (chunk) => this.#pass(chunk, "");
    this.from.deadline = now() + this.from.patience;
    if (first.length > 0) this.#pass(first, head);
    else this.to.send(head);
    if (!this.#over) buffers?.lease();
  }

  /** Ends it where it is, as if `end` had found the end there. */
  finish(): void {
    if (this.#over) return;
    this.#leave(this.to.empty);
    this.#resolve(this.#octets);
  }

  /** Ends it before its end. */
  fail(failure: Failure): void {
    if (this.#over) return;
    this.#leave(false);
    this.#reject(failure);
  }

  /** Hands a chunk on, behind `head`; finds the body's end; stops reading while the sink is slow. */
  #pass(chunk: Buffer, head: string): void {
    const { from, to } = this;
    const at = this.end.find(chunk);
    const part = at < 0 ? chunk : chunk.subarray(0, at);
    this.#octets += part.length;
    if (head && part.length <= JOIN_BOUND) {
      to.send(Buffer.concat([Buffer.from(head, "latin1"), part]));
    } else {
      if (head) to.send(head);
      to.send(part);
    }
    // All of it must have left before the next read, which goes into the same memory.
    const slow = to.empty ? null : to.emptied();
    from.deadline = slow ? NEVER : now() + from.patience;
    if (at >= 0) {
      this.#leave(slow === null);
      if (at < chunk.length) from.input.keep(chunk.subarray(at));
      if (slow) slow.then(() => this.#resolve(this.#octets), this.#reject);
      else this.#resolve(this.#octets);
    } else if (slow) {
      from.buffers?.occupied();
      from.input.pause();
      slow.then(
        () => {
          // The end may have come meanwhile: TLS delivers what it has decrypted already.
          if (!this.#over) from.deadline = now() + from.patience;
          from.input.resume();
        },
        (failure) => this.fail(failure),
      );
    }
  }

  /** @param free whether the memory of the last chunk is not in use any more */
  #leave(free: boolean): void {
    this.#over = true;
    this.from.input.sink = null;
    this.from.buffers?.release(free);
    this.ended();
  }
}
