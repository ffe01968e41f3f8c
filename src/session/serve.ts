/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { showHostPort } from "../base/address";
import { now } from "../base/clock";
import type { Connection } from "../connection/connection";
import type { FieldsOf } from "../log/events";
import { Failure } from "../protocol/failure";
import { authorization } from "./authorization";
import { serveLogin } from "./login";
import type { Arrival, Needs } from "./needs";
import { loginFields, QUIT, Session, type SessionEnd } from "./session";

/**
 * Serves one client. The connection is closing when this resolves. Never rejects.
 *
 * @param arrival how the client has connected
 */
export async function serve(client: Connection, needs: Needs, arrival: Arrival): Promise<void> {
  const session = new Session(client, needs, arrival);
  needs.counting?.began(session);
  let end = QUIT;
  let patience: number | undefined;
  try {
    client.deadline = session.began + needs.service.limits.login;
    await greet(session);
    const credentials = await authorization(session);
    if (credentials) needs.counting?.attempts(session);
    if (credentials) end = await serveLogin(session, credentials);
    patience = client.patience;
  } catch (thrown) {
    end = reportFailure(session, Failure.of(thrown));
  } finally {
    client.close(patience);
    emitClose(session, end);
    needs.counting?.ended(session);
  }
}

async function greet(session: Session): Promise<void> {
  const { client, needs } = session;
  const greeting = `+OK ${needs.service.dialogue.greeting}`;
  const about = () => connectFields(session);
  const connected = () =>
    session.emit<"connect" | "connectProbe">(isProbe(session) ? "connectProbe" : "connect", about);
  if (session.tls === "tls" || needs.scanner) {
    connected();
    if (session.tls === "tls") await session.startTls();
    session.owed = true;
    await needs.scanner?.ready();
    session.owed = false;
    await client.say(greeting);
  } else {
    // The first log line opens the log: the greeting does not wait for that.
    const greeted = client.say(greeting);
    connected();
    await greeted;
  }
}

/** A sender of PROXY headers that connects for itself looks whether the gateway is there, every few seconds. */
function isProbe({ arrival }: Session): boolean {
  return arrival.header?.kind === "local";
}

function connectFields({ client, arrival: { header } }: Session): FieldsOf<"connect"> {
  const about = { port: client.peer.port, interface: client.local.address };
  if (header?.kind !== "client") return about;
  const { tls, authority, uniqueId } = header.facts;
  return { ...about, tls: tls?.version, sni: authority || undefined, id: uniqueId || undefined };
}

function emitClose(session: Session, { code, reason }: SessionEnd): void {
  const { route, retrieved, octets } = session;
  const seconds = Math.round((now() - session.began) / 1000);
  // Without QUIT the server deletes nothing (RFC 1939, 6).
  const deleted = code === "quit" ? session.deleted : 0;
  const ending = { code, reason, seconds, retrieved, deleted, octets };
  const probe = isProbe(session);
  // A probe of a listener with TLS leaves before the handshake, which fails.
  const used = session.used || (code !== "quit" && code !== "closed" && !probe);
  if (!used) session.emit(probe ? "closeProbe" : "closeUnused", ending);
  else if (route) session.emit("close", Object.assign(loginFields(route), ending));
  else session.emit("close", ending);
}

/** Reports a failure to the client and to the log. @returns how the session ended */
function reportFailure(session: Session, failure: Failure): SessionEnd {
  const { blame, code, reply } = failure;
  const reason = session.withoutSecrets(failure.message);
  // Inside a multi-line response an -ERR would become a part of a mail; when no answer is due, it would answer the next
  // command.
  if (reply !== null && !session.insideResponse && (session.owed || blame === "client")) {
    session.client.say(reply)?.catch(() => {}); // the session ends in any case
  }
  if (blame === "server" || blame === "gateway") {
    const stack = failure.cause instanceof Error ? failure.cause.stack : undefined;
    const { route, address } = session;
    const server = route && showHostPort(route.host, route.port);
    session.emit("failure", { blame, user: route?.user, server: server ?? undefined, address, code, reason, stack });
  }
  return { code, reason };
}
