/** The first words of a server over a stream that somebody else has connected: a command, or ssh. */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { NEVER, now } from "../base/clock";
import type { Until } from "../base/until";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import type { Place } from "../session/needs";

export interface Speaking {
  readonly place: Place;
  /** For the connection, TLS included, in milliseconds. */
  readonly timeout: number;
  /** Octets that are sent before all else, TLS included; absent: none. */
  readonly header?: Buffer | undefined;
  /** TLS over the stream, where TLS comes first. */
  tls(raw: Duplex): TLSSocket;
}

/**
 * Waits until a server speaks, or for the handshake where TLS comes first: the stream alone tells nothing of a server.
 *
 * @param until gives up, with its reason
 * @throws the reason of `until`, or a Failure
 */
export async function untilSpoken(
  connection: Connection,
  { place, timeout, header, tls }: Speaking,
  until: Until,
): Promise<void> {
  const aborted = () => connection.fail(until.reason as Failure);
  until.addEventListener("abort", aborted);
  connection.deadline = now() + timeout;
  if (header) connection.send(header);
  try {
    if (place.tls === "tls") await connection.startTls(tls);
    else if (!(await connection.input.filled())) {
      throw new Failure("server", "server-closed", "server closed the connection at login", replies.serverLost);
    }
    connection.deadline = NEVER;
  } catch (thrown) {
    throw until.aborted ? until.reason : Failure.of(thrown);
  } finally {
    until.removeEventListener("abort", aborted);
  }
}

/** Whether the stream has ended before a server had spoken; a refused certificate, for example, is something else. */
export function hasClosed({ code, message }: Failure): boolean {
  return code === "server-closed" || (code === "server-tls" && /closed/.test(message));
}
