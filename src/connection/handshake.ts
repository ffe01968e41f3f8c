/**
 * The wait for a TLS handshake, and why one fails, in words.
 */

import type { TLSSocket } from "node:tls";
import { type Blame, Failure } from "../protocol/failure";
import { texts } from "../protocol/response";

/** A handshake under way. */
export interface Handshake {
  /** Resolves when TLS is up and the peer is believed; rejects with a Failure of the peer. */
  readonly done: Promise<void>;
  /** Ends the wait with this reason. */
  fail(failure: Failure): void;
}

/** @param role who the peer is */
export function handshake(tls: TLSSocket, role: Blame): Handshake {
  const reply = role === "server" ? texts.serverInsecure : null;
  let fail!: (failure: Failure) => void;
  const done = new Promise<void>((resolve, reject) => {
    fail = reject;
    const failed = (why: string) => reject(new Failure(role, `TLS with ${role} failed: ${why}`, reply));
    // A pin that does not fit has destroyed the socket by now; why, its "error" tells.
    tls.once(role === "server" ? "secureConnect" : "secure", () => {
      if (!tls.destroyed) resolve();
    });
    tls.once("end", () => failed("the connection was closed"));
    tls.once("error", (fault) => failed(reasonOf(fault)));
    tls.once("close", () => failed("the connection was closed"));
  });
  return { done, fail };
}

/** What OpenSSL says in words, without its numbers and files; else what the system says. */
export function reasonOf(fault: Error & { readonly reason?: string }): string {
  return fault.reason ?? fault.message;
}
