/**
 * A connection to a client or a server, as lines and chunks. This file is the interface of its folder; only the files
 * of the folder use the stream of a client or a server. reader.ts and writer.ts are the connection's halves, relay.ts
 * relays a multi-line body.
 *
 * - Octets that arrived before the peer closed can still be read; octets written afterwards are dropped.
 * - A wait ends in one of three ways: octets arrive, the input ends, or `fail` gives a reason. Deadlines call `fail`.
 * - A multi-line body is one awaited call, `relay`; inside, octets flow by callback, whole chunks at a time.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { NEVER, now, Watched } from "../base/clock";
import type { Failure } from "../protocol/failure";
import type { ReadBuffers } from "./buffers";
import type { Endpoint } from "./ends";
import { peerClosed, peerCutOff, peerSilent, peerSlow, type Role } from "./failures";
import { endsAtFaults, type Handshake, handshake } from "./handshake";
import { Reader } from "./reader";
import { type BodyEnd, Relay, type Sink, type Source } from "./relay";
import { Writer } from "./writer";

export { survivesFailedWrites } from "./afterreset";
export { localEnd } from "./ends";
export { peerClosed } from "./failures";
export { type InputLine, OVERLONG } from "./reader";
export type { BodyEnd, Sink } from "./relay";

/** How long a closing connection waits for the peer to close, in milliseconds: a reset could lose the last reply. */
const LINGER = 2000;

/** Shown a line that was read ("<") or written (">"). */
type Trace = (direction: "<" | ">", line: string) => void;

/** Where the listeners of a stream find its connection. */
const OWNER = Symbol("the connection of a stream");

type Owned = Duplex & { [OWNER]: Connection };

// All streams share these listeners: functions for each would be memory of idle sessions.
function ended(this: Owned): void {
  this[OWNER].streamEnded(this);
}

function closed(this: Owned): void {
  this[OWNER].streamClosed(this);
}

/** A connection to a client or a server. */
export class Connection extends Watched implements Source, Sink {
  /** How long the peer may take to accept octets, or to send the next chunk of a body, in milliseconds. */
  patience = NEVER;
  /** Called when the connection has closed. */
  onClosed: (() => void) | null = null;
  /** Called once, when the peer has hung up and all its input has arrived, or when the connection fails. */
  onOver: ((failure: Failure) => void) | null = null;

  #deadline = NEVER;
  #limit = NEVER;
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
   * @param role who the peer is, for the failures
   * @param buffers where the stream's `onread` option delivers; null: the stream emits its chunks
   */
  constructor(
    /** The first stream, below TLS; it closes last. */
    readonly stream: Duplex,
    readonly role: Role,
    readonly peer: Endpoint,
    readonly local: Endpoint,
    buffers: ReadBuffers | null = null,
  ) {
    super();
    this.buffers = buffers;
    this.input = new Reader(stream, buffers);
    this.#writer = new Writer(stream, this);
    this.#attach(stream);
  }

  /** When the expected input must have arrived, by the clock of clock.ts; NEVER: no input is expected. */
  get deadline(): number {
    return this.#deadline;
  }

  set deadline(at: number) {
    this.#deadline = at;
    this.watch(at);
  }

  /** When the connection fails in any case, by the same clock. */
  get limit(): number {
    return this.#limit;
  }

  set limit(at: number) {
    this.#limit = at;
    this.watch(at);
  }

  /** The TLS version in use, as Node names it; "": the connection is in clear. */
  get tls(): string {
    const socket = this.#stream as Partial<TLSSocket>;
    return socket.encrypted ? (socket.getProtocol?.() ?? "") : "";
  }

  /** The cipher in use, as OpenSSL names it; "": the connection is in clear. */
  get cipher(): string {
    const socket = this.#stream as Partial<TLSSocket>;
    return socket.encrypted ? (socket.getCipher?.()?.name ?? "") : "";
  }

