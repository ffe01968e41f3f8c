/**
 * One multi-line body on its way from one connection to another: octets flow by callback, whole chunks at a time, and
 * no faster than the other side takes them. The only waiting is done by who awaits `done`.
 */

import { now } from "../base/clock";
import type { Failure } from "../protocol/failure";
import type { ReadBuffers } from "./buffers";
import type { Reader } from "./reader";
import type { Writer } from "./writer";

/** Finds the end of what is relayed: the offset just behind it, or -1 if all of the chunk belongs to it. */
export interface End {
  find(chunk: Buffer): number;
}

/** A connection's clock, as the relay sets it: whose turn it is, and for how long. */
export interface Paced {
  deadline: number;
  readonly patience: number;
}

/** Where octets come from. */
export interface Source extends Paced {
  readonly reader: Reader;
  readonly buffers: ReadBuffers | null;
}

/** Where they go. */
export interface Sink extends Pick<Paced, "patience"> {
  readonly writer: Writer;
}

/** Up to here a status line is copied in front of its body's first chunk: one segment instead of two. */
const JOIN_BOUND = 16 * 1024;

const NEVER = Number.POSITIVE_INFINITY;

export class Relay {
  /** How many octets the body had, when all of it is on its way. Rejects with the Failure of either side. */
  readonly done: Promise<number>;
  #octets = 0;
  #over = false;
  #resolve!: (octets: number) => void;
  #reject!: (failure: Failure) => void;

  /** @param ended told when no chunk is the relay's any more */
  constructor(
    private readonly from: Source,
    private readonly to: Sink,
    private readonly end: End,
    private readonly ended: () => void,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Begins with what is there. @param head goes before it */
  start(head: string): void {
    const { reader, buffers } = this.from;
    const first = reader.take(reader.pending);
    reader.sink = (chunk) => this.#pass(chunk, "");
    this.from.deadline = now() + this.from.patience;
    if (first.length > 0) this.#pass(first, head);
    else this.to.writer.send(head);
    if (!this.#over) buffers?.lease();
  }

  /** Ends it before its end. */
  fail(failure: Failure): void {
    if (this.#over) return;
    this.#leave(false);
    this.#reject(failure);
  }

  /** Hands a chunk on, behind `head`; finds the body's end; stops reading while the other side is slow. */
  #pass(chunk: Buffer, head: string): void {
    const { from, to } = this;
    const at = this.end.find(chunk);
    const part = at < 0 ? chunk : chunk.subarray(0, at);
    this.#octets += part.length;
    if (head && part.length <= JOIN_BOUND) {
      to.writer.send(Buffer.concat([Buffer.from(head, "latin1"), part]));
    } else {
      if (head) to.writer.send(head);
      to.writer.send(part);
    }
    // All of it must have left before the next read, which goes into the same memory.
    const slow = to.writer.empty ? null : to.writer.emptied(to.patience);
    from.deadline = slow ? NEVER : now() + from.patience;
    if (at >= 0) {
      this.#leave(slow === null);
      if (at < chunk.length) from.reader.keep(chunk.subarray(at));
      if (slow) slow.then(() => this.#resolve(this.#octets), this.#reject);
      else this.#resolve(this.#octets);
    } else if (slow) {
      from.buffers?.occupied();
      from.reader.pause();
      slow.then(
        () => {
          // The end may have come meanwhile: TLS delivers what it has decrypted already.
          if (!this.#over) from.deadline = now() + from.patience;
          from.reader.resume();
        },
        (failure) => this.fail(failure),
      );
    }
  }

  /** @param free whether the memory of the last chunk is not in use any more */
  #leave(free: boolean): void {
    this.#over = true;
    this.from.reader.sink = null;
    this.from.buffers?.release(free);
    this.ended();
  }
}
