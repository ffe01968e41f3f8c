/** The wait for a TLS handshake, the reason in words why a handshake has failed, and the end at a fault behind it. */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { reasonOf } from "../base/faults";
import type { Failure } from "../protocol/failure";
import { type Role, tlsFailed } from "./failures";

/** A handshake under way. */
export interface Handshake {
  /** Resolves when TLS is up and the peer is verified; rejects with a Failure of the peer. */
  readonly done: Promise<void>;
  /** Ends the wait with this reason. */
  fail(failure: Failure): void;
}

/** Waits for a handshake that has begun. @param role who the peer is */
export function handshake(tls: TLSSocket, role: Role): Handshake {
  let fail!: (failure: Failure) => void;
  const done = new Promise<void>((resolve, reject) => {
    fail = reject;
    const failed = (why: string) => reject(tlsFailed(role, why));
    tls.once(role === "server" ? "secureConnect" : "secure", () => {
      // A pin that does not match has destroyed the socket by now; the reason comes with its "error".
      if (!tls.destroyed) resolve();
    });
    tls.once("end", () => failed("the connection was closed"));
    tls.once("error", (fault) => failed(reasonOf(fault)));
    tls.once("close", () => failed("the connection was closed"));
  });
  return { done, fail };
}

/**
 * Makes a fault of TLS behind the handshake the end of the stream: a fatal alert, or a record that can't be decrypted.
 * Node leaves the socket open then, and neither reads nor writes it any more. It emits "error" towards a server; towards
 * a client, where no tls.Server is involved, it emits "_tlsError" alone, which is not public.
 */
export function endsAtFaults(stream: Duplex): void {
  stream.on("error", destroyThis);
  if ((stream as Partial<TLSSocket>).encrypted) stream.on("_tlsError", destroyThis);
}

function destroyThis(this: Duplex): void {
  this.destroy();
}
