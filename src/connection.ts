/**
 * A peer as lines and chunks: the only code that touches a stream, with its two halves, inbox.ts and outbox.ts.
 *
 * - Input is read as it comes and kept, up to a bound; then reading stops until some of it is taken.
 * - What had arrived can still be read when the peer is gone; what is written to a peer that is gone is dropped.
 * - Waiting ends in one of three ways: the peer delivers, the input ends, or `fail` says why not. Deadlines call `fail`.
 * - A multi-line body is one awaited call, `relay`; inside, octets flow by callback, whole chunks at a time.
 */

import type { Duplex } from "node:stream";
import { unwatch, watch } from "./deadline";
import { type Blame, Failure } from "./failure";
import type { Inbox } from "./inbox";
import { Outbox } from "./outbox";
import { texts } from "./protocol/response";

export interface Endpoint {
  /** An IP address; IPv4-mapped ones as IPv4. "" where there is no network (a pipe). */
  readonly address: string;
  readonly port: number;
}

/** What `line` gives for a line that is longer than the limit; it is still there, for `skipLine`. */
export const OVERLONG = Symbol("a line longer than its limit");

/** Finds the end of what is relayed: the offset just behind it, or -1 if all of the chunk belongs to it. */
export interface End {
  find(chunk: Buffer): number;
}

/** Input kept in memory before reading stops, in octets. A single chunk may go beyond it. */
const INPUT_BOUND = 16 * 1024;

/** Up to here a status line is copied in front of its body's first chunk: one segment instead of two. */
const JOIN_BOUND = 16 * 1024;

/** How long a closed connection waits for the peer's end, in milliseconds, so that our last words are not reset away. */
const LINGER = 2000;

const NEVER = Number.POSITIVE_INFINITY;
const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;

interface Relay {
  readonly to: Connection;
  readonly end: End;
  octets: number;
  resolve(): void;
  reject(failure: Failure): void;
}

export class Connection {
  /** When the input awaited now must be there, in milliseconds since the epoch; Infinity: it is not the peer's turn. */
  deadline = NEVER;
  /** How long the peer may take to accept octets, or the next chunk of a body may take to come; in milliseconds. */
  patience = NEVER;
  /** Shown each line that is read by `line` or written by `say`. */
  trace: ((direction: "<" | ">", line: string) => void) | null = null;
  /** Called once: nobody is there to read answers any more, or the connection was made to fail. */
  onLost: ((failure: Failure) => void) | null = null;

  #input: Buffer = NOTHING;
  #ended = false;
  #gone = false;
  #closing = false;
  #paused = false;
  #failure: Failure | null = null;
  #reader: { resolve(): void; reject(failure: Failure): void } | null = null;
  #relay: Relay | null = null;
  readonly #outbox: Outbox;

