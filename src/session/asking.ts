/**
 * One command to a server and its answer, before the login: strictly one at a time, and each answer is checked.
 */

import { type Connection, OVERLONG } from "../connection/connection";
import { CAPABILITY_LIMIT, CAPABILITY_LINES, type Capabilities, parseCapabilities } from "../protocol/capability";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import type { StatusLines } from "./statuslines";

/** Which lines are an answer, besides status lines, and how long they may be. */
interface Expected {
  readonly also: (line: string) => boolean;
  /** In octets, with the line end. */
  readonly limit: number;
}

const STATUS: Expected = { also: () => false, limit: SERVER_STATUS_LIMIT };

/**
 * Says a command and reads the answer. A server that has spoken out of turn gets no credentials; empty lines behind its
 * last answer, whole or in part, are skipped with those before its next one.
 *
 * @throws Failure
 */
export async function ask(statuses: StatusLines, command: string, expected = STATUS): Promise<string> {
  const { server } = statuses;
  if (server.input.pending > 0 && !/^[\r\n]*$/.test(server.input.ahead)) {
    const reason = `server spoke out of turn: ${server.input.ahead}`;
    throw new Failure("server", "out-of-turn", reason, replies.serverUnavailable);
  }
  const slow = server.say(command);
  if (slow) await slow;
  return nextAnswer(statuses, expected);
}

/** Reads the next answer. @throws Failure if there is none, or it is not one of POP3 */
export async function nextAnswer(statuses: StatusLines, { also, limit } = STATUS): Promise<string> {
  // A server that says +OK and closes has let nobody in.
  const line = await statuses.next((last) => !isPositive(last), limit);
  if (line === null) {
    throw new Failure("server", "server-closed", "server closed the connection at login", replies.serverLost);
  }
  if (line === OVERLONG) throw invalidAnswer(`server sent a line of more than ${limit} octets`);
  if (!also(line) && line.length > SERVER_STATUS_LIMIT) {
    throw invalidAnswer(`server sent a status line of more than ${SERVER_STATUS_LIMIT} octets`);
  }
  if (!isStatus(line) && !also(line)) throw invalidAnswer(`server does not speak POP3: ${line}`);
  return line;
}

/** Asks CAPA. @returns null if the server refuses it @throws Failure */
export async function askCapabilities(statuses: StatusLines): Promise<Capabilities | null> {
  if (!isPositive(await ask(statuses, "CAPA"))) return null;
  return parseCapabilities(await list(statuses.server));
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

/** The Failure of a server whose answer is not one of POP3. */
export function invalidAnswer(reason: string): Failure {
  return new Failure("server", "server-protocol", reason, replies.serverUnavailable);
}
