/**
 * A session from complete credentials on: the route, the login to the server, and the TRANSACTION state.
 */

import { NEVER } from "../base/clock";
import { Abort, pause, type Until } from "../base/until";
import { type Connection, peerClosed } from "../connection/connection";
import type { Credentials } from "../protocol/credentials";
import type { Failure } from "../protocol/failure";
import { isPositive, isTemporary } from "../protocol/response";
import { hasQuit } from "./hangup";
import { type Attempt, type Denial, denial } from "./needs";
import { logIn } from "./serverlogin";
import { type LoginFields, loginFields, type Session, type SessionEnd } from "./session";
import type { StatusLines } from "./statuslines";
import { transaction } from "./transaction";

/** Serves a client that has given its credentials. @throws Failure */
export async function serveLogin(session: Session, credentials: Credentials): Promise<SessionEnd> {
  session.client.deadline = NEVER;
  const statuses = await reach(session, credentials);
  if (!statuses) return { code: "refused", reason: "login refused" };
  try {
    return await transaction(session, statuses);
  } finally {
    statuses.server.destroy();
  }
}

/**
 * Connects to the server and logs in. The client has its answer when this returns.
 *
 * @returns the status lines of the server, logged in; null if the login was denied
 * @throws Failure
 */
async function reach(session: Session, credentials: Credentials): Promise<StatusLines | null> {
  const { needs, client } = session;
  const until = untilOver(client);
  const attempt = await needs.attempt(session, credentials.user, until);
  if (attempt.kind === "denial") return deny(session, null, fieldsOf(credentials), attempt);
  try {
    return await attemptLogin(session, attempt, credentials, until);
  } finally {
    attempt.over(client.over);
  }
}

/** As `reach`, when it is this attempt's turn. */
async function attemptLogin(
  session: Session,
  attempt: Attempt,
  credentials: Credentials,
  until: Until,
): Promise<StatusLines | null> {
  const { needs, client } = session;
  const asked = needs.route(credentials, session.arrival);
  if (asked.kind === "denial") return deny(session, attempt, fieldsOf(credentials, asked.server), asked);
  session.route = asked;
  attempt.judging = true;
  const admitted = await needs.admit(session, asked, until);
  if (admitted.kind === "denial") return deny(session, attempt, loginFields(asked), admitted);
  attempt.judging = false;
  session.route = admitted;
  const dialled = await needs.dial(session, admitted, until);
  if (dialled.kind === "denial") return deny(session, attempt, loginFields(admitted), dialled);
  const { server, place } = dialled;
  const route = place === admitted ? admitted : { ...admitted, ...place };
  session.route = route;
  session.address = server.peer.address || undefined;
  whenOver(client, (failure) => server.fail(failure));
  if (needs.trace) session.trace(server);
  try {
    const statuses = session.statusLines(server);
    const reply = await logIn(session, attempt, route, statuses);
    if (typeof reply !== "string" || !isPositive(reply)) {
      server.destroy();
      const refusal = typeof reply === "string" ? denial("server-denied", "server", reply) : reply;
      return await deny(session, attempt, loginFields(route), refusal);
    }
    attempt.succeeded();
    const recorded = session.loggedIn(route);
    if (recorded) await recorded;
    const slow = client.say(reply);
    if (slow) await slow;
    session.owed = false;
    return statuses;
  } catch (thrown) {
    server.destroy();
    throw thrown;
  }
}

/** The fields of a login without a route. */
function fieldsOf({ user, mechanism }: Credentials, server?: string): LoginFields {
  return { user, server, mechanism };
}

/** Calls `then` once, when the client has hung up, unless it has sent a QUIT that is still to be carried out. */
function whenOver(client: Connection, then: (failure: Failure) => void): void {
  const over = (failure: Failure) => {
    if (failure.blame === "client" && client.hungUp && hasQuit(client.input.ahead)) return;
    then(failure);
  };
  client.onOver = over;
  if (client.over) over(peerClosed("client"));
}

/** As `whenOver`, as the end of waits, with the Failure as its reason. */
function untilOver(client: Connection): Until {
  const until = new Abort();
  whenOver(client, (failure) => until.abort(failure));
  return until;
}

/**
 * Answers a denied login, late unless the denial is temporary. The session ends then.
 *
 * @param attempt null: there was none
 */
async function deny(
  session: Session,
  attempt: Attempt | null,
  who: LoginFields,
  { code, reason, reply, wait, temporary = isTemporary(reply) }: Denial,
): Promise<null> {
  session.emit("denied", { ...who, code, reason, answer: session.withoutSecrets(reply) });
  if (temporary) attempt?.over(false);
  else if (attempt) await pause(attempt.refused(wait), untilOver(session.client));
  await session.client.say(reply);
  return null;
}
