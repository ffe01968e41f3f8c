/**
 * Everything behind complete credentials: where they lead, into the server there, and through the TRANSACTION.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Connection, closed } from "../connection/connection";
import type { Failure } from "../protocol/failure";
import { isPositive, isTemporary } from "../protocol/response";
import { logIn } from "./serverlogin";
import { type Denial, type Login, named, type Visit } from "./session";
import { hasQuit, transaction } from "./transaction";

/** Serves a client that has given its credentials. @returns why it ended @throws Failure */
export async function serve(visit: Visit, login: Login): Promise<string> {
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
  if (downstream.lost) lost(closed("client"));
}

/** The same as a signal. */
function lost(downstream: Connection): AbortSignal {
  const until = new AbortController();
  whenLost(downstream, (failure) => until.abort(failure));
  return until.signal;
}

/** A refused login is answered late, unless it says nothing against the client, and ends the session. */
async function deny(visit: Visit, denial: Denial & { user: string }): Promise<null> {
  const { reply, temporary = isTemporary(reply), ...told } = denial;
  visit.log("warning", "denied", { ...told, answer: visit.withoutSecrets(reply) });
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
