/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { authorization } from "./authorization";
import { type Needs, named, Session } from "./session";

/**
 * Serves one client; the connection is closing when this resolves. Never rejects.
 *
 * @param tls how TLS comes into the client's connection; default: never
 */
export async function session(downstream: Connection, needs: Needs, tls?: TlsMode): Promise<void> {
  const session = new Session(downstream, needs, tls);
  let reason = "quit";
  let patience: number | undefined;
  try {
    downstream.deadline = session.began + needs.config.loginTimeout * 1000;
    const connected = () => session.log("info", "connect", { interface: downstream.local.address });
    if (tls === "tls") {
      connected();
      await needs.secureClient(downstream);
      await downstream.say(`+OK ${needs.config.greeting}`);
    } else {
      // The greeting need not wait until the way to the log is open.
      const greeted = downstream.say(`+OK ${needs.config.greeting}`);
      connected();
      await greeted;
    }
    const login = await authorization(session);
    if (login) reason = await serving()(session, login);
    patience = downstream.patience;
  } catch (thrown) {
    reason = tell(session, Failure.of(thrown));
  } finally {
    downstream.close(patience);
    const { retrieved, octets } = session;
    // Without QUIT the server deletes nothing (RFC 1939, 6).
    const deleted = reason === "quit" ? session.deleted : 0;
    const seconds = Math.round((now() - session.began) / 1000);
    const who = session.route ? named(session.route) : {};
    session.log("info", "close", { ...who, reason, seconds, retrieved, deleted, octets });
  }
}

/**
 * Loaded with the first login: under inetd, where each session is a process, the greeting need not wait for it, and a
 * client that only looks pays nothing for it.
 */
function serving(): typeof import("./login.js").serve {
  return (require("./login") as typeof import("./login.js")).serve;
}

/** Tells the client and the log of a failure, each what is for them. @returns the reason for the closing line */
function tell(session: Session, failure: Failure): string {
  const { blame, reply } = failure;
  const message = session.withoutSecrets(failure.message);
  // An -ERR inside a multi-line response would become mail; one that nobody waits for would answer the wrong command.
  if (reply !== null && !session.inside && (session.owed || blame === "client")) {
    session.downstream.say(reply)?.catch(() => {}); // it is leaving: whether it has heard this is its own affair
  }
  if (blame === "server" || blame === "gateway") {
    const stack = failure.cause instanceof Error ? failure.cause.stack : undefined;
    session.log("err", "failure", { blame, server: session.route?.host, reason: message, stack });
  }
  return message;
}
