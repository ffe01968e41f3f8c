/**
 * Status lines of servers, and how they are cleaned for the client. Lines are latin1 strings without their line end, so
 * that no octet changes. Sources: RFC 1939, 3; RFC 2449, 4 and 8; RFC 3206.
 */

import { hasControl, withoutControl } from "./octets";

/** The longest status line to a client, in octets with CRLF (RFC 2449, 4). */
export const STATUS_LIMIT = 512;

/** The longest status line from a server, in octets with its line end; a longer one ends the session. */
export const SERVER_STATUS_LIMIT = 4096;

/** Whether a server's line is a status line: it begins with "+OK" or "-ERR", in capitals (RFC 1939, 3). */
export function isStatus(line: string): boolean {
  return line.startsWith("+OK") || line.startsWith("-ERR");
}

/** Whether a status line is positive. */
export function isPositive(line: string): boolean {
  return line.startsWith("+OK");
}

/** A server's status line as the client gets it: without control octets but TAB, cut to 512 octets with CRLF. */
export function cleaned(line: string): string {
  const shown = hasControl(line) ? withoutControl(line) : line;
  return shown.length > STATUS_LIMIT - 2 ? shown.slice(0, STATUS_LIMIT - 2) : shown;
}

/** The response code of a status line, in capitals and without brackets; "" if there is none (RFC 2449, 8). */
export function responseCode(line: string): string {
  return /^(?:\+OK|-ERR) \[([^\]\x00-\x20]+)\]/.exec(line)?.[1]?.toUpperCase() ?? "";
}

/** The response codes that an acp may send to a client (RFC 2449, 8.1; RFC 3206). */
const CODES: ReadonlySet<string> = new Set(["IN-USE", "LOGIN-DELAY", "AUTH", "SYS/TEMP", "SYS/PERM"]);

/** A status line of an acp for the client: cleaned, and without a code that is not in CODES. */
export function withKnownCode(line: string): string {
  const code = responseCode(line);
  return cleaned(code && !CODES.has(code) ? line.replace(/ \[[^\]]*\]/, "") : line);
}

/**
 * A server's greeting that refuses service, as the client gets it in the place of an answer to its login: with the code
 * that it has, else with one that says that the credentials are not at fault.
 */
export function refusedService(line: string): string {
  if (CODES.has(responseCode(line))) return cleaned(line);
  return cleaned(line.replace(/^-ERR ?/, "-ERR [SYS/TEMP] "));
}

/** Whether a refused login says nothing against the credentials: the server is down, busy or asks for patience. */
export function isTemporary(line: string): boolean {
  const code = responseCode(line);
  return code.startsWith("SYS/") || code === "IN-USE" || code === "LOGIN-DELAY";
}
