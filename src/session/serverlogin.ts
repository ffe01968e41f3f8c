/**
 * The AUTHORIZATION state with the server: greeting, STLS, USER, PASS, as named steps. What a server may say at each is
 * checked here; the caller passes the server's answer to the credentials on.
 */

import { NEVER, now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import { CAPABILITY_LIMIT, CAPABILITY_LINES, parseCapabilities } from "../protocol/capability";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import type { Attempt, Route } from "./needs";
import type { Session } from "./session";

/**
 * Logs in.
 *
 * @param attempt is being judged from the password on
 * @returns the server's status line to the credentials, positive or not, cleaned for the client
 * @throws Failure if the server is lost, silent, unwilling, or does not speak POP3
 */
export async function logIn({ needs }: Session, attempt: Attempt, server: Connection, route: Route): Promise<string> {
  const { limits } = needs.service;
  server.patience = limits.inactivity;
  server.deadline = now() + limits.greeting;
  await greeted(server, route.tls, () => server.startTls((raw) => needs.serverTls(raw, route)));
  const user = await ask(server, `USER ${route.user}`);
  if (!isPositive(user)) return cleaned(user);
  server.deadline = now() + limits.inactivity;
  attempt.judging = true;
  const answer = await ask(server, `PASS ${route.password}`);
  server.deadline = NEVER;
  return cleaned(answer);
}

/**
 * Everything before the login: reads the greeting, and puts TLS between where it begins with STLS.
 *
 * @param secure puts TLS over the connection, and verifies the server
 * @returns the greeting
 * @throws Failure
 */
export async function greeted(server: Connection, tls: TlsMode, secure: () => Promise<void>): Promise<string> {
  const greeting = await status(server);
  if (!isPositive(greeting)) {
    const reason = `server refuses service: ${greeting}`;
    throw new Failure("server", "server-refused", reason, replies.serverUnavailable);
  }
  if (tls === "starttls") await startTls(server, secure);
  return greeting;
}

/** STLS (RFC 2595, 4): required, offered and accepted, or nothing more is said to this server. */
async function startTls(server: Connection, secure: () => Promise<void>): Promise<void> {
  if (!isPositive(await ask(server, "CAPA"))) throw insecure("server refuses CAPA");
  if (!parseCapabilities(await list(server)).has("STLS")) throw insecure("server does not offer STLS");
  const answer = await ask(server, "STLS");
  if (!isPositive(answer)) throw insecure(`server refuses STLS: ${answer}`);
  if (server.pending > 0) throw insecure("server said something between STLS and TLS");
  await secure();
}

/** The lines of a multi-line response, without the termination octet. @throws Failure if it is not a sound list */
export async function list(server: Connection): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await server.line(CAPABILITY_LIMIT);
    if (line === ".") return lines;
    if (typeof line !== "string" || lines.length >= CAPABILITY_LINES) {
      throw new Failure("server", "server-protocol", "server sent no sound answer to CAPA", replies.serverLost);
    }
    lines.push(line);
  }
}

/** Says a command and reads the answer. A server that has spoken out of turn gets no credentials. */
async function ask(server: Connection, command: string): Promise<string> {
  if (server.pending > 0) {
    const reason = `server spoke out of turn: ${server.ahead}`;
    throw new Failure("server", "out-of-turn", reason, replies.serverUnavailable);
  }
  await server.say(command);
  return status(server);
}

async function status(server: Connection): Promise<string> {
  const line = await server.line(SERVER_STATUS_LIMIT);
  if (line === null) {
    throw new Failure("server", "server-closed", "server closed the connection at login", replies.serverLost);
  }
  if (line === OVERLONG) throw unsoundStatus(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
  if (!isStatus(line)) throw unsoundStatus(`server does not speak POP3: ${line}`);
  return line;
}

function insecure(reason: string): Failure {
  return new Failure("server", "server-tls", reason, replies.serverInsecure);
}

function unsoundStatus(reason: string): Failure {
  return new Failure("server", "server-protocol", reason, replies.serverUnavailable);
}
