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

/** Makes all writes of this stream succeed, for the stream. @param failed called for each write that has failed */
export function survivesFailedWrites(stream: Duplex, failed: () => void): void {
  const { _write: write, _writev: writev } = stream;
  // A stream has one write under way at most, so one function serves all of them.
  let done: Parameters<typeof write>[2] = () => {};
  const succeeded = (fault?: Error | null) => {
    if (fault) failed();
    done();
  };
  stream._write = (octets, encoding, next) => {
    done = next;
    write.call(stream, octets, encoding, succeeded);
  };
  if (!writev) return;
  stream._writev = (pieces, next) => {
    done = next;
    writev.call(stream, pieces, succeeded);
  };
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
