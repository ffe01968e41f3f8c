/**
 * Responses of SASL: PLAIN (RFC 4616), OAUTHBEARER (RFC 7628), and Google's XOAUTH2. A client's response is parsed
 * strictly, and the server gets a new one, written from what was parsed. All texts are latin1.
 */

import { WORD_LIMIT } from "./command";
import type { Credentials, Mechanism, Secret } from "./credentials";
import { hasControl, withoutTrailingBlanks } from "./octets";
import { replies } from "./replies";

/** A response that is refused. */
export interface RefusedResponse {
  readonly kind: "refused";
  /** The status line for the client. */
  readonly reply: string;
}

/** A token as RFC 6750, 2.1 has it behind "Bearer". */
const TOKEN = "[A-Za-z0-9._~+/-]+=*";

/** The parts of PLAIN: authorization identity, user, password. */
const PLAIN = /^([^\0]*)\0([^\0]+)\0([^\0]*)$/;

/** XOAUTH2. 0x01 is between the parts. */
const XOAUTH2 = new RegExp(`^user=([^\\x01]+)\\x01auth=Bearer (${TOKEN})\\x01\\x01$`, "i");

/** OAUTHBEARER: the header of GS2 without channel binding, then keys with their values (RFC 7628, 3.1). */
const OAUTHBEARER = /^[ny],(?:a=((?:[^\0,=]|=2C|=3D)+))?,\x01((?:[A-Za-z]+=[\t\n\r -~]*\x01)*)\x01$/;
const BEARER = new RegExp(`^Bearer +(${TOKEN})$`, "i");

/** What the client of a refused OAUTHBEARER answers to the server's challenge: 0x01 (RFC 7628, 3.2.3). */
const OAUTHBEARER_END = "AQ==";

/**
 * The credentials in a client's response.
 *
 * @param response in base64, as it was received
 */
export function parseResponse(mechanism: Mechanism, response: string): Credentials | RefusedResponse {
  const text = decoded(response);
  if (text === null) return { kind: "refused", reply: replies.notBase64 };
  if (mechanism === "PLAIN") return parsePlain(text);
  const [user, token] = mechanism === "XOAUTH2" ? parseXoauth2(text) : parseOauthbearer(text);
  if (token === undefined) return { kind: "refused", reply: replies.malformedResponse };
  if (user === undefined) return { kind: "refused", reply: replies.noUser };
  return withUsableName({ user, secret: { kind: "token", mechanism, token }, mechanism });
}

/**
 * The response for a server, in base64.
 *
 * @param mechanism one that is for this kind of secret
 */
export function writeResponse(mechanism: Mechanism, user: string, secret: Secret): string {
  const proof = secret.kind === "password" ? secret.password : secret.token;
  const text = {
    PLAIN: `\0${user}\0${proof}`,
    OAUTHBEARER: `n,a=${user.replaceAll("=", "=3D").replaceAll(",", "=2C")},\x01auth=Bearer ${proof}\x01\x01`,
    XOAUTH2: `user=${user}\x01auth=Bearer ${proof}\x01\x01`,
  }[mechanism];
  return Buffer.from(text, "latin1").toString("base64");
}

/**
 * What a server gets for its challenge behind a response: it says why it has refused a token, and waits for this line
 * before it says -ERR. PLAIN has no such challenge, and "*" cancels.
 */
export function answerToChallenge(mechanism: Mechanism): string {
  return { PLAIN: "*", OAUTHBEARER: OAUTHBEARER_END, XOAUTH2: "" }[mechanism];
}

/** The challenge behind which a client sends its response (RFC 5034, 4): empty. */
export const CHALLENGE = "+ ";

/** Whether a line is a challenge (RFC 5034, 4): some servers put text into it that is not base64. */
export function isChallenge(line: string): boolean {
  return line === "+" || line.startsWith("+ ");
}

/** The longest text of a challenge that is told, in octets. */
const CHALLENGE_BOUND = 300;

/** What a challenge says: JSON in base64 (RFC 7628, 3.2.2), or what a server has put there instead. latin1 */
export function challengeText(line: string): string {
  const text = line.slice(1).trim();
  return (decoded(text) ?? text).slice(0, CHALLENGE_BOUND);
}

/** Base64 in its only canonical form (RFC 4648, 3.5 and 4); null: it is not that. */
function decoded(response: string): string | null {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(response)) return null;
  const octets = Buffer.from(response, "base64");
  return octets.toString("base64") === response ? octets.toString("latin1") : null;
}

function parsePlain(text: string): Credentials | RefusedResponse {
  const [, identity = "", user, password = ""] = PLAIN.exec(text) ?? [];
  if (user === undefined) return { kind: "refused", reply: replies.malformedResponse };
  // Without it, the login would be to the mailbox of `user`, and not to the one that was asked for.
  if (identity !== "" && identity !== user) return { kind: "refused", reply: replies.otherIdentity };
  if (hasControl(password)) return { kind: "refused", reply: replies.controlOctet };
  if (password.length > WORD_LIMIT) return { kind: "refused", reply: replies.wordTooLong };
  return withUsableName({ user, secret: { kind: "password", password }, mechanism: "PLAIN" });
}

function parseXoauth2(text: string): [string | undefined, string | undefined] {
  const [, user, token] = XOAUTH2.exec(text) ?? [];
  return [user, token];
}

/** The host and the port that may be there are those of the gateway: they are dropped. */
function parseOauthbearer(text: string): [string | undefined, string | undefined] {
  const [, name, pairs = ""] = OAUTHBEARER.exec(text) ?? [];
  const keys = pairs.split("\x01").filter((pair) => /^auth=/i.test(pair));
  const [, token] = BEARER.exec(keys[0]?.slice("auth=".length) ?? "") ?? [];
  if (keys.length !== 1) return [undefined, undefined];
  return [name?.replaceAll("=2C", ",").replaceAll("=3D", "="), token];
}

/** Credentials with the name that they would have in USER: without trailing blanks, so that delays count it as one. */
function withUsableName(credentials: Credentials): Credentials | RefusedResponse {
  const user = withoutTrailingBlanks(credentials.user);
  if (user === "") return { kind: "refused", reply: replies.noUser };
  if (hasControl(user)) return { kind: "refused", reply: replies.controlOctet };
  if (user.length > WORD_LIMIT) return { kind: "refused", reply: replies.wordTooLong };
  return { ...credentials, user };
}
