/**
 * To the server: greeting, USER, PASS, as named steps. What a server may say at each is checked here; its answer to
 * the credentials is passed on by the caller.
 */

import { now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import { CAPABILITY_LIMIT, CAPABILITY_LINES, parseCapabilities } from "../protocol/capability";
import { Failure } from "../protocol/failure";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT, texts } from "../protocol/response";
import type { Route, Session } from "./session";

/**
 * Logs in.
 *
 * @returns the server's status line to the credentials, positive or not, cleaned for the client
 * @throws Failure if the server is lost, silent, unwilling, or does not speak POP3
 */
export async function logIn(session: Session, upstream: Connection, route: Route): Promise<string> {
  const { config } = session.needs;
  upstream.patience = config.timeout * 1000;
  upstream.deadline = now() + config.greetingTimeout * 1000;
  await greeted(upstream, route.tls, () => session.needs.secureServer(upstream, route));
  const user = await ask(upstream, `USER ${route.user}`);
  if (!isPositive(user)) return cleaned(user);
  upstream.deadline = now() + config.timeout * 1000;
  const answer = await ask(upstream, `PASS ${route.password}`);
  upstream.deadline = Number.POSITIVE_INFINITY;
  return cleaned(answer);
}

/**
 * Everything before the login: hears the greeting, and gets TLS under way where it begins with STLS.
 *
 * @param secure puts TLS over the connection, and verifies the server
 * @returns the greeting
 * @throws Failure
 */
export async function greeted(upstream: Connection, tls: TlsMode, secure: () => Promise<void>): Promise<string> {
  const greeting = await status(upstream);
  if (!isPositive(greeting)) throw unavailable(`server refuses service: ${greeting}`);
  if (tls === "starttls") await startTls(upstream, secure);
  return greeting;
}

/** STLS (RFC 2595, 4): required, offered and accepted, or nothing more is said to this server. */
async function startTls(upstream: Connection, secure: () => Promise<void>): Promise<void> {
  if (!isPositive(await ask(upstream, "CAPA"))) throw insecure("server refuses CAPA");
  if (!parseCapabilities(await list(upstream)).has("STLS")) throw insecure("server does not offer STLS");
  const answer = await ask(upstream, "STLS");
  if (!isPositive(answer)) throw insecure(`server refuses STLS: ${answer}`);
  if (upstream.pending > 0) throw insecure("server said something between STLS and TLS");
  await secure();
}

/** The lines of a multi-line response, without the termination octet. @throws Failure if it is not a sound list */
export async function list(upstream: Connection): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await upstream.line(CAPABILITY_LIMIT);
    if (line === ".") return lines;
    if (typeof line !== "string" || lines.length >= CAPABILITY_LINES) {
      throw new Failure("server", "server sent no sound answer to CAPA", texts.serverLost);
    }
    lines.push(line);
  }
}

/** Says a command and hears the answer. A server that has spoken out of turn is not one to give credentials to. */
async function ask(upstream: Connection, command: string): Promise<string> {
  if (upstream.pending > 0) throw unavailable(`server spoke out of turn: ${upstream.ahead}`);
  await upstream.say(command);
  return status(upstream);
}

async function status(upstream: Connection): Promise<string> {
  const line = await upstream.line(SERVER_STATUS_LIMIT);
  if (line === null) throw new Failure("server", "server closed the connection at login", texts.serverLost);
  if (line === OVERLONG) throw unavailable("server sent a line of more than 4096 octets");
  if (!isStatus(line)) throw unavailable(`server does not speak POP3: ${line}`);
  return line;
}

function insecure(reason: string): Failure {
  return new Failure("server", reason, texts.serverInsecure);
}

function unavailable(reason: string): Failure {
  return new Failure("server", reason, texts.serverUnavailable);
}
