/**
 * Relays one multi-line body from a connection to a sink: by callbacks, whole chunks at a time, and no faster than the
 * sink takes them. Only the caller awaits, once for the whole body.
 */

import { NEVER, now } from "../base/clock";
import type { Failure } from "../protocol/failure";
import type { ReadBuffers } from "./buffers";
import type { Reader } from "./reader";

/** Finds the end of the body: the offset after it; -1: all of the chunk belongs to the body. */
export interface BodyEnd {
  find(chunk: Buffer): number;
  /** Whether the sink may take what was found last for the end: then it gets that at once. Absent: never. */
  ambiguous?(): boolean;
}

/** The side that a body comes from. */
export interface Source {
  /** When the next octets must have arrived, by the clock of clock.ts; the relay sets it during the body. */
  deadline: number;
  /** How long the next octets may take, in milliseconds. */
  readonly patience: number;
  readonly input: Reader;
  readonly buffers: ReadBuffers | null;
}

/** The side that a body goes to: another connection, or the spool of a mail that is to be scanned. */
export interface Sink {
  /** Takes octets (a string is latin1). The sink may use their memory until it is empty. */
  send(octets: string | Buffer): void;
  /** Whether all octets have been sent. */
  readonly empty: boolean;
  /** Whether the sink encrypts octets. */
  readonly encrypts: boolean;
  /** Resolves when the sink is empty; rejects with a Failure if that takes too long. */
  emptied(): Promise<void>;
}

/**
 * So many octets of a TLS source are sent together at most. It delivers record by record, and a write for each was most
 * of what its bodies cost. A sink under TLS holds what it is sent twice, so it gets less.
 */
const GATHERED = 64 * 1024;
const GATHERED_FOR_TLS = 32 * 1024;

/** The relay of one body. */
export class Relay {
  /**
   * Resolves with the size of the body, in octets, when the sink has sent it. Rejects with a Failure of either side.
   */
  readonly done: Promise<number>;
  #octets = 0;
  #over = false;
  /** Records that leave together at the end of this turn of the event loop. */
  #gathered: Buffer | null = null;
  #resolve!: (octets: number) => void;
  #reject!: (failure: Failure) => void;

  /** @param ended called when the relay takes no chunk any more */
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

  /** Begins with the octets that have arrived. @param head a line before the body, with its CRLF */
  start(head: string): void {
    const { input, buffers } = this.from;
    const octets = input.takeAll(head);
    const first = octets.subarray(head.length);
    input.sink = buffers?.tls ? (chunk) => this.#gather(chunk) : (chunk) => this.#pass(chunk, chunk);
    this.from.deadline = now() + this.from.patience;
    if (first.length > 0) this.#pass(first, octets);
    else this.to.send(head);
    if (!this.#over) buffers?.lease(this.to.encrypts);
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

  /**
   * Finds the end of the body in a chunk; sends the octets that end with it; stops reading while the sink is slow.
   *
   * @param octets the chunk, perhaps behind the line before the body
   */
  #pass(chunk: Buffer, octets: Buffer): void {
    const at = this.end.find(chunk);
    const behind = at < 0 ? 0 : chunk.length - at;
    this.#octets += chunk.length - behind;
    this.to.send(behind > 0 ? octets.subarray(0, octets.length - behind) : octets);
    this.#sent(chunk, at);
  }

  /** As `#pass`, for the records of a TLS source: they stand side by side in its buffer. */
  #gather(chunk: Buffer): void {
    const at = this.end.find(chunk);
    const part = at < 0 ? chunk : chunk.subarray(0, at);
    this.#octets += part.length;
    if (this.#gathered === null && at < 0) setImmediate(() => this.#sendGathered());
    this.#gathered = this.#gathered ? joined(this.#gathered, part) : part;
    const most = this.to.encrypts ? GATHERED_FOR_TLS : GATHERED;
    if (at < 0 && this.#gathered.length < most && !this.end.ambiguous?.()) return;
    this.to.send(this.#gathered);
    this.#gathered = null;
    this.#sent(chunk, at);
  }

  #sendGathered(): void {
    const gathered = this.#gathered;
    if (!gathered) return;
    this.#gathered = null;
    this.to.send(gathered);
    if (!this.#over) this.#sent(gathered, -1);
  }

  /** Goes on when the sink has a chunk. @param at where in it the body ends; -1: nowhere */
  #sent(chunk: Buffer, at: number): void {
    const { from, to } = this;
    // All octets of the chunk must be sent before the next read, which goes into the same memory.
    const slow = to.empty ? null : to.emptied();
    from.deadline = slow ? NEVER : now() + from.patience;
    if (!slow) from.buffers?.vacant();
    if (at >= 0) {
      this.#leave(slow === null);
      if (at < chunk.length) from.input.keep(chunk.subarray(at));
      if (slow) slow.then(() => this.#resolve(this.#octets), this.#reject);
      else this.#resolve(this.#octets);
    } else if (slow) {
      from.input.pause();
      slow.then(
        () => {
          // The body may have ended meanwhile: a TLS socket still delivers the octets that it has decrypted.
          if (!this.#over) from.deadline = now() + from.patience;
          if (!this.#over && !this.#gathered && to.empty) from.buffers?.vacant();
          from.input.resume();
        },
        (failure) => this.fail(failure),
      );
    }
  }

  /** Takes no chunk any more. @param free whether the memory of the last chunk is free */
  #leave(free: boolean): void {
    this.#over = true;
    this.#sendGathered();
    this.from.input.sink = null;
    this.from.buffers?.release(free);
    this.ended();
  }
}

/** Two parts as one: without a copy where the second stands behind the first in memory. */
function joined(first: Buffer, second: Buffer): Buffer {
  const beside = first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
  if (!beside) return Buffer.concat([first, second]);
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}
