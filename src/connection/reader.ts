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
import type { ReadBuffers, Receiver } from "./buffers";
import { InputBuffer } from "./inputbuffer";

/** A line as `line` gives it; null at the end of input. */
export type InputLine = string | null | typeof OVERLONG;

/** What `line` gives for a line that is longer than the limit. The line stays in the buffer, for `skipLine`. */
export const OVERLONG = Symbol("a line longer than its limit");

/**
 * How many lines are taken before all other connections have their turn. A chunk may have thousands of commands, each of
 * which is answered without a wait: five clients that sent such chunks held all others up for several seconds.
 */
const TURN = 32;

const LF = 0x0a;
const CR = 0x0d;

/** Where the listener that all streams share finds the reader of one: a function for each would be memory that idles. */
const READER = Symbol("the reader of a stream");

type Read = Duplex & { [READER]: Reader };

function receive(this: Read, chunk: Buffer): void {
  this[READER].receive(chunk);
}

/** A read buffer over a stream. */
export class Reader extends InputBuffer implements Receiver {
  /** Called with each line that is taken. */
  onLine: ((line: string) => void) | null = null;
  /** How the line that was taken last ended. */
  lineEnd: LineEnd = "\r\n";
  /** How many octets that line had, with its line end. */
  lineOctets = 0;
  /** Run when `nextLine` may have a line, and nobody waits for `line`. */
  onArrival: { run(): void } | null = null;
  /** Gets each chunk at once; a chunk from `buffers` is valid until the next read only. */
  sink: ((chunk: Buffer) => void) | null = null;

  /** How many lines were taken since other connections had their turn. */
  #lines = 0;
  #ended = false;
  #closed = false;
  #paused = false;
  #failure: Failure | null = null;
  /** Called once, when octets have arrived, or none will. */
  #wait: (() => void) | null = null;

  #stream: Duplex;
  #buffers: ReadBuffers | null;

  /** @param buffers where the stream's `onread` option delivers; null: the stream emits its chunks */
  constructor(stream: Duplex, buffers: ReadBuffers | null) {
    super();
    this.#stream = stream;
    this.#buffers = buffers;
    if (buffers) buffers.receiver = this;
    else this.#listen(stream);
  }

