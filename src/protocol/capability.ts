/**
 * CAPA: what a server says that it can do (RFC 2449, 5).
 */

/** The most lines, and octets of each with its line end, that a server's list may have (RFC 2449, 4: 512). */
export const CAPABILITY_LINES = 100;
export const CAPABILITY_LIMIT = 512;

/** A server's capabilities: the first word of each line in capitals. A server that refuses CAPA has none. */
export type Capabilities = ReadonlySet<string>;

/** @param lines the lines of a response to CAPA, without the status line and the termination octet */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  return new Set(lines.map((line) => (line.split(" ", 1)[0] ?? "").toUpperCase()));
}
