/**
 * CAPA: what a server says that it can do, and what the gateway tells its clients (RFC 2449, 5).
 */

import { cleaned } from "./response";

/** The most lines, and octets of each with its line end, that a server's list may have (RFC 2449, 4: 512). */
export const CAPABILITY_LINES = 100;
export const CAPABILITY_LIMIT = 512;

/** A server's capabilities: the first word of each line in capitals. A server that refuses CAPA has none. */
export type Capabilities = ReadonlySet<string>;

/** @param lines the lines of a response to CAPA, without the status line and the termination octet */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  return new Set(lines.map((line) => (line.split(" ", 1)[0] ?? "").toUpperCase()));
}

/** The capabilities of a server that a client is told: what the gateway lets through. */
const PASSED: ReadonlySet<string> = new Set([
  "TOP",
  "UIDL",
  "RESP-CODES",
  "AUTH-RESP-CODE",
  "PIPELINING",
  "EXPIRE",
  "LOGIN-DELAY",
]);

/** A server's list, cut down to what the gateway lets through, and cleaned. @param lines as for `parseCapabilities` */
export function passedCapabilities(lines: readonly string[]): string[] {
  return lines.map(cleaned).filter((line) => PASSED.has((line.split(" ", 1)[0] ?? "").toUpperCase()));
}

/** What a client may do now, before its login or where the server has no list. */
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