  #listen(stream: Duplex): void {
    (stream as Read)[READER] = this;
    stream.on("data", receive);
  }

  /** Stops reading the stream, and puts the octets of the buffer back into the stream, for its next reader. */
  release(): void {
    if (this.#buffers) this.#buffers.receiver = null;
    else this.#stream.off("data", receive);
    this.#buffers = null;
    this.#stream.pause();
    const rest = this.take(this.pending);
    if (rest.length > 0) this.#stream.unshift(rest);
  }

  /** Reads another stream from now on, which emits its chunks. */
  move(stream: Duplex): void {
    this.#stream = stream;
    this.#paused = false;
    this.#listen(stream);
  }

  /** Whether no octets will arrive any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Waits until there are octets. @returns false: the input has ended without any @throws Failure */
  async filled(): Promise<boolean> {
    return this.pending > 0 || (await this.#arrival());
  }

  /**
   * Whether the input begins with these octets (latin1); they are not taken. Gives a promise only if that is not known yet.
   *
   * @throws Failure
   */
  startsWith(octets: string): boolean | Promise<boolean> {
    const there = this.octets.toString("latin1", this.start, this.start + octets.length);
    if (there === octets) return true;
    if (!octets.startsWith(there)) return false;
    return this.#arrival().then((arrived) => arrived && this.startsWith(octets));
  }

  /**
   * The next line as latin1, without its CRLF or LF; null at the end of input, also if a line without an end is left.
   * Gives a promise only if there is no line yet.
   *
   * @param limit the most octets that it may have, with its line end; else OVERLONG, as soon as that is known
   * @throws Failure
   */
  line(limit: number): InputLine | Promise<InputLine> {
    const line = this.nextLine(limit);
    return line === undefined ? this.when(() => this.nextLine(limit)) : line;
  }

  /** As `line`, without a wait; undefined: there is no line yet, and `onArrival` is called when there may be one. */
  nextLine(limit: number): InputLine | undefined {
    if (this.#failure) throw this.#failure;
    if (this.#lines >= TURN) {
      if (this.#lines++ === TURN) setImmediate(() => this.#goOn());
      return undefined;
    }
    const octets = this.octets;
    const start = this.start;
    if (start === octets.length) return this.#ended ? null : undefined;
    const at = octets.indexOf(LF, this.searched);
    if (at >= 0 ? at - start >= limit : octets.length - start >= limit) return OVERLONG;
    if (at < 0) {
      this.searched = octets.length;
      return this.#ended ? null : undefined;
    }
    this.#lines++;
    const crlf = at > start && octets[at - 1] === CR;
    const line = octets.toString("latin1", start, crlf ? at - 1 : at);
    this.lineEnd = crlf ? "\r\n" : "\n";
    this.lineOctets = at + 1 - start;
    this.skip(this.lineOctets);
    this.lineStart = start;
    this.onLine?.(line);
    return line;
  }

  /**
   * Waits until `take` gives something: it is asked when octets have arrived, or none will, or the other connections have
   * had their turn. @throws what `take` throws
   */
  when<Taken>(take: () => Taken | undefined): Promise<Taken> {
    return new Promise((resolve, reject) => {
      const look = () => {
        try {
          const taken = take();
          if (taken === undefined) this.#wait = look;
          else resolve(taken);
        } catch (failure) {
          reject(failure);
        }
      };
      this.#wait = look;
    });
  }

  /** The other connections have had their turn. */
  #goOn(): void {
    this.#lines = 0;
    this.#wake();
  }

  /** Takes what is left at the end of input, a line without a line end, as latin1. */
  lastLine(): string {
    this.lineOctets = this.pending;
    const line = this.take(this.lineOctets).toString("latin1");
    this.onLine?.(line);
    return line;
  }

  /** Drops the rest of an overlong line. @returns false: the input has ended before its end @throws Failure */
  async skipLine(): Promise<boolean> {
    for (;;) {
      const at = this.octets.indexOf(LF, this.start);
      this.skip(at < 0 ? this.pending : at + 1 - this.start);
      if (at >= 0) return true;
      // libuv would read up to 32 chunks of a line without an end before it looks at the next connection.
      await nextTurn();
      if (this.pending === 0 && !(await this.#arrival())) return false;
    }
  }

  /** Adds a chunk to the buffer. A chunk from `buffers` is copied, since the next read overwrites it. */
  keep(chunk: Buffer): void {
    this.borrow(chunk, this.#buffers !== null);
    this.own();
  }

  /** Part of InputBuffer: there is space again. */
  protected taken(): void {
    if (this.#paused && !this.full) this.resume();
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
    this.#wake();
  }

  /** Rejects every wait for octets, now and later, with this reason. */
  fail(failure: Failure): void {
    this.#failure = failure;
    this.#wake();
  }

  /** Drops the octets of the buffer, and all that arrive from now on. */
  close(): void {
    this.#closed = true;
    this.onArrival = null;
    this.drop();
    this.resume();
  }

  /** Part of Receiver. */
  receive(chunk: Buffer): boolean {
    if (this.#closed) return true;
    if (this.sink) {
      this.sink(chunk);
    } else {
      this.borrow(chunk, this.#buffers !== null);
      this.#wake();
      this.own();
      if (this.full) this.pause();
    }
    return !this.#paused;
  }

  /** Waits for octets; false: no octets will arrive any more. @throws Failure */
  #arrival(): Promise<boolean> {
    const before = this.pending;
    const arrived = () => {
      if (this.#failure) throw this.#failure;
      if (this.pending > before) return true;
      return this.#ended ? false : undefined;
    };
    return this.#failure || this.#ended ? Promise.resolve().then(() => arrived() ?? false) : this.when(arrived);
  }

  /** Octets have arrived, or none will. */
  #wake(): void {
    const wait = this.#wait;
    this.#wait = null;
    if (wait) wait();
    else this.onArrival?.run();
  }
}
