/**
 * A peer as lines and chunks. This file is the face of its folder, whose files alone touch the stream of a client or a
 * server: reader.ts and writer.ts are the connection's halves, relay.ts is a body on its way.
 *
 * - What had arrived can still be read when the peer is gone; what is written to a peer that is gone is dropped.
 * - A wait ends in one of three ways: octets arrive, the input ends, or `fail` says why not. Deadlines call `fail`.
 * - A multi-line body is one awaited call, `relay`; inside, octets flow by callback, whole chunks at a time.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { NEVER, now, unwatch, type Watched, watch } from "../base/clock";
import type { Failure } from "../protocol/failure";
import type { ReadBuffers } from "./buffers";
import { peerClosed, peerCutOff, peerSilent, peerSlow, type Role } from "./failures";
import { type Handshake, handshake } from "./handshake";
import { Reader } from "./reader";
import { type BodyEnd, Relay, type Sink, type Source } from "./relay";
import { Writer } from "./writer";

export { peerClosed } from "./failures";
export { reasonOf } from "./handshake";
export { OVERLONG } from "./reader";

export interface Endpoint {
  /** An IP address; IPv4-mapped ones as IPv4. "" where there is no network (a pipe). */
  readonly address: string;
  readonly port: number;
}

/** How long a closed connection waits for the peer's end, in milliseconds: a reset would destroy what was said last. */
const LINGER = 2000;

/** Shown a line that was read ("<") or written (">"). */
type Trace = (direction: "<" | ">", line: string) => void;

export class Connection implements Watched, Source, Sink {
  /** When the input awaited now must be there, by the clock of clock.ts; NEVER: it is not the peer's turn. */
  deadline = NEVER;
  /** When all must be over, by the same clock, whatever else goes on. */
  limit = NEVER;
  /** How long the peer may take to accept octets, or the next chunk of a body may take to come, in milliseconds. */
  patience = NEVER;
  /** Called once: the peer is gone and all its input is here, or the connection was made to fail. */
  onOver: ((failure: Failure) => void) | null = null;

  #hungUp = false;
  #closing = false;
  #failure: Failure | null = null;
  #relay: Relay | null = null;
  #trace: Trace | null = null;
  #stream!: Duplex;
  #handshake: Handshake | null = null;
  readonly #writer: Writer;
  /** What has arrived, as lines. */
  readonly input: Reader;
  buffers: ReadBuffers | null;

  /**
   * @param role who the peer is, to whom its failures are blamed
   * @param buffers where the stream's `onread` option delivers; null: the stream emits its chunks
   */
  constructor(
    /** The stream that it began with; it closes last. */
    readonly stream: Duplex,
    readonly role: Role,
    readonly peer: Endpoint,
    readonly local: Endpoint,
    buffers: ReadBuffers | null = null,
  ) {
    this.buffers = buffers;
    this.input = new Reader(stream, buffers);
    this.#writer = new Writer(stream, () => this.#hangUp());
    this.#attach(stream);
    watch(this);
  }

  /** The TLS version that is spoken, as Node names it; "": the connection is in clear. */
  get tls(): string {
    const socket = this.#stream as Partial<TLSSocket>;
    return socket.encrypted ? (socket.getProtocol?.() ?? "") : "";
  }

  /** Shown each line that is read by `line`, and each that is written by `say` or goes before a relayed body. */
  set trace(trace: Trace) {
    this.#trace = trace;
    this.input.onLine = (line) => trace("<", line);
  }

  /** Whether the peer reads no more: reset, timed out, closed. The end of its input alone does not mean that. */
  get hungUp(): boolean {
    return this.#hungUp;
  }

  /** Whether the peer has hung up and all its input is here: nothing more will come of this connection. */
  get over(): boolean {
    return this.#hungUp && this.input.ended;
  }

