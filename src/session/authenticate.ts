/**
 * AUTH with the client (RFC 5034, 4): one exchange, from the command to the credentials. The response comes with the
 * command or behind a "+"; a server is not needed before it is complete.
 */

import { OVERLONG, peerClosed } from "../connection/connection";
import { AUTH_LIMIT } from "../protocol/command";
import type { Credentials, Mechanism } from "../protocol/credentials";
import { replies } from "../protocol/replies";
import { CHALLENGE, parseResponse, type RefusedResponse } from "../protocol/sasl";
import type { Session } from "./session";

/** A response that is empty, where the command has it (RFC 5034, 4). */
const EMPTY = "=";

/** What a client sends instead of a response when it gives up. */
const CANCEL = "*";

/**
 * Reads the response of a permitted AUTH.
 *
 * @param argument the command's: a mechanism, and perhaps a response
 * @throws Failure if the client closes the connection, or is too slow
 */
export async function authenticate(session: Session, argument: string): Promise<Credentials | RefusedResponse> {
  const [mechanism, inline] = argument.split(" ", 2) as [Mechanism, string | undefined];
  if (inline !== undefined) return parseResponse(mechanism, inline === EMPTY ? "" : inline);
  const { client } = session;
  await client.say(CHALLENGE);
  session.secretAhead = true;
  const response = await client.input.line(AUTH_LIMIT);
  session.secretAhead = false;
  if (response === null) throw peerClosed("client");
  if (response === OVERLONG) {
    await client.input.skipLine();
    return { kind: "refused", reply: replies.lineTooLong };
  }
  if (response === CANCEL) return { kind: "refused", reply: replies.cancelled };
  return parseResponse(mechanism, response);
}
