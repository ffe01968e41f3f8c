/**
 * The reading half of a connection: a read buffer of octets that have arrived and were not taken yet, as lines and
 * chunks.
 *
 * Octets are read eagerly, up to a bound; then reading stops until some of them are taken. Octets that arrived before
 * the end of input can still be taken after it. While there is a sink, chunks go to the sink and are not kept.
 */

import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Failure } from "../protocol/failure";
import type { LineEnd } from "../protocol/multiline";
import { startReading, stopReading } from "./afterreset";
import type { ReadBuffers } from "./buffers";

/** What `line` gives for a line that is longer than the limit. The line stays in the buffer, for `skipLine`. */
export const OVERLONG = Symbol("a line longer than its limit");

/** How many octets are kept before reading stops. A chunk may go beyond it. */
const BOUND = 16 * 1024;

/**
 * How many lines are taken before all other connections have their turn. A chunk may have thousands of commands, each of
 * which is answered without a wait: five clients that sent such chunks held all others up for several seconds.
 */
const TURN = 32;

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;

/** A read buffer over a stream. */
export class Reader {
  /** Called with each line that is taken. */
  onLine: ((line: string) => void) | null = null;
  /** How the line that was taken last ended. */
  lineEnd: LineEnd = "\r\n";
  /** How many octets that line had, with its line end. */
  lineOctets = 0;
  /** Gets each chunk at once; a chunk from `buffers` is valid until the next read only. */
  sink: ((chunk: Buffer) => void) | null = null;

  #octets: Buffer = NOTHING;
  /** How many lines were taken since other connections had their turn. */
  #taken = 0;
  #ended = false;
  #closed = false;
  #paused = false;
  #failure: Failure | null = null;
  #wait: { resolve(arrived: boolean): void; reject(failure: Failure): void } | null = null;

  #stream: Duplex;
  #buffers: ReadBuffers | null;
  readonly #data = (chunk: Buffer) => this.#receive(chunk);