  /** Writes lines (latin1), each with its CRLF; returns as `write` does. */
  say(...lines: readonly string[]): Promise<void> | undefined {
    if (this.#trace) for (const line of lines) this.#trace(">", line);
    return this.write(lines.length === 1 ? `${lines[0]}\r\n` : `${lines.join("\r\n")}\r\n`);
  }

  /**
   * Writes octets (a string is latin1). Returns a promise only if the peer is slower than the gateway; it resolves when
   * the peer has caught up or has hung up, and rejects with a Failure if that takes longer than `patience`.
   */
  write(octets: string | Buffer): Promise<void> | undefined {
    this.#writer.send(octets);
    return this.#writer.full ? this.#writer.emptied(this.patience) : undefined;
  }

  /** As a sink of a relay. */
  send(octets: string | Buffer): void {
    this.#writer.send(octets);
  }

  /** As a sink of a relay. */
  get empty(): boolean {
    return this.#writer.empty;
  }

  /** As a sink of a relay; rejects if it takes longer than `patience`. */
  emptied(): Promise<void> {
    return this.#writer.emptied(this.patience);
  }

  /**
   * Passes on what arrives here, up to and with what `end` finds, to a sink, and no faster than the sink takes it. If
   * the sink is a connection whose peer has hung up, the octets are read all the same, and dropped.
   *
   * @param head a line that goes before it
   * @returns how many octets the body had
   * @throws Failure of this side: the input ended, stood still or was made to fail; of the sink: it stood still
   */
  relay(to: Sink, end: BodyEnd, head: string): Promise<number> {
    if (to instanceof Connection) to.#trace?.(">", head);
    const relay = new Relay(this, to, end, () => {
      this.#relay = null;
    });
    this.#relay = relay;
    relay.start(`${head}\r\n`);
    if (this.#failure) this.#relay?.fail(this.#failure);
    else if (this.input.ended) this.#relay?.fail(peerCutOff(this.role));
    return relay.done;
  }

  /** Ends a relayed body where it is: what has arrived of it was its last. */
  endRelay(): void {
    this.#relay?.finish();
  }

  /**
   * Puts TLS between. What had arrived before goes to the handshake, and so fails it if it was said in clear.
   *
   * @param open makes a TLS socket of the stream so far
   * @throws Failure if the handshake does not come about, or not before `deadline`
   */
  async startTls(open: (raw: Duplex) => TLSSocket): Promise<void> {
    if (!this.#writer.empty) await this.#writer.emptied(this.patience);
    if (this.#failure) throw this.#failure;
    this.input.release();
    const tls = open(this.#stream);
    this.buffers = null;
    this.#attach(tls);
    this.input.move(tls);
    this.#writer.move(tls);
    this.#handshake = handshake(tls, this.role);
    await this.#handshake.done;
    this.#handshake = null;
  }

  /** Ends every wait on this connection, now and later, with this reason. The first reason stays. */
  fail(failure: Failure): void {
    if (this.#failure || this.#closing) return;
    this.#failure = failure;
    this.deadline = NEVER;
    this.limit = NEVER;
    this.#handshake?.fail(failure);
    this.input.fail(failure);
    this.#writer.fail(failure);
    this.#relay?.fail(failure);
    this.#tellOver(failure);
  }

  /**
   * Says no more: sends what was written, waits a little for the peer's end, and closes. Input is dropped from now on.
   *
   * @param within how long the peer may take to accept what is still to be sent, in milliseconds
   */
  close(within = LINGER): void {
    if (this.#closing) return;
    this.#closing = true;
    this.onOver = null;
    this.input.close();
    this.deadline = now() + within;
    this.#stream.end(() => {
      this.deadline = now() + LINGER;
    });
  }

  /** Closes at once: what is still to be sent is lost. */
  destroy(): void {
    this.#closing = true;
    this.onOver = null;
    this.#stream.destroy();
  }

  /** Part of the clock: ends what is overdue. */
  sweep(at: number): void {
    if (at >= this.deadline && this.#closing) this.#stream.destroy();
    else if (at >= this.deadline || at >= this.limit) this.fail(peerSilent(this.role));
    else if (at >= this.#writer.deadline) this.fail(peerSlow(this.role));
  }

  /** Listens for the end of a stream; the end of a stream that TLS has taken over is the TLS socket's. */
  #attach(stream: Duplex): void {
    this.#stream = stream;
    stream.on("error", () => {});
    stream.on("end", () => {
      if (stream === this.#stream) this.#endInput();
    });
    stream.on("close", () => {
      if (stream !== this.#stream) return;
      unwatch(this);
      this.#endInput();
      this.#hangUp();
    });
  }

  /** There will be no more input. */
  #endInput(): void {
    if (this.input.ended) return;
    this.input.end();
    this.#relay?.fail(peerCutOff(this.role));
    if (this.over) this.#tellOver(peerClosed(this.role));
  }

  /** The peer reads no more; but what had arrived before may not all have been read. */
  #hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#writer.close();
    if (this.over) this.#tellOver(peerClosed(this.role));
  }

  #tellOver(failure: Failure): void {
    const { onOver } = this;
    this.onOver = null;
    onOver?.(failure);
  }
}
