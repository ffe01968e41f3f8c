/**
 * The AUTHORIZATION state with the server, as named steps: greeting, STLS, XCLIENT, UTF8, and USER and PASS or AUTH. The
 * caller sends the answer to the credentials to the client.
 */

import { NEVER, now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Secret } from "../protocol/credentials";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, refusedService, SERVER_STATUS_LIMIT } from "../protocol/response";
import { offersXclient, xclient } from "../protocol/xclient";
import { ask, askCapabilities, nextAnswer } from "./asking";
import { type Attempt, type Denial, denial, type Route } from "./needs";
import { authenticateAt, wayOf } from "./serverauth";
import type { Session } from "./session";
import type { StatusLines } from "./statuslines";

/** Lines behind a greeting that are skipped. */
const GREETING_LINES = 5;

/**
 * Logs in to the server.
 *
 * @param attempt is being judged from the password, or the response to AUTH, on
 * @param statuses the server's status lines
 * @returns the server's status line to the credentials, positive or not, cleaned for the client; a Denial if the server
 *   takes no such login
 * @throws Failure if the server closes the connection, is silent, refuses service, or does not speak POP3
 */
export async function logIn(
  session: Session,
  attempt: Attempt,
  route: Route,
  statuses: StatusLines,
): Promise<string | Denial> {
  const { needs } = session;
  const { server } = statuses;
  const { limits } = needs.service;
  server.patience = limits.inactivity;
  server.deadline = now() + limits.server;
  const secure = () => server.startTls((raw) => needs.serverTls(raw, route));
  const greeting = await greeted(server, route.tls, statuses, secure);
  if (route.tls !== "starttls" && server.input.pending > 0) await skipGreetingLines(server, statuses);
  if (session.utf8 || needs.service.servers.xclient) await introduce(session, statuses, greeting);
  const way = route.way ?? (route.mechanism === undefined ? "USER" : await chosenWay(session, statuses, route));
  if (way === null) {
    const kind = route.secret.kind === "token" ? "tokens" : "passwords";
    return denial("no-mechanism", `server offers no login with ${kind} in CAPA`, replies.noMechanism);
  }
  const judging = () => {
    server.deadline = now() + limits.inactivity;
    attempt.judging = true;
  };
  const answer =
    way === "USER"
      ? await userAndPass(statuses, route, judging)
      : await authenticateAt(session, statuses, way, route, judging);
  server.deadline = NEVER;
  return cleaned(answer);
}

/** What comes before the credentials: XCLIENT where the server offers it, and UTF8 where the client has sent it. */
async function introduce(session: Session, statuses: StatusLines, greeting: string): Promise<void> {
  const { needs, client, id } = session;
  if (needs.service.servers.xclient && client.peer.address !== "" && offersXclient(greeting)) {
    const answer = await ask(statuses, xclient(client.peer, client.local, id, session.clientTls !== ""));
    if (!isPositive(answer)) statuses.tell("no-xclient", `server refuses XCLIENT: ${answer}`);
  }
  if (session.utf8) {
    const answer = await ask(statuses, "UTF8");
    if (!isPositive(answer)) statuses.tell("no-utf8", `server refuses UTF8: ${answer}`);
  }
}

/**
 * How the login of a client that has used AUTH is said to the server; null: it takes no login of this kind. For other
 * clients the server is not asked CAPA, since there are servers that CAPA confuses.
 */
async function chosenWay({ needs }: Session, statuses: StatusLines, route: Route): Promise<ReturnType<typeof wayOf>> {
  const capabilities = await askCapabilities(statuses);
  needs.learned(route, capabilities ?? new Map());
  return wayOf(route.secret, capabilities);
}

/** USER and PASS. @param judging called before the server gets the password */
async function userAndPass(
  statuses: StatusLines,
  { user, secret }: Pick<Route, "user" | "secret">,
  judging: () => void,
): Promise<string> {
  const answer = await ask(statuses, `USER ${user}`);
  if (!isPositive(answer)) return answer;
  judging();
  return ask(statuses, `PASS ${(secret as Secret & { kind: "password" }).password}`);
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
  const greeting = await nextAnswer(statuses);
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
  const capabilities = await askCapabilities(statuses);
  if (!capabilities) throw insecure("server refuses CAPA");
  if (!capabilities.has("STLS")) throw insecure("server does not offer STLS");
  const answer = await ask(statuses, "STLS");
  if (!isPositive(answer)) throw insecure(`server refuses STLS: ${answer}`);
  if (server.input.pending > 0) throw insecure("server sent octets in clear after its answer to STLS");
  await secure();
}

function insecure(reason: string): Failure {
  return new Failure("server", "server-tls", reason, replies.serverInsecure);
}
