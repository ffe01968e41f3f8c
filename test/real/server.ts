/**
 * What the tests know of a real POP3 server, whichever it is.
 */

import type { Inspection } from "../stage/process";

/** A running server with one maildrop, user and password below; it ends with its test. */
export interface RealServer {
  readonly port: number;
  /** The mails that are in the maildrop now, as the server stores them, in no special order. */
  stored(): Buffer[];
}

/** The one user of every server here. */
export const user = "joe";
export const password = "some secret";

/** The log of a gateway in front of such a server must hold neither faults nor the password. */
export const inspect: Inspection = { secret: password };
