/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Connection } from "../connection";
import { Failure } from "../failure";
import type { Level } from "../log";
import { isPositive, isTemporary } from "../protocol/response";
import { authorization } from "./authorization";
import { transaction } from "./transaction";
import { logIn } from "./upstream";
import { type Gateway, type Login, type Route, Visit } from "./visit";

/** Serves one client; the connection is closing when this resolves. Never rejects. */
export async function session(downstream: Connection, gateway: Gateway): Promise<void> {
  const visit = new Visit(downstream, gateway);
  let reason = "quit";
  let patience: number | undefined;
  try {
    visit.log("info", "connect", { interface: downstream.local.address });
    downstream.deadline = visit.began + gateway.config.loginTimeout * 1000;
    await downstream.say(`+OK ${gateway.config.greeting}`);
    const login = await authorization(visit);
    if (login) reason = await serve(visit, login);
    patience = downstream.patience;
  } catch (thrown) {
    reason = tell(visit, Failure.of(thrown));
  } finally {
    downstream.close(patience);
    const { route, retrieved, deleted, octets } = visit;
    const seconds = Math.round((Date.now() - visit.began) / 1000);
    visit.log("info", "close", { user: route?.user, server: route?.host, reason, seconds, retrieved, deleted, octets });
  }
}

/** Everything behind complete credentials. @returns why it ended */
async function serve(visit: Visit, login: Login): Promise<string> {
  const { gateway, downstream } = visit;
  downstream.deadline = Number.POSITIVE_INFINITY;
  const route = gateway.route(login);
  if (typeof route === "string") return deny(visit, { user: login.user }, route, "no route");
  visit.route = route;
  const upstream = await dial(visit, route);
  try {
    const answer = await logIn(visit, upstream, route);
    if (!isPositive(answer)) {
      upstream.destroy();
      return await deny(visit, { user: route.user, server: route.host }, answer, "server");
    }
    gateway.loggedIn(visit);
    visit.log("info", "login", { user: route.user, server: route.host });
    await downstream.say(answer);
    visit.owed = false;
    return await transaction(visit, upstream);
  } finally {
    upstream.destroy();
  }
}

/** Connects to the server; from then on the server's side fails when the client is lost. */
async function dial(visit: Visit, route: Route): Promise<Connection> {
  const { downstream, gateway } = visit;
  const until = new AbortController();
  downstream.onLost = (failure) => until.abort(failure);
  if (downstream.gone) until.abort(new Failure("client", "client closed the connection"));
  const upstream = await gateway.dial(route, until.signal);
  downstream.onLost = (failure) => upstream.fail(failure);
  if (gateway.config.debug) visit.traced(upstream, ">");
  return upstream;
}

/** A refused login is answered late, unless it says nothing against the credentials, and ends the session. */
async function deny(visit: Visit, who: Who, answer: string, reason: string): Promise<string> {
  visit.log("warning", "denied", { ...who, reason, answer });
  if (!isTemporary(answer)) await held(visit, visit.gateway.refused(visit));
  await visit.downstream.say(answer);
  return "login refused";
}

interface Who {
  readonly user: string;
  readonly server?: string;
}

/** Holds an answer back. @throws Failure if the client does not wait for it */
async function held(visit: Visit, seconds: number): Promise<void> {
  const until = new AbortController();
  visit.downstream.onLost = (failure) => until.abort(failure);
  try {
    await pause(seconds * 1000, undefined, { signal: until.signal });
  } catch {
    throw until.signal.reason;
  }
}

/** Tells the client and the log of a failure, each what is for them. @returns the reason for the closing line */
function tell(visit: Visit, failure: Failure): string {
  const { blame, message, reply } = failure;
  // An -ERR inside a multi-line response would become mail; one that nobody waits for would answer the wrong command.
  if (reply !== null && !visit.inside && (visit.owed || blame === "client")) void visit.downstream.say(reply);
  const level: Level = blame === "client" ? "info" : "err";
  if (level === "err") {
    const stack = failure.cause instanceof Error ? failure.cause.stack : undefined;
    visit.log(level, "failure", { blame, server: visit.route?.host, reason: message, stack });
  }
  return message;
}