  /** How many octets have come from the peer: those under TLS, once it is spoken. */
  get received(): number {
    return (this.#stream as Partial<TLSSocket>).bytesRead ?? 0;
  }

  /** How many octets were written to the peer; as `received`. */
  get sent(): number {
    return (this.#stream as Partial<TLSSocket>).bytesWritten ?? 0;
  }

  /** Called with each line that `line` reads, that `say` writes, or that goes before a relayed body. */
  set trace(trace: Trace) {
    this.#trace = trace;
    this.input.onLine = (line) => trace("<", line);
  }

  /** Whether `trace` is called. */
  get traced(): boolean {
    return this.#trace !== null;
  }

  /**
   * Whether the peer does not read any more: a reset, a timeout or a close. The end of input alone is no sign of it.
   */
  get hungUp(): boolean {
    return this.#hungUp;
  }

  /** Whether the peer has hung up and all its input has arrived. */
  get over(): boolean {
    return this.#hungUp && this.input.ended;
  }

  /** Writes lines (latin1), each with its CRLF; returns as `write` does. */
  say(line: string, ...others: readonly string[]): Promise<void> | undefined {
    if (this.#trace) for (const one of [line, ...others]) this.#trace(">", one);
    return this.write(others.length === 0 ? `${line}\r\n` : `${line}\r\n${others.join("\r\n")}\r\n`);
  }

  /**
   * Writes octets (a string is latin1). Returns a promise only if the peer is slower than the gateway. The promise
   * resolves when the peer has accepted all octets or has hung up, and rejects with a Failure after `patience`.
   */
  write(octets: string | Buffer): Promise<void> | undefined {
    this.#writer.send(octets);
    return this.#writer.full ? this.emptied() : undefined;
  }

  /** Text that is written from now on leaves at `uncork`, in one piece. */
  cork(): void {
    this.#writer.cork();
  }

  /** Ends `cork`. */
  uncork(): void {
    this.#writer.uncork();
  }

  /** Sends what `cork` has held back so far. */
  flush(): void {
    this.#writer.flush();
  }

  /** Whether so many octets are unsent that the caller should wait for `emptied`. */
  get full(): boolean {
    return this.#writer.full;
  }

  /** Part of Sink: writes octets, and does not wait. */
  send(octets: string | Buffer): void {
    this.#writer.send(octets);
  }

  /** Part of Sink. */
  get empty(): boolean {
    return this.#writer.empty;
  }

  /** As a sink of a relay. */
  get encrypts(): boolean {
    return (this.#stream as Partial<TLSSocket>).encrypted === true;
  }

  /** Part of Sink: rejects with a Failure after `patience`. */
  emptied(): Promise<void> {
    const emptied = this.#writer.emptied(this.patience);
    this.watch(this.#writer.deadline);
    return emptied;
  }

  /**
   * Relays a body from this connection to a sink, no faster than the sink takes it. If the sink is a connection whose
   * peer has hung up, the body is read all the same, and dropped.
   *
   * @param end finds the end of the body, which is relayed, too
   * @param head a line before the body, without CRLF
   * @returns how many octets the body had
   * @throws Failure if this side's input ends, stops for longer than `patience`, or fails, or if the sink stops
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
   * Puts TLS over the stream. Octets that arrived before go to the handshake, so the handshake fails if the peer sent
   * them in clear.
   *
   * @param open makes a TLS socket over the stream
   * @throws Failure if the handshake fails, or is not done before `deadline`
   */
  async startTls(open: (raw: Duplex) => TLSSocket): Promise<void> {
    if (!this.#writer.empty) await this.emptied();
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

  /** Rejects every wait on this connection, now and later, with this reason. Later calls do nothing. */
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
   * Closes: sends the octets that were written, waits LINGER for the peer to close, and closes the stream. Input is
   * dropped from now on.
   *
   * @param within how long the peer may take to accept the unsent octets, in milliseconds
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

  /** Closes at once: octets that are not sent yet are lost. */
  destroy(): void {
    this.#closing = true;
    this.onOver = null;
    this.#stream.destroy();
  }

  /** Part of Watched: fails or closes the connection if a deadline has passed. */
  override sweep(at: number): number {
    if (at >= this.#deadline && this.#closing) this.#stream.destroy();
    else if (at >= this.#deadline || at >= this.#limit) this.fail(peerSilent(this.role));
    else if (at >= this.#writer.deadline) this.fail(peerSlow(this.role));
    return Math.min(this.#deadline, this.#limit, this.#writer.deadline);
  }

  /** Uses a stream from now on. */
  #attach(stream: Duplex): void {
    this.#stream = stream;
    (stream as Owned)[OWNER] = this;
    endsAtFaults(stream);
    stream.on("end", ended).on("close", closed);
  }

  /** To be called when a stream of this connection has ended. Those of one below TLS do not count: TLS has its own. */
  streamEnded(stream: Duplex): void {
    if (stream === this.#stream) this.#endInput();
  }

  /** As `streamEnded`, when it has closed. */
  streamClosed(stream: Duplex): void {
    if (stream === this.#stream) {
      this.unwatch();
      this.#endInput();
      this.hangUp();
    }
    if (stream === this.stream) this.onClosed?.();
  }

  /** No input will arrive any more. */
  #endInput(): void {
    if (this.input.ended) return;
    this.input.end();
    this.#relay?.fail(peerCutOff(this.role));
    this.#tellIfOver();
  }

  /** The peer does not read any more, but octets that it has sent may still arrive. */
  hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#writer.close();
    this.#tellIfOver();
  }

  /** A Failure has a stack, which is slow to make: not where nobody listens. */
  #tellIfOver(): void {
    if (this.onOver && this.over) this.#tellOver(peerClosed(this.role));
  }

  #tellOver(failure: Failure): void {
    const { onOver } = this;
    this.onOver = null;
    onOver?.(failure);
  }
}
