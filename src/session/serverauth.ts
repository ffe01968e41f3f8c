/**
 * AUTH with a server (RFC 5034): by what it lists in CAPA, which command a login is replayed with; and the exchange. The
 * response always has a line of its own: Exchange takes none in the line of AUTH.
 */

import type { Capabilities } from "../protocol/capability";
import { AUTH_LIMIT } from "../protocol/command";
import type { Mechanism, ProxyLogin, Secret } from "../protocol/credentials";
import { isPositive } from "../protocol/response";
import { answerToChallenge, challengeText, isChallenge, writeResponse } from "../protocol/sasl";
import { ask, invalidAnswer, nextAnswer } from "./asking";
import type { Session } from "./session";
import type { StatusLines } from "./statuslines";

/** A status line, or a challenge. */
const EXPECTED = { also: isChallenge, limit: AUTH_LIMIT };

/**
 * How a login is said to a server: with USER and PASS, or with a mechanism; null: the server takes no login of this
 * kind. A token may go with either of its mechanisms: Exchange has no OAUTHBEARER, which clients take first.
 *
 * @param capabilities of the server; null: it has no CAPA
 */
export function wayOf(secret: Secret, capabilities: Capabilities | null): "USER" | Mechanism | null {
  const listed = capabilities?.get("SASL") ?? [];
  if (secret.kind === "token") {
    const ways: readonly Mechanism[] = [secret.mechanism, "OAUTHBEARER", "XOAUTH2"];
    return ways.find((way) => listed.includes(way)) ?? null;
  }
  if (listed.includes("PLAIN") && !capabilities?.has("USER")) return "PLAIN";
  // A server that wants STLS first lists no USER; one that says nothing of logins at all has not thought of it.
  const silent = !capabilities?.has("SASL") && !capabilities?.has("STLS");
  return capabilities?.has("USER") || silent ? "USER" : null;
}

/**
 * Plays the exchange.
 *
 * @param judging called before the server gets the response
 * @returns the server's status line, positive or not
 * @throws Failure
 */
export async function authenticateAt(
  session: Session,
  statuses: StatusLines,
  mechanism: Mechanism,
  { user, secret }: Pick<ProxyLogin, "user" | "secret">,
  judging: () => void,
): Promise<string> {
  const prompt = await ask(statuses, `AUTH ${mechanism}`, EXPECTED);
  if (isPositive(prompt)) statuses.tell("auth-answer", `server answers AUTH with a status line: ${prompt}`);
  else if (!isChallenge(prompt)) return prompt;
  judging();
  session.response = writeResponse(mechanism, user, secret);
  session.secretAhead = true;
  const asked = ask(statuses, session.response, EXPECTED);
  session.secretAhead = false;
  let answer = await asked;
  for (const end of [answerToChallenge(mechanism), "*"]) {
    if (!isChallenge(answer)) return answer;
    session.challenge ||= session.withoutSecrets(challengeText(answer));
    // A server that does not wait for the answer to its challenge needs none.
    const goesOn = /[^\r\n]/.test(statuses.server.input.ahead);
    answer = goesOn ? await nextAnswer(statuses, EXPECTED) : await ask(statuses, end, EXPECTED);
  }
  if (isChallenge(answer)) throw invalidAnswer("server goes on with AUTH after its end");
  return answer;
}
