/**
 * Everything behind complete credentials: where they lead, into the server there, and through the TRANSACTION.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Connection, closed } from "../connection/connection";
import type { Failure } from "../protocol/failure";
import { isPositive, isTemporary } from "../protocol/response";
import { logIn } from "./serverlogin";
import { type Credentials, type Denial, named, type Session } from "./session";
import { hasQuit, transaction } from "./transaction";

/** Serves a client that has given its credentials. @returns why it ended @throws Failure */
export async function serve(session: Session, login: Credentials): Promise<string> {
  session.downstream.deadline = Number.POSITIVE_INFINITY;
  const upstream = await reach(session, login);
  if (!upstream) return "login refused";
  try {
    return await transaction(session, upstream);
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
async function reach(session: Session, login: Credentials): Promise<Connection | null> {
  const { needs, downstream } = session;
  const until = lost(downstream);
  const asked = needs.route(login);
  if ("reply" in asked) return deny(session, { user: login.user, ...asked });
  session.route = asked;
  const route = await needs.admit(session, asked, until);
  if ("reply" in route) return deny(session, { ...named(asked), ...route });
  session.route = route;
  const upstream = await needs.dial(session, route, until);
  if ("reply" in upstream) return deny(session, { ...named(route), ...upstream });
  whenLost(downstream, (failure) => upstream.fail(failure));
  if (needs.config.debug) session.traced(upstream, ">");
  try {
    const reply = await logIn(session, upstream, route);
    if (!isPositive(reply)) {
      upstream.destroy();
      return await deny(session, { ...named(route), reply, reason: "server" });
    }
    await needs.loggedIn(session, route);
    session.log("info", "login", { ...named(route), tls: downstream.tls || undefined });
    await downstream.say(reply);
    session.owed = false;
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
async function deny(session: Session, denial: Denial & { user: string }): Promise<null> {
  const { reply, temporary = isTemporary(reply), ...told } = denial;
  session.log("warning", "denied", { ...told, answer: session.withoutSecrets(reply) });
  if (!temporary) await held(session, session.needs.refused(session));
  await session.downstream.say(reply);
  return null;
}

/** Holds an answer back. @throws Failure if the client does not wait for it */
async function held(session: Session, seconds: number): Promise<void> {
  const signal = lost(session.downstream);
  await pause(seconds * 1000, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}
