/**
 * Names and numbers of hosts and ports, as an administrator or a client writes them (SPEC section 4).
 * A host is an IP address, or labels of letters, digits, "-" and "_" that neither begin nor end with "-"; a last
 * label that reads as a number is refused, so that nothing but an address can mean an address.
 */

import { isIPv4, isIPv6 } from "node:net";

export interface HostPort {
  /** A name in lower case without its final dot, or an IP address without brackets. */
  readonly host: string;
  /** null: none was given. */
  readonly port: number | null;
}

const LABELS = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/;

/** A port number of 1 to 65535 in decimal digits; null if it is none. `zero` permits 0: any free port. */
export function parsePort(text: string, zero = false): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 && (port > 0 || zero) ? port : null;
}

/** A host as it is compared and dialled; null if it is not one. IPv6 addresses come without brackets here. */
export function parseHost(text: string): string | null {
  const host = text.toLowerCase().replace(/\.$/, "");
  if (isIPv4(text) || isIPv6(text)) return text.toLowerCase();
  const last = host.slice(host.lastIndexOf(".") + 1);
  if (host.length > 253 || !LABELS.test(host) || /^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)) return null;
  return host;
}

/**
 * `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; null if it is none of them. An IPv6 address wears brackets, else its
 * last group could be a port.
 */
export function parseHostPort(text: string): HostPort | null {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  if (!parts) return null;
  const [, six, name, digits] = parts;
  const host = six === undefined ? parseHost(name ?? "") : isIPv6(six) ? six.toLowerCase() : null;
  const port = digits === undefined ? null : parsePort(digits);
  if (host === null || (digits !== undefined && port === null)) return null;
  return { host, port };
}

/** An address as it is shown and compared: IPv4 in an IPv6 coat without the coat. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=[0-9.]+$)/i, "") ?? "";
}

/** `host:port`, with brackets around IPv6. */
export function showHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
