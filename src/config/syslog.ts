/**
 * The values of `--syslog` and `--facility`.
 */

import { parseHostPort } from "../base/address";

/** Where a syslog daemon listens. */
export interface SyslogTarget {
  readonly transport: "udp" | "tcp";
  /** A name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Syslog's port over UDP (RFC 3164, 2), and by custom over TCP. */
export const SYSLOG_PORT = 514;

/** The facilities of syslog(3) by name, with their numbers (RFC 3164, 4.1.1). */
export const facilities: ReadonlyMap<string, number> = new Map([
  ["kern", 0],
  ["user", 1],
  ["mail", 2],
  ["daemon", 3],
  ["auth", 4],
  ["syslog", 5],
  ["lpr", 6],
  ["news", 7],
  ["uucp", 8],
  ["cron", 9],
  ["authpriv", 10],
  ["ftp", 11],
  ...Array.from({ length: 8 }, (_, index) => [`local${index}`, 16 + index] as const),
]);

/** The number of a facility. @throws Error that says what to give instead */
export function parseFacility(name: string): number {
  const number = facilities.get(name);
  if (number === undefined) throw new Error(`give a facility of syslog: ${[...facilities.keys()].join(", ")}`);
  return number;
}

/**
 * An address of syslog: `udp://host[:port]` or `tcp://host[:port]`; an IPv6 address is written in brackets.
 * @throws Error that says what to give instead
 */
export function parseSyslogAddress(text: string): SyslogTarget {
  const [, scheme, rest] = /^(udp|tcp):\/\/(.+)$/i.exec(text) ?? [];
  const target = rest === undefined ? null : parseHostPort(rest);
  if (!scheme || !target) throw new Error("give udp://host[:port] or tcp://host[:port], an IPv6 address in brackets");
  return {
    transport: scheme.toLowerCase() as SyslogTarget["transport"],
    host: target.host,
    port: target.port ?? SYSLOG_PORT,
  };
}
