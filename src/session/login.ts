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
import { type Attempt, type Denial, denial, type Route } from "./needs";
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
  let route = admitted.account ? await needs.withToken(session, admitted, until) : admitted;
  if (route.kind === "denial") return deny(session, attempt, loginFields(admitted), route);
  let answered = await enter(session, attempt, route, until);
  if (answered.kind === "denial" && isTokenRefused(answered, route)) {
    // The first wait ended with the server's connection, which has taken its place.
    const again = untilOver(client);
    route = await needs.withToken(session, admitted, again, bearerOf(route));
    if (route.kind === "denial") return deny(session, attempt, loginFields(admitted), route);
    answered = await enter(session, attempt, route, again);
  }
  if (answered.kind === "denial") return deny(session, attempt, loginFields(session.route ?? route), answered);
  const { statuses, reply } = answered;
  try {
    attempt.succeeded();
    const recorded = session.loggedIn(session.route ?? route);
    if (recorded) await recorded;
    const slow = client.say(reply);
    if (slow) await slow;
    session.owed = false;
    return statuses;
  } catch (thrown) {
    statuses.server.destroy();
    throw thrown;
  }
}

/** A server that has let the client in. */
interface Entered {
  readonly kind: "entered";
  readonly statuses: StatusLines;
  /** Its status line to the credentials. */
  readonly reply: string;
}

/** Connects to the server of a route, and logs in there. @throws Failure */
async function enter(session: Session, attempt: Attempt, to: Route, until: Until): Promise<Entered | Denial> {
  const { needs, client } = session;
  attempt.judging = false;
  session.route = to;
  const dialled = await needs.dial(session, to, until);
  if (dialled.kind === "denial") return dialled;
  const { server, place } = dialled;
  const route = place === to ? to : { ...to, ...place };
  session.route = route;
  session.address = server.peer.address || undefined;
  whenOver(client, (failure) => server.fail(failure));
  if (needs.trace) session.trace(server);
  try {
    const statuses = session.statusLines(server);
    const reply = await logIn(session, attempt, route, statuses);
    if (typeof reply === "string" && isPositive(reply)) return { kind: "entered", statuses, reply };
    server.destroy();
    return typeof reply === "string" ? denial("server-denied", whyDenied(session, route), reply) : reply;
  } catch (thrown) {
    server.destroy();
    throw thrown;
  }
}

/** Who has refused a login. The reply beside it has the server's words; a token is not what the client has given. */
function whyDenied({ challenge }: Session, { account, way }: Route): string {
  if (!account || way === undefined) return "server";
  const said = challenge === "" ? "" : ` (${challenge})`;
  const hint = "is POP3 switched on for the mailbox, and has this user logged in at --authorize?";
  return `server refuses the token of provider ${account.provider}${said}: ${hint}`;
}

function bearerOf({ secret }: Route): string | undefined {
  return secret.kind === "token" ? secret.token : undefined;
}

/** Whether a new token may help: the server has refused one that was not issued for this login. */
function isTokenRefused({ code, reply }: Denial, { account, way, secret }: Route): boolean {
  const ours = account !== undefined && way !== undefined && secret.kind === "token";
  return ours && account.issued !== true && code === "server-denied" && !isTemporary(reply);
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
