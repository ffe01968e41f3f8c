/**
 * Failure: how a session ends when it does not end by QUIT. It says who is to blame, what the log is told,
 * and what the client is told (null: nothing). A refused command is a reply, not a Failure.
 */

import { texts } from "./response";

/** Whose doing it was; it decides the level of the log line. */
export type Blame = "client" | "server" | "gateway" | "nobody";

export class Failure extends Error {
  /**
   * @param blame whose doing it was
   * @param message the reason, for the log; may hold octets of the peer, the log escapes them
   * @param reply a whole status line for the client without CRLF, or null to close without a word
   */
  constructor(
    readonly blame: Blame,
    message: string,
    readonly reply: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "Failure";
  }

  /** Anything thrown as a Failure: what is not one yet is a fault of ours, with its stack for the log. */
  static of(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new Failure("gateway", message, texts.internalFault, { cause: thrown });
  }
}
