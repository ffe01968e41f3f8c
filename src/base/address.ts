/**
 * Names and numbers of hosts and ports, as an administrator or a client writes them (SPEC section 4).
 * A host is an IP address, or labels of letters, digits, "-" and "_" that neither begin nor end with "-"; a last
 * label that reads as a number is refused, so that nothing but an address can mean an address.
 */

import { isIPv4, isIPv6 } from "node:net";

/** The port of POP3 (RFC 1939). */
export const POP3_PORT = 110;

/** The port of POP3 over TLS (RFC 8314), which is never spoken to otherwise. */
export const POP3S_PORT = 995;

export interface HostPort {
  /** A name in lower case without its final dot, or an IP address without brackets. */
  readonly host: string;
  /** null: none was given. */
  readonly port: number | null;
}

const LABELS = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*$/;

/** As node:net's, whose pattern alone takes 3 ms to be compiled: no session under inetd need wait for that. */
const isSix = (text: string) => text.includes(":") && isIPv6(text);
const isFour = (text: string) => /[0-9]$/.test(text) && isIPv4(text);

/** Whether this is an IP address, without brackets. */
export function isAddress(text: string): boolean {
  return isFour(text) || isSix(text);
}

/** A port number of 1 to 65535 in decimal digits; null if it is none. `zero` permits 0: any free port. */
export function parsePort(text: string, zero = false): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 && (port > 0 || zero) ? port : null;
}

/** A host as it is compared and dialled; null if it is not one. IPv6 addresses come without brackets here. */
export function parseHost(text: string): string | null {
  const host = text.replace(/\.$/, "");
  if (isFour(text)) return text;
  if (isSix(text)) return canonical(text);
  const last = host.slice(host.lastIndexOf(".") + 1);
  if (host.length > 253 || !LABELS.test(host) || /^(?:[0-9]+|0x[0-9a-f]*)$/i.test(last)) return null;
  return host.toLowerCase();
}

/**
 * `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; null if it is none of them. An IPv6 address wears brackets, else its
 * last group could be a port.
 */
export function parseHostPort(text: string): HostPort | null {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  if (!parts) return null;
  const [, six, name, digits] = parts;
  const host = six === undefined ? parseHost(name ?? "") : isSix(six) ? canonical(six) : null;
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

/** An IPv6 address in the one form in which it is compared (RFC 5952), so that spelling dodges no rule. */
function canonical(address: string): string {
  return library().IPv6.parse(address).toString();
}

/**
 * Whether an address is one of the open Internet: IPv4 unicast, or IPv6 unicast inside 2000::/3; not private, shared,
 * mapped, translated, benchmark or reserved space.
 */
export function isPublic(address: string): boolean {
  if (isFour(address)) return library().IPv4.parse(address).range() === "unicast";
  if (!isSix(address) || address.includes("%")) return false;
  const six = library().IPv6.parse(address);
  return ((six.parts[0] as number) & 0xe000) === 0x2000 && six.range() === "unicast";
}

/** The IPv4 address that an IPv4-mapped IPv6 address means, any other as it is. */
export function unmapped(address: string): string {
  if (!isSix(address)) return address;
  const six = library().IPv6.parse(address);
  return six.isIPv4MappedAddress() ? six.toIPv4Address().toString() : address;
}

/** Loaded when the first address wants it: a session under a superserver that has none starts sooner. */
function library(): typeof import("ipaddr.js") {
  return require("ipaddr.js") as typeof import("ipaddr.js");
}
