/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { authorization } from "./authorization";
import { type Gateway, named, Visit } from "./session";

/**
 * Serves one client; the connection is closing when this resolves. Never rejects.
 *
 * @param tls how TLS comes into the client's connection; default: never
 */
export async function session(downstream: Connection, gateway: Gateway, tls?: TlsMode): Promise<void> {
  const visit = new Visit(downstream, gateway, tls);
  let reason = "quit";
  let patience: number | undefined;
  try {
    downstream.deadline = visit.began + gateway.config.loginTimeout * 1000;
    const connected = () => visit.log("info", "connect", { interface: downstream.local.address });
    if (tls === "tls") {
      connected();
      await gateway.secureClient(downstream);
      await downstream.say(`+OK ${gateway.config.greeting}`);
    } else {
      // The greeting need not wait until the way to the log is open.
      const greeted = downstream.say(`+OK ${gateway.config.greeting}`);
      connected();
      await greeted;
    }
    const login = await authorization(visit);
    if (login) reason = await serving()(visit, login);
    patience = downstream.patience;
  } catch (thrown) {
    reason = tell(visit, Failure.of(thrown));
  } finally {
    downstream.close(patience);
    const { retrieved, octets } = visit;
    // Without QUIT the server deletes nothing (RFC 1939, 6).
    const deleted = reason === "quit" ? visit.deleted : 0;
    const seconds = Math.round((now() - visit.began) / 1000);
    const who = visit.route ? named(visit.route) : {};
    visit.log("info", "close", { ...who, reason, seconds, retrieved, deleted, octets });
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
function tell(visit: Visit, failure: Failure): string {
  const { blame, reply } = failure;
  const message = visit.withoutSecrets(failure.message);
  // An -ERR inside a multi-line response would become mail; one that nobody waits for would answer the wrong command.
  if (reply !== null && !visit.inside && (visit.owed || blame === "client")) {
    visit.downstream.say(reply)?.catch(() => {}); // it is leaving: whether it has heard this is its own affair
  }
  if (blame === "server" || blame === "gateway") {
    const stack = failure.cause instanceof Error ? failure.cause.stack : undefined;
    visit.log("err", "failure", { blame, server: visit.route?.host, reason: message, stack });
  }
  return message;
}
