/**
 * CAPA (RFC 2449, 5): the capabilities of servers, and those that the gateway announces to clients.
 */

import { cleaned } from "./response";

/** The most lines of a server's list, and the most octets of a line with its line end (512: RFC 2449, 4). */
export const CAPABILITY_LINES = 100;
export const CAPABILITY_LIMIT = 512;

/** A server's capabilities: the first word of each line, in capitals. A server that refuses CAPA has the empty set. */
export type Capabilities = ReadonlySet<string>;

/** The capabilities in a response to CAPA. @param lines without the status line and the terminating dot */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  return new Set(lines.map((line) => (line.split(" ", 1)[0] ?? "").toUpperCase()));
}

/** The capabilities of a server that the gateway passes on to clients. */
const PASSED: ReadonlySet<string> = new Set([
  "TOP",
  "UIDL",
  "RESP-CODES",
  "AUTH-RESP-CODE",
  "PIPELINING",
  "EXPIRE",
  "LOGIN-DELAY",
]);

/** A server's list without the lines that the gateway does not pass on, cleaned. @param lines as `parseCapabilities` */
export function passedCapabilities(lines: readonly string[]): string[] {
  return lines.map(cleaned).filter((line) => PASSED.has((line.split(" ", 1)[0] ?? "").toUpperCase()));
}

/** The gateway's own list: before the login, or for a server that refuses CAPA. */
export function ownCapabilities(may: { logIn: boolean; startTls: boolean }): string[] {
  return [
    "TOP",
    "UIDL",
    ...(may.logIn ? ["USER"] : []),
    ...(may.startTls ? ["STLS"] : []),
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
  ];
}
