/**
 * The AUTHORIZATION state with the server: greeting, STLS, USER, PASS, as named steps. Each answer of the server is
 * checked here; the caller sends the answer to the credentials to the client.
 */

import { NEVER, now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import { CAPABILITY_LIMIT, CAPABILITY_LINES, parseCapabilities } from "../protocol/capability";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, refusedService, SERVER_STATUS_LIMIT } from "../protocol/response";
import type { Attempt, Route } from "./needs";
import type { Session } from "./session";
import type { StatusLines } from "./statuslines";

/** Lines behind a greeting that are skipped. */
const GREETING_LINES = 5;

/**
 * Logs in to the server.
 *
 * @param attempt is being judged from the password on
 * @param statuses the server's status lines
 * @returns the server's status line to the credentials, positive or not, cleaned for the client
 * @throws Failure if the server closes the connection, is silent, refuses service, or does not speak POP3
 */
export async function logIn(
  { needs }: Session,
  attempt: Attempt,
  route: Route,
  statuses: StatusLines,
): Promise<string> {
  const { server } = statuses;
  const { limits } = needs.service;
  server.patience = limits.inactivity;
  server.deadline = now() + limits.server;
  await greeted(server, route.tls, statuses, () => server.startTls((raw) => needs.serverTls(raw, route)));
  if (route.tls !== "starttls") await skipGreetingLines(server, statuses);
  const user = await ask(server, statuses, `USER ${route.user}`);
  if (!isPositive(user)) return cleaned(user);
  server.deadline = now() + limits.inactivity;
  attempt.judging = true;
  const answer = await ask(server, statuses, `PASS ${route.password}`);
  server.deadline = NEVER;
  return cleaned(answer);
}

/**
 * Everything before the login: reads the greeting, and begins TLS if the mode is "starttls".
 *
 * @param secure puts TLS over the connection, and verifies the server
 * @returns the greeting
 * @throws Failure
 */
export async function greeted(
  server: Connection,
  tls: TlsMode,
  statuses: StatusLines,
  secure: () => Promise<void>,
): Promise<string> {
  const greeting = await status(statuses);
  if (!isPositive(greeting)) {
    const reason = `server refuses service: ${greeting}`;
    throw new Failure("server", "server-refused", reason, refusedService(greeting));
  }
  if (tls === "starttls") await startTls(server, statuses, secure);
  return greeting;
}

/**
 * Skips complete lines that have come behind the greeting: old banners. Before STLS there is no such tolerance, since
 * anybody may have put lines there. @throws Failure
 */
async function skipGreetingLines(server: Connection, statuses: StatusLines): Promise<void> {
  for (let count = 0; count < GREETING_LINES && server.input.ahead.includes("\n"); count++) {
    const line = await server.input.line(SERVER_STATUS_LIMIT);
    if (typeof line === "string") statuses.tell("greeting-line", `server sent a line behind its greeting: ${line}`);
  }
}

/** STLS (RFC 2595, 4): required, offered and accepted, or nothing more is said to this server. */
async function startTls(server: Connection, statuses: StatusLines, secure: () => Promise<void>): Promise<void> {
  if (!isPositive(await ask(server, statuses, "CAPA"))) throw insecure("server refuses CAPA");
  if (!parseCapabilities(await list(server)).has("STLS")) throw insecure("server does not offer STLS");
  const answer = await ask(server, statuses, "STLS");
  if (!isPositive(answer)) throw insecure(`server refuses STLS: ${answer}`);
  if (server.input.pending > 0) throw insecure("server sent octets in clear after its answer to STLS");
  await secure();
}

/** The lines of a multi-line response to CAPA, without the terminating dot. @throws Failure if a limit is exceeded */
export async function list(server: Connection): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await server.input.line(CAPABILITY_LIMIT);
    if (line === ".") return lines;
    if (typeof line !== "string" || lines.length >= CAPABILITY_LINES) {
      throw new Failure("server", "server-protocol", "server sent no valid answer to CAPA", replies.serverLost);
    }
    lines.push(line);
  }
}

/**
 * Says a command and reads the answer. A server that has spoken out of turn gets no credentials; empty lines behind its
 * last answer, whole or in part, are skipped with those before its next one.
 */
async function ask(server: Connection, statuses: StatusLines, command: string): Promise<string> {
  const { ahead } = server.input;
  if (!/^[\r\n]*$/.test(ahead)) {
    const reason = `server spoke out of turn: ${ahead}`;
    throw new Failure("server", "out-of-turn", reason, replies.serverUnavailable);
  }
  await server.say(command);
  return status(statuses);
}

async function status(statuses: StatusLines): Promise<string> {
  // A server that says +OK and closes has let nobody in.
  const line = await statuses.next((last) => !isPositive(last));
  if (line === null) {
    throw new Failure("server", "server-closed", "server closed the connection at login", replies.serverLost);
  }
  if (line === OVERLONG) throw invalidStatus(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
  if (!isStatus(line)) throw invalidStatus(`server does not speak POP3: ${line}`);
  return line;
}

function insecure(reason: string): Failure {
  return new Failure("server", "server-tls", reason, replies.serverInsecure);
}

function invalidStatus(reason: string): Failure {
  return new Failure("server", "server-protocol", reason, replies.serverUnavailable);
}
