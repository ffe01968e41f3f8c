/**
 * Failure: every end of a session but QUIT and a refused login. A Failure has a blame, a code and a reason for the log,
 * and a reply for the client. A refused command is a reply, not a Failure.
 */

import { replies } from "./replies";

/** The side that caused a failure. A fault of the server or of the gateway has a log line of its own. */
type Blame = "client" | "server" | "gateway" | "nobody";

/** The codes of failures, which do not change: `code=` of the log. The manual's section "Codes" has a line for each. */
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
  "command",
  "source-address",
  "server-tls",
  "server-refused",
  "server-closed",
  "server-silent",
  "server-slow",
  "server-protocol",
  "out-of-turn",
  "scanner",
  "shutdown",
  "ended",
  "internal",
] as const;

type FailureCode = (typeof FAILURE_CODES)[number];

/** How a session ended: by QUIT, by a refused login, or by a failure. "closed": the client closed its side. */
export type EndCode = "quit" | "refused" | FailureCode;

/** Why a session fails. */
export class Failure extends Error {
  /**
   * @param blame the side that caused the failure
   * @param code the kind of failure
   * @param message the reason in words, for the log; may have octets of the peer, which the log escapes
   * @param reply a whole status line for the client without CRLF; null: the client gets no reply
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

  /** A thrown value as a Failure: any value but a Failure is a fault of the gateway, with a stack for the log. */
  static of(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new Failure("gateway", "internal", message, replies.internalFault, { cause: thrown });
  }
}
