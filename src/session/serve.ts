/**
 * One session from the greeting to its end: the states of RFC 1939 in order, one catch and one finally.
 */

import { showHostPort } from "../base/address";
import { now } from "../base/clock";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { authorization } from "./authorization";
import { serveLogin } from "./login";
import type { Arrival, Needs } from "./needs";
import { loginFields, Session, type SessionEnd } from "./session";

/**
 * Serves one client. The connection is closing when this resolves. Never rejects.
 *
 * @param arrival how the client has connected
 */
export async function serve(client: Connection, needs: Needs, arrival: Arrival): Promise<void> {
  const session = new Session(client, needs, arrival);
  let end: SessionEnd = { code: "quit", reason: "quit" };
  let patience: number | undefined;
  try {
    client.deadline = session.began + needs.service.limits.login;
    await greet(session);
    const credentials = await authorization(session);
    if (credentials) end = await serveLogin(session, credentials);
    patience = client.patience;
  } catch (thrown) {
    end = reportFailure(session, Failure.of(thrown));
  } finally {
    client.close(patience);
    emitClose(session, end);
  }
}

async function greet(session: Session): Promise<void> {
  const { client, needs } = session;
  const greeting = `+OK ${needs.service.dialogue.greeting}`;
  const connected = () => emitConnect(session);
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

function emitConnect(session: Session): void {
  const { client, arrival } = session;
  const { header } = arrival;
  const facts = header?.kind === "client" ? header.facts : undefined;
  session.emit(isProbe(session) ? "connectProbe" : "connect", {
    port: client.peer.port,
    interface: client.local.address,
    tls: facts?.tls?.version,
    sni: facts?.authority || undefined,
    id: facts?.uniqueId || undefined,
  });
}

function emitClose(session: Session, { code, reason }: SessionEnd): void {
  const { route, retrieved, octets } = session;
  const ending = {
    code,
    reason,
    seconds: Math.round((now() - session.began) / 1000),
    retrieved,
    // Without QUIT the server deletes nothing (RFC 1939, 6).
    deleted: code === "quit" ? session.deleted : 0,
    octets,
  };
  // A probe of a listener with TLS leaves before the handshake, which fails.
  const used = session.used || (code !== "quit" && code !== "closed" && !isProbe(session));
  if (used) session.emit("close", { ...(route && loginFields(route)), ...ending });
  else session.emit(isProbe(session) ? "closeProbe" : "closeUnused", ending);
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
