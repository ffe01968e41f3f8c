/**
 * Status lines: what a server may say, what we pass on of it, and every text that we say ourselves.
 * Lines are latin1 strings without their line end, so that each octet survives.
 * Sources: RFC 1939 section 3, RFC 2449 sections 4 and 8, RFC 3206; SPEC section 3.
 */

/** The longest status line that the client is sent, in octets with CRLF (RFC 2449, 4). */
export const STATUS_LIMIT = 512;

/** The longest status line that a server may send, in octets with its line end; longer ends the session. */
export const SERVER_STATUS_LIMIT = 4096;

/** All that the gateway itself ever says. None holds the word "error": old clients take it for a failure. */
export const texts = {
  beginTls: "+OK begin TLS negotiation",
  capabilities: "+OK capability list follows",
  nothing: "+OK",
  stlsFirst: "-ERR [SYS/PERM] use STLS first",
  tlsAlready: "-ERR TLS is active already",
  serverInsecure: "-ERR [SYS/TEMP] no secure connection to server",
  passwordRequired: "+OK password required",
  bye: "+OK bye",
  userFirst: "-ERR give USER first",
  loginFirst: "-ERR login first",
  loggedIn: "-ERR already logged in",
  unsupported: "-ERR unsupported command",
  tooManyUnsupported: "-ERR too many unsupported commands",
  lineTooLong: "-ERR command line too long",
  controlOctet: "-ERR control character in command",
  internalFault: "-ERR [SYS/TEMP] internal fault, try again later",
  noServer: "-ERR [AUTH] no server selected",
  noUser: "-ERR [AUTH] no user given",
  notPermitted: "-ERR [AUTH] server not permitted",
  accessDenied: "-ERR [AUTH] access denied",
  accessUnknown: "-ERR [SYS/TEMP] access control not available",
  misconfigured: "-ERR [SYS/PERM] gateway is not set up for this",
  serverUnreachable: "-ERR [SYS/TEMP] server not reachable",
  serverUnavailable: "-ERR [SYS/TEMP] server not available",
  serverLost: "-ERR [SYS/TEMP] connection to server lost",
  serverSilent: "-ERR [SYS/TEMP] server does not answer",
  tooManySessions: "-ERR [SYS/TEMP] too many sessions, try again later",
  tooManyOfClient: "-ERR [SYS/TEMP] too many sessions from your address",
} as const;

/** Whether a server's line is a status line at all: "+OK" or "-ERR", in capitals (RFC 1939, 3). */
export function isStatus(line: string): boolean {
  return line.startsWith("+OK") || line.startsWith("-ERR");
}

/** Whether a status line is positive. */
export function isPositive(line: string): boolean {
  return line.startsWith("+OK");
}

/** A server's status line as the client gets it: without control octets, cut to 512 octets with CRLF. */
export function cleaned(line: string): string {
  return line.replace(/[\x00-\x1f\x7f]/g, "").slice(0, STATUS_LIMIT - 2);
}

/** The response code of a status line in capitals and without brackets, "" if it has none (RFC 2449, 8). */
export function responseCode(line: string): string {
  return /^(?:\+OK|-ERR) \[([^\]\x00-\x20]+)\]/.exec(line)?.[1]?.toUpperCase() ?? "";
}

/** The response codes that anybody but the server may use towards a client (RFC 2449, 8.1; RFC 3206). */
const CODES: ReadonlySet<string> = new Set(["IN-USE", "LOGIN-DELAY", "AUTH", "SYS/TEMP", "SYS/PERM"]);

/** A status line from somebody who is not the server, as the client gets it: cleaned, and without an unknown code. */
export function withKnownCode(line: string): string {
  const code = responseCode(line);
  return cleaned(code && !CODES.has(code) ? line.replace(/ \[[^\]]*\]/, "") : line);
}

/** Whether a refused login says nothing against the credentials: the server is down, busy or asks for patience. */
export function isTemporary(line: string): boolean {
  const code = responseCode(line);
  return code.startsWith("SYS/") || code === "IN-USE" || code === "LOGIN-DELAY";
}
