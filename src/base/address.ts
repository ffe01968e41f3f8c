/**
 * Names and addresses of hosts with their ports, as an administrator or a client writes them (the manual's section
 * "Server Selection"). A host is an IP address, or labels of letters, digits, "-" and "_" that neither begin nor end
 * with "-". A last label that reads as a number is refused, so that nothing but an address can mean an address.
 */

import { isIPv4, isIPv6 } from "node:net";
import { IPv4, IPv6 } from "ipaddr.js";

/** The port of POP3 (RFC 1939). */
export const POP3_PORT = 110;

/** The port of POP3 over TLS (RFC 8314). Connections to it always begin with TLS. */
export const POP3S_PORT = 995;

/** A host, perhaps with a port. */
export interface HostPort {
  /** A name in lower case without its final dot, or an IP address without brackets. */
  readonly host: string;
  /** null: none was given. */
  readonly port: number | null;
}

const LABELS = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*$/;

/**
 * As isIPv6 of node:net, whose regular expression takes 3 ms to compile: the first test saves a session under inetd
 * that time.
 */
const isSix = (text: string) => text.includes(":") && isIPv6(text);
const isFour = (text: string) => /[0-9]$/.test(text) && isIPv4(text);

/** Whether this is an IP address, without brackets. */
export function isAddress(text: string): boolean {
  return isFour(text) || isSix(text);
}

/** A port number from 1 to 65535 in decimal digits; null if it is none. `zero` permits 0: any free port. */
export function parsePort(text: string, zero = false): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 && (port > 0 || zero) ? port : null;
}

/** A host in the form in which hosts are compared and dialled, IPv6 addresses without brackets; null: it is no host. */
export function parseHost(text: string): string | null {
  const host = text.replace(/\.$/, "");
  if (isFour(text)) return text;
  if (isSix(text)) return canonical(text);
  const last = host.slice(host.lastIndexOf(".") + 1);
  if (host.length > 253 || !LABELS.test(host) || /^(?:[0-9]+|0x[0-9a-f]*)$/i.test(last)) return null;
  return host.toLowerCase();
}

/**
 * `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; null if it is none of them. An IPv6 address is written in brackets,
 * else its last group could be a port.
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

/** The address of a socket as it is shown and compared: an IPv4-mapped IPv6 address as IPv4; "" if there is none. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=[0-9.]+$)/i, "") ?? "";
}

/** A host with brackets around IPv6, as it is written before a port and in lists. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** `host:port`, with brackets around IPv6. */
export function showHostPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

/** A server as logs show it: `host`, or `host:port` where the port is not that of POP3. */
export function showServer(host: string, port: number): string {
  return port === POP3_PORT ? host : showHostPort(host, port);
}

/** An IPv6 address in the one form in which addresses are compared (RFC 5952), so that spelling evades no rule. */
function canonical(address: string): string {
  // ipaddr.js takes zones of letters and digits only, but interfaces are called br-1 and eth0.100, too.
  const [six = "", zone] = address.split("%");
  return `${IPv6.parse(six)}${zone === undefined ? "" : `%${zone}`}`;
}

/**
 * Whether an address belongs to the public Internet: IPv4 unicast, or IPv6 unicast inside 2000::/3; not private,
 * shared, mapped, translated, benchmark or reserved space.
 */
export function isPublic(address: string): boolean {
  if (isFour(address)) return IPv4.parse(address).range() === "unicast";
  if (!isSix(address) || address.includes("%")) return false;
  const six = IPv6.parse(address);
  return ((six.parts[0] as number) & 0xe000) === 0x2000 && six.range() === "unicast";
}

/** Whether this is an address of this machine alone, or its name `localhost`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isFour(host) && host.startsWith("127."));
}

/** The IPv4 address that an IPv4-mapped IPv6 address means, any other as it is. */
export function unmapped(address: string): string {
  if (!isSix(address)) return address;
  const six = IPv6.parse(address.split("%", 1)[0] as string);
  return six.isIPv4MappedAddress() ? six.toIPv4Address().toString() : address;
}

/** The groups of an IPv6 /64. */
const NETWORK_GROUPS = 4;

/**
 * The network that counts as one client in limits, lookups and delays: an IPv4 address, or an IPv6 /64, which providers
 * assign to one customer or host.
 *
 * @param address as `plainAddress` gives it
 */
export function network(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%", 1)[0] as string).split("::");
  const left = head ? head.split(":") : [];
  const right = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill("0");
  return [...left, ...zeros, ...right]
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
