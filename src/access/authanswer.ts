/**
 * What an auth_http service has answered (the manual's section "Access Control by HTTP"). Only headers count. The
 * answer's values are taken literally: nginx does not decode them either.
 */

import { POP3S_PORT, parseHost, parsePort } from "../base/address";
import { splitMode, type TlsMode } from "../config/tlsmodes";
import { WORD_LIMIT } from "../protocol/command";
import { hasControl } from "../protocol/octets";

/** The longest Auth-Wait that counts, and that of WAIT without one, in seconds. */
const MOST_WAIT = 60;
const LEAST_WAIT = 1;

/** What a service decides. */
export type AuthVerdict =
  /** Absent: what the client asked for stays. */
  | {
      readonly kind: "granted";
      readonly host?: string | undefined;
      readonly port?: number | undefined;
      /** What stands behind the server, as in SERVER= of an access control program: `Auth-Server: mail/starttls`. */
      readonly tls?: TlsMode | undefined;
      readonly user?: string | undefined;
      readonly password?: string | undefined;
    }
  /** `wait` is in milliseconds. */
  | { readonly kind: "denied"; readonly text: string; readonly wait: number }
  | { readonly kind: "again"; readonly wait: number }
  /** There is no verdict. */
  | { readonly kind: "none"; readonly why: string }
  /** It grants, but to a server or a user that can't be. */
  | { readonly kind: "unusable"; readonly why: string };

/** The headers that count. One that comes twice has no meaning. */
const HEADERS = ["auth-status", "auth-server", "auth-port", "auth-user", "auth-pass", "auth-wait"] as const;

/**
 * The verdict of an answer.
 *
 * @param status of HTTP @param headers names and values by turns, latin1
 */
export function verdictOf(status: number, headers: readonly string[]): AuthVerdict {
  if (status < 200 || status > 299) return { kind: "none", why: `HTTP status ${status}` };
  const values = new Map<string, string>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase();
    if (!(HEADERS as readonly string[]).includes(name)) continue;
    if (values.has(name)) return { kind: "none", why: `two headers ${headers[at]}` };
    values.set(name, headers[at + 1] as string);
  }
  const word = values.get("auth-status");
  if (word === undefined) return { kind: "none", why: "no header Auth-Status" };
  const digits = values.get("auth-wait") ?? "";
  const seconds = Math.min(/^[0-9]+$/.test(digits) ? Number(digits) : 0, MOST_WAIT);
  if (word === "WAIT") return { kind: "again", wait: Math.max(seconds, LEAST_WAIT) * 1000 };
  return word === "OK" ? granted(values) : { kind: "denied", text: word, wait: seconds * 1000 };
}

function granted(values: ReadonlyMap<string, string>): AuthVerdict {
  const server = values.get("auth-server");
  const digits = values.get("auth-port");
  const { place, tls } = splitMode(server ?? "");
  const host = server === undefined ? undefined : parseHost(place.replace(/^\[(.*)\]$/, "$1"));
  const port = digits === undefined ? undefined : parsePort(digits);
  if (host === null) return { kind: "unusable", why: `Auth-Server: ${server}` };
  if (port === null) return { kind: "unusable", why: `Auth-Port: ${digits}` };
  if (port === POP3S_PORT && tls !== undefined && tls !== "tls")
    return { kind: "unusable", why: `Auth-Server: ${server} on port ${POP3S_PORT}, which always means TLS` };
  const user = values.get("auth-user");
  const password = values.get("auth-pass");
  if (user !== undefined && (user === "" || !isWord(user))) return { kind: "unusable", why: `Auth-User: ${user}` };
  if (password !== undefined && !isWord(password)) return { kind: "unusable", why: "Auth-Pass: ***" };
  return { kind: "granted", host, port, tls, user, password };
}

/** Whether a value can be said to a server. */
function isWord(value: string): boolean {
  return !hasControl(value) && value.length <= WORD_LIMIT;
}
