/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { setTimeout as pause } from "node:timers/promises";
import { POP3_PORT, showHostPort } from "../address";
import type { TlsMode } from "../config";
import { type Connection, closed } from "../connection";
import { now } from "../deadline";
import { Failure } from "../failure";
import { isPositive, isTemporary } from "../protocol/response";
import { authorization } from "./authorization";
import { hasQuit, transaction } from "./transaction";
import { logIn } from "./upstream";
import { type Denial, type Gateway, type Login, type Route, Visit } from "./visit";

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
    visit.log("info", "connect", { interface: downstream.local.address });
    downstream.deadline = visit.began + gateway.config.loginTimeout * 1000;
    if (tls === "tls") await gateway.secureClient(downstream);
    await downstream.say(`+OK ${gateway.config.greeting}`);
    const login = await authorization(visit);
    if (login) reason = await serve(visit, login);
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

/** Everything behind complete credentials. @returns why it ended */
async function serve(visit: Visit, login: Login): Promise<string> {
  visit.downstream.deadline = Number.POSITIVE_INFINITY;
  const upstream = await reach(visit, login);
  if (!upstream) return "login refused";
  try {
    return await transaction(visit, upstream);
  } finally {
    upstream.destroy();
  }
}

/**
 * To the server, and into it: the client has its answer when this returns.
 *
 * @returns the server, logged in; null if the login was denied
 * @throws Failure
 */
async function reach(visit: Visit, login: Login): Promise<Connection | null> {
  const { gateway, downstream } = visit;
  const until = lost(downstream);
  const asked = gateway.route(login);
  if ("reply" in asked) return deny(visit, { user: login.user, ...asked });
  visit.route = asked;
  const route = await gateway.admit(visit, asked, until);
  if ("reply" in route) return deny(visit, { ...named(asked), ...route });
  visit.route = route;
  const upstream = await gateway.dial(visit, route, until);
  if ("reply" in upstream) return deny(visit, { ...named(route), ...upstream });
  whenLost(downstream, (failure) => upstream.fail(failure));
  if (gateway.config.debug) visit.traced(upstream, ">");
  try {
    const reply = await logIn(visit, upstream, route);
    if (!isPositive(reply)) {
      upstream.destroy();
      return await deny(visit, { ...named(route), reply, reason: "server" });
    }
    await gateway.loggedIn(visit, route);
    visit.log("info", "login", { ...named(route), tls: downstream.tls || undefined });
    await downstream.say(reply);
    visit.owed = false;
    return upstream;
  } catch (thrown) {
    upstream.destroy();
    throw thrown;
  }
}

/** Does this once when nobody waits for an answer any more, and no QUIT is left to be carried out. */
function whenLost(downstream: Connection, then: (failure: Failure) => void): void {
  const lost = (failure: Failure) => {
    if (failure.blame === "client" && downstream.gone && hasQuit(downstream.ahead)) return;
    then(failure);
  };
  downstream.onLost = lost;
  if (downstream.gone) lost(closed("client"));
}

/** The same as a signal. */
function lost(downstream: Connection): AbortSignal {
  const until = new AbortController();
  whenLost(downstream, (failure) => until.abort(failure));
  return until.signal;
}

/** Whose login it is, and where to, as the log shows it. */
function named(route: Route): { user: string; "proxy-user"?: string; server: string } {
  const { user, proxyUser, host, port } = route;
  const server = port === POP3_PORT ? host : showHostPort(host, port);
  return { user, ...(proxyUser && { "proxy-user": proxyUser }), server };
}

/** A refused login is answered late, unless it says nothing against the client, and ends the session. */
async function deny(visit: Visit, denial: Denial & { user: string }): Promise<null> {
  const { reply, temporary = isTemporary(reply), ...told } = denial;
  visit.log("warning", "denied", { ...told, answer: reply });
  if (!temporary) await held(visit, visit.gateway.refused(visit));
  await visit.downstream.say(reply);
  return null;
}

/** Holds an answer back. @throws Failure if the client does not wait for it */
async function held(visit: Visit, seconds: number): Promise<void> {
  const signal = lost(visit.downstream);
  await pause(seconds * 1000, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}

/** Tells the client and the log of a failure, each what is for them. @returns the reason for the closing line */
function tell(visit: Visit, failure: Failure): string {
  const { blame, message, reply } = failure;
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
