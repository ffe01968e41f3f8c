/**
 * CAPA (RFC 2449, 5): the capabilities of servers, and those that the gateway announces to clients.
 */

import type { Mechanism } from "./credentials";
import { withoutControl } from "./octets";
import { cleaned } from "./response";

/** The most lines of a server's list, and the most octets of a line with its line end (512: RFC 2449, 4). */
export const CAPABILITY_LINES = 100;
export const CAPABILITY_LIMIT = 512;

/** A server's capabilities: the first word of each line, and the others behind it, all in capitals. */
export type Capabilities = ReadonlyMap<string, readonly string[]>;

/** The capabilities in a response to CAPA. @param lines without the status line and the terminating dot */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const capabilities = new Map<string, readonly string[]>();
  for (const line of lines) {
    // Servers separate words with TAB, too, and leave a CR behind the last one.
    const [name = "", ...words] =
      withoutControl(line)
        .toUpperCase()
        .match(/[^ \t]+/g) ?? [];
    capabilities.set(name, [...(capabilities.get(name) ?? []), ...words]);
  }
  return capabilities;
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

/**
 * A server's list without the lines that the gateway does not pass on, cleaned.
 *
 * @param lines as for `parseCapabilities`
 * @param utf8 whether UTF8 is permitted
 */
export function passedCapabilities(lines: readonly string[], utf8: boolean): string[] {
  return lines.map(cleaned).filter((line) => {
    const name = (line.split(" ", 1)[0] ?? "").toUpperCase();
    return PASSED.has(name) || (utf8 && name === "UTF8");
  });
}

/** What a client may do now. */
interface Permitted {
  readonly logIn: boolean;
  readonly startTls: boolean;
  readonly utf8: boolean;
  /** The mechanisms of AUTH. */
  readonly mechanisms: readonly Mechanism[];
}

/** The gateway's own list: before the login, or for a server that refuses CAPA. */
export function ownCapabilities({ logIn, startTls, utf8, mechanisms }: Permitted): string[] {
  return [
    "TOP",
    "UIDL",
    ...(logIn ? ["USER"] : []),
    ...(logIn && mechanisms.length > 0 ? [`SASL ${mechanisms.join(" ")}`] : []),
    ...(startTls ? ["STLS"] : []),
    ...(utf8 ? ["UTF8"] : []),
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
  ];
}