  /**
   * @param role who the peer is, to whom its failures are blamed
   * @param inbox where the stream's `onread` option delivers; null: the stream emits its chunks
   */
  constructor(
    readonly stream: Duplex,
    readonly role: Blame,
    readonly peer: Endpoint,
    readonly local: Endpoint,
    private readonly inbox: Inbox | null = null,
  ) {
    this.#outbox = new Outbox(stream, () => this.#lose());
    stream.on("error", () => {});
    stream.on("end", () => this.#finish());
    stream.on("close", () => {
      unwatch(this);
      this.#finish();
      this.#lose();
    });
    if (inbox) inbox.deliver = (chunk) => this.#receive(chunk);
    else stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    watch(this);
  }

  /** Whether nobody reads our answers any more: reset, timed out, closed. A mere end of input is not gone. */
  get gone(): boolean {
    return this.#gone;
  }

  /** How many octets have arrived and were not taken yet. */
  get pending(): number {
    return this.#input.length;
  }

  /** What has arrived and was not taken yet, as latin1. */
  get ahead(): string {
    return this.#input.toString("latin1");
  }

  /** The next octet without taking it; null at the end of input. @throws Failure */
  async peek(): Promise<number | null> {
    while (this.#input.length === 0) if (!(await this.#arrival())) return null;
    return this.#input[0] as number;
  }

  /**
   * The next line as latin1, without its CRLF or LF; null at the end of input, also if a line without an end is left.
   *
   * @param limit the most octets that it may have, with its line end; else OVERLONG, as soon as that is known
   * @throws Failure
   */
  async line(limit: number): Promise<string | null | typeof OVERLONG> {
    if (this.#failure) throw this.#failure;
    for (let searched = 0; ; ) {
      const at = this.#input.indexOf(LF, searched);
      if (at >= limit || (at < 0 && this.#input.length >= limit)) return OVERLONG;
      if (at >= 0) {
        const line = this.#input.toString("latin1", 0, at > 0 && this.#input[at - 1] === CR ? at - 1 : at);
        this.#take(at + 1);
        this.trace?.("<", line);
        return line;
      }
      searched = this.#input.length;
      if (!(await this.#arrival())) return null;
    }
  }

  /** Skips the rest of the line, however long; false if the input ended before the line. @throws Failure */
  async skipLine(): Promise<boolean> {
    for (;;) {
      const at = this.#input.indexOf(LF);
      this.#take(at < 0 ? this.#input.length : at + 1);
      if (at >= 0) return true;
      if (!(await this.#arrival())) return false;
    }
  }

  /** Writes a line (latin1) and its CRLF; returns as `write` does. */
  say(line: string): Promise<void> | undefined {
    this.trace?.(">", line);
    return this.write(`${line}\r\n`);
  }

  /**
   * Writes octets (a string is latin1). Returns a promise only if the peer is slower than we are; it resolves when the
   * peer has caught up or is gone, and rejects with a Failure if that takes longer than `patience`.
   */
  write(octets: string | Buffer): Promise<void> | undefined {
    this.#outbox.send(octets);
    return this.#outbox.full ? this.#outbox.emptied(this.patience) : undefined;
  }

  /**
   * Passes on what arrives here, up to and with what `end` finds, to another connection, and no faster than that one
   * takes it. If that one is gone the octets are read all the same, and dropped.
   *
   * @param head a line that goes before it
   * @returns how many octets the body had
   * @throws Failure of this side: the input ended, stood still or was made to fail; of the other: it stood still
   */
  relay(to: Connection, end: End, head: string): Promise<number> {
    to.trace?.(">", head);
    return new Promise((resolve, reject) => {
      const first = this.#take(this.#input.length);
      const relay: Relay = { to, end, octets: 0, resolve: () => resolve(relay.octets), reject };
      this.#relay = relay;
      this.inbox?.lease();
      this.deadline = Date.now() + this.patience;
      if (first.length > 0) this.#pass(first, `${head}\r\n`);
      else to.#outbox.send(`${head}\r\n`);
      if (this.#failure) this.#endRelay(this.#failure);
      else if (this.#ended) this.#endRelay(this.#cutOff());
    });
  }

  /** Ends every wait on this connection, now and later, with this reason. The first reason stays. */
  fail(failure: Failure): void {
    if (this.#failure || this.#closing) return;
    this.#failure = failure;
    this.deadline = NEVER;
    this.#outbox.fail(failure);
    this.#wake(failure);
    this.#endRelay(failure);
    this.#lost(failure);
  }

  /**
   * Says no more: sends what was written, lingers for the peer's end, and is gone. Input is dropped from now on.
   *
   * @param within how long the peer may take to accept what is still to be sent, in milliseconds
   */
  close(within = LINGER): void {
    if (this.#closing) return;
    this.#closing = true;
    this.onLost = null;
    this.#input = NOTHING;
    this.deadline = Date.now() + within;
    this.stream.end(() => {
      this.deadline = Date.now() + LINGER;
    });
    this.#resume();
  }

  /** Gone at once: what is still to be sent is lost. */
  destroy(): void {
    this.#closing = true;
    this.onLost = null;
    this.stream.destroy();
  }

  /** Part of the clock: ends what is overdue. */
  sweep(now: number): void {
    if (now >= this.deadline && this.#closing) this.stream.destroy();
    else if (now >= this.deadline) this.fail(this.#silent());
    else if (now >= this.#outbox.deadline) this.fail(new Failure(this.role, `${this.role} does not read`));
  }

  /** A chunk has arrived. False: stop reading. */
  #receive(chunk: Buffer): boolean {
    if (this.#closing) return true;
    if (this.#relay) {
      this.#pass(chunk, "");
    } else {
      this.#keep(chunk);
      this.#wake(null);
      if (this.#input.length > INPUT_BOUND) this.#pause();
    }
    return !this.#paused;
  }

  /** Keeps a chunk until it is taken; one from an inbox only lives until the next read, so it is copied. */
  #keep(chunk: Buffer): void {
    if (this.#input.length > 0) this.#input = Buffer.concat([this.#input, chunk]);
    else this.#input = this.inbox ? Buffer.from(chunk) : chunk;
  }

  #take(octets: number): Buffer {
    const taken = this.#input.subarray(0, octets);
    this.#input = octets === this.#input.length ? NOTHING : this.#input.subarray(octets);
    if (this.#input.length <= INPUT_BOUND) this.#resume();
    return taken;
  }

  /** Waits for more input; false: there will be none. */
  async #arrival(): Promise<boolean> {
    if (this.#failure) throw this.#failure;
    if (this.#ended) return false;
    const had = this.#input.length;
    await new Promise<void>((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
    return this.#input.length > had;
  }

  /** Hands a chunk of the body on, behind `head`; finds the body's end; stops reading while the other side is slow. */
  #pass(chunk: Buffer, head: string): void {
    const relay = this.#relay as Relay;
    const out = relay.to.#outbox;
    const at = relay.end.find(chunk);
    const part = at < 0 ? chunk : chunk.subarray(0, at);
    relay.octets += part.length;
    this.deadline = Date.now() + this.patience;
    if (head && part.length <= JOIN_BOUND) {
      out.send(Buffer.concat([Buffer.from(head, "latin1"), part]));
    } else {
      if (head) out.send(head);
      out.send(part);
    }
    // All of it must have left before the next read, which goes into the same memory.
    const slow = out.empty ? null : out.emptied(relay.to.patience);
    if (at >= 0) {
      if (at < chunk.length) this.#keep(chunk.subarray(at));
      this.#relay = null;
      this.inbox?.release(slow === null);
      if (slow) slow.then(relay.resolve, relay.reject);
      else relay.resolve();
    } else if (slow) {
      this.deadline = NEVER;
      this.#pause();
      slow.then(
        () => {
          this.deadline = Date.now() + this.patience;
          this.#resume();
        },
        (failure) => this.#endRelay(failure),
      );
    }
  }

  #endRelay(failure: Failure): void {
    const relay = this.#relay;
    if (!relay) return;
    this.#relay = null;
    this.inbox?.release(false);
    relay.reject(failure);
  }

  #silent(): Failure {
    return new Failure(this.role, `${this.role} is silent`, this.role === "server" ? texts.serverSilent : null);
  }

  #cutOff(): Failure {
    return new Failure(this.role, `${this.role} closed the connection inside a response`);
  }

  /** There will be no more input. */
  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake(null);
    this.#endRelay(this.#cutOff());
    if (this.#gone) this.#lost(this.#closed());
  }

  /** Nobody reads any more; but what had arrived before may not all have been read. */
  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#outbox.close();
    if (this.#ended) this.#lost(this.#closed());
  }

  #closed(): Failure {
    return new Failure(this.role, `${this.role} closed the connection`);
  }

  #lost(failure: Failure): void {
    const { onLost } = this;
    this.onLost = null;
    onLost?.(failure);
  }

  #wake(failure: Failure | null): void {
    const reader = this.#reader;
    this.#reader = null;
    if (failure) reader?.reject(failure);
    else reader?.resolve();
  }

  #pause(): void {
    this.#paused = true;
    this.stream.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.stream.resume();
  }
}