  /** @param buffers where the stream's `onread` option delivers; null: the stream emits its chunks */
  constructor(stream: Duplex, buffers: ReadBuffers | null) {
    this.#stream = stream;
    this.#buffers = buffers;
    if (buffers) buffers.deliver = this.#data;
    else stream.on("data", this.#data);
  }

  /** Stops reading the stream, and puts the octets of the buffer back into the stream, for its next reader. */
  release(): void {
    if (this.#buffers) this.#buffers.deliver = () => true;
    else this.#stream.off("data", this.#data);
    this.#buffers = null;
    this.#stream.pause();
    const rest = this.take(this.#octets.length);
    if (rest.length > 0) this.#stream.unshift(rest);
  }

  /** Reads another stream from now on, which emits its chunks. */
  move(stream: Duplex): void {
    this.#stream = stream;
    this.#paused = false;
    stream.on("data", this.#data);
  }

  /** How many octets are in the buffer. */
  get pending(): number {
    return this.#octets.length;
  }

  /** Whether the buffer is full, so that more octets may wait with the system. */
  get full(): boolean {
    return this.#octets.length > BOUND;
  }

  /** Whether no octets will arrive any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** All octets of the buffer, as latin1, without taking them. */
  get ahead(): string {
    return this.#octets.toString("latin1");
  }

  /** Waits until there are octets. @returns false: the input has ended without any @throws Failure */
  async filled(): Promise<boolean> {
    return this.#octets.length > 0 || (await this.#arrival());
  }

  /** Whether the input begins with these octets (latin1); they are not taken. @throws Failure */
  async startsWith(octets: string): Promise<boolean> {
    for (;;) {
      const there = this.#octets.toString("latin1", 0, octets.length);
      if (there === octets) return true;
      if (!octets.startsWith(there) || !(await this.#arrival())) return false;
    }
  }

  /**
   * The next line as latin1, without its CRLF or LF; null at the end of input, also if a line without an end is left.
   *
   * @param limit the most octets that it may have, with its line end; else OVERLONG, as soon as that is known
   * @throws Failure
   */
  async line(limit: number): Promise<string | null | typeof OVERLONG> {
    if (++this.#taken > TURN) {
      this.#taken = 0;
      await nextTurn();
    }
    if (this.#failure) throw this.#failure;
    for (let searched = 0; ; ) {
      const at = this.#octets.indexOf(LF, searched);
      if (at >= limit || (at < 0 && this.#octets.length >= limit)) return OVERLONG;
      if (at >= 0) {
        const crlf = at > 0 && this.#octets[at - 1] === CR;
        const line = this.#octets.toString("latin1", 0, crlf ? at - 1 : at);
        this.lineEnd = crlf ? "\r\n" : "\n";
        this.lineOctets = at + 1;
        this.take(at + 1);
        this.onLine?.(line);
        return line;
      }
      searched = this.#octets.length;
      if (!(await this.#arrival())) return null;
    }
  }

  /** Takes what is left at the end of input, a line without a line end, as latin1. */
  lastLine(): string {
    this.lineOctets = this.#octets.length;
    const line = this.take(this.lineOctets).toString("latin1");
    this.onLine?.(line);
    return line;
  }

  /** As `Connection.skipLine`. @throws Failure */
  async skipLine(): Promise<boolean> {
    for (;;) {
      const at = this.#octets.indexOf(LF);
      this.take(at < 0 ? this.#octets.length : at + 1);
      if (at >= 0) return true;
      // libuv would read up to 32 chunks of a line without an end before it looks at the next connection.
      await nextTurn();
      if (this.#octets.length === 0 && !(await this.#arrival())) return false;
    }
  }

  /** Takes octets out of the buffer. @param count at most `pending` */
  take(count: number): Buffer {
    const taken = this.#octets.subarray(0, count);
    this.#octets = count === this.#octets.length ? NOTHING : this.#octets.subarray(count);
    if (this.#octets.length <= BOUND) this.resume();
    return taken;
  }

  /** Adds a chunk to the buffer. A chunk from `buffers` is copied, since the next read overwrites it. */
  keep(chunk: Buffer): void {
    if (this.#octets.length > 0) this.#octets = Buffer.concat([this.#octets, chunk]);
    else this.#octets = this.#buffers ? Buffer.from(chunk) : chunk;
  }

  /** Stops reading; what has arrived stays with the system, where a reset does not destroy it. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#buffers || !stopReading(this.#stream)) this.#stream.pause();
  }

  /** Reads again, if `pause` has stopped it. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#buffers || !startReading(this.#stream)) this.#stream.resume();
  }

  /** The end of input: no octets will arrive any more. */
  end(): void {
    this.#ended = true;
    this.#wake(false);
  }

  /** Rejects every wait for octets, now and later, with this reason. */
  fail(failure: Failure): void {
    this.#failure = failure;
    this.#wake(failure);
  }

  /** Drops the octets of the buffer, and all that arrive from now on. */
  close(): void {
    this.#closed = true;
    this.#octets = NOTHING;
    this.resume();
  }

  /** Receives a chunk from the stream; false: the stream must stop reading. */
  #receive(chunk: Buffer): boolean {
    if (this.#closed) return true;
    if (this.sink) {
      this.sink(chunk);
    } else {
      this.keep(chunk);
      this.#wake(true);
      if (this.#octets.length > BOUND) this.pause();
    }
    return !this.#paused;
  }

  /**
   * Waits for octets; false: no octets will arrive any more. Not async: each idle session waits here twice, and a
   * suspended function costs 400 octets. @throws Failure
   */
  #arrival(): Promise<boolean> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.#wait = { resolve, reject };
    });
  }

  /** Ends the wait for octets. @param outcome whether octets have arrived, or why none will */
  #wake(outcome: boolean | Failure): void {
    const wait = this.#wait;
    this.#wait = null;
    if (typeof outcome === "boolean") wait?.resolve(outcome);
    else wait?.reject(outcome);
  }
}
