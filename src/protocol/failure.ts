/**
 * Failure: how a session ends when it does not end by QUIT. It says who is to blame, what the log gets, and what the
 * client is told. A refused command is a reply, not a Failure.
 */

import { replies } from "./replies";

/** Whose doing it was; a fault of the server or of the gateway has a log line of its own. */
export type Blame = "client" | "server" | "gateway" | "nobody";

/** Why a session failed, in stable words: `code=` of the log. Each has its line in the manual's section "Codes". */
export const FAILURE_CODES = [
  "closed",
  "idle",
  "client-slow",
  "client-tls",
  "not-pop3",
  "unsupported",
  "displaced",
  "lookup",
  "unreachable",
  "source-address",
  "server-tls",
  "server-refused",
  "server-closed",
  "server-silent",
  "server-slow",
  "server-protocol",
  "out-of-turn",
  "shutdown",
  "internal",
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/** How a session ended: by QUIT, by a refused login, or by a failure; "closed": the client closed its side. */
export type EndCode = "quit" | "refused" | FailureCode;

export class Failure extends Error {
  /**
   * @param blame whose doing it was
   * @param code the kind of failure
   * @param message the reason in words, for the log; may hold octets of the peer, which the log escapes
   * @param reply a whole status line for the client without CRLF, or null to close without a word
   */
  constructor(
    readonly blame: Blame,
    readonly code: FailureCode,
    message: string,
    readonly reply: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "Failure";
  }

  /** Anything thrown as a Failure: what is not one yet is a fault of the gateway, with its stack for the log. */
  static of(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new Failure("gateway", "internal", message, replies.internalFault, { cause: thrown });
  }
}
