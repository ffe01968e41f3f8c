/**
 * What is done to a stream so that a client's input outlives a reset: a write that fails does not destroy the stream, and
 * a stream that does not read holds nothing.
 *
 * A client may send QUIT and reset the connection while an answer is on its way to it. That write fails, and Node
 * destroys the whole stream for it: with autoDestroy a stream can't lose its writing half alone (nodejs/node#49073
 * discusses this). The QUIT, which the system has taken or the stream still holds, would be lost unread, and the mails
 * that the client has deleted would come again (RFC 1939, 6).
 *
 * test/connection/afterreset.test.ts also tests Node without the patch: it fails when the patch is no longer needed.
 */

import type { Duplex } from "node:stream";

/** Told what becomes of writes. */
export interface WriteListener {
  /** A write has failed. */
  writeFailed(): void;
  /** A write is over, however it ended. */
  writeOver(): void;
}

/** Makes all writes of this stream succeed, for the stream. */
export function survivesFailedWrites(stream: Duplex, listener: WriteListener): void {
  const patched = stream as Patched;
  patched[PATCH] = new Patch(stream, listener);
  // Functions that all streams share: those of its own would be a kilobyte of an idle session.
  patched._write = write;
  if (stream._writev) patched._writev = writev;
}

const PATCH = Symbol("the patch of a stream");

type Patched = Duplex & { [PATCH]: Patch };
type WriteDone = (fault?: Error | null) => void;

/** What a stream did with its writes before, and the write that is under way: there is one at most. */
class Patch {
  readonly write: Duplex["_write"];
  readonly writev: Duplex["_writev"];
  done: WriteDone = () => {};

  constructor(
    stream: Duplex,
    private readonly listener: WriteListener,
  ) {
    this.write = stream._write;
    this.writev = stream._writev;
  }

  readonly over: WriteDone = (fault) => {
    if (fault) this.listener.writeFailed();
    this.done();
    this.listener.writeOver();
  };
}

function write(this: Patched, octets: unknown, encoding: BufferEncoding, done: WriteDone): void {
  const patch = this[PATCH];
  patch.done = done;
  patch.write.call(this, octets, encoding, patch.over);
}

function writev(this: Patched, pieces: Parameters<NonNullable<Duplex["_writev"]>>[0], done: WriteDone): void {
  const patch = this[PATCH];
  patch.done = done;
  patch.writev?.call(this, pieces, patch.over);
}

/** What Node's sockets read from; not public. */
interface Handle {
  readStop?: () => number;
  readStart?: () => number;
}

function handleOf(stream: Duplex): Handle | null {
  return (stream as { readonly _handle?: Handle | null })._handle ?? null;
}

/**
 * Stops reading where the system delivers. `pause` would let the stream fill its own buffer first, and what a stream
 * holds is lost when the next read finds a reset; what the system holds can still be read then. The stream goes on
 * flowing, and so does not begin to read by itself.
 *
 * @returns whether the stream has such a handle; else the caller uses `pause`
 */
export function stopReading(stream: Duplex): boolean {
  const handle = handleOf(stream);
  if (!handle?.readStop || !handle.readStart) return false;
  handle.readStop();
  return true;
}

/** The end of `stopReading`. @returns whether the stream has such a handle; else the caller uses `resume` */
export function startReading(stream: Duplex): boolean {
  const handle = handleOf(stream);
  if (!handle?.readStart) return false;
  handle.readStart();
  return true;
}
