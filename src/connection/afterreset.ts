/**
 * The one patch of a stream: a write that fails no longer destroys the stream.
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
  type Done = Parameters<typeof write>[2];
  const succeeded = (done: Done) => (fault?: Error | null) => {
    if (fault) failed();
    done();
  };
  stream._write = (octets, encoding, done) => write.call(stream, octets, encoding, succeeded(done));
  if (writev) stream._writev = (pieces, done) => writev.call(stream, pieces, succeeded(done));
}
