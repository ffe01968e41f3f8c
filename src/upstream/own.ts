/** Whether an address leads back to the gateway itself, however the address is written. */

import { networkInterfaces } from "node:os";
import { type HostPort, parseHost, unmapped } from "../base/address";

/** 127.0.0.0/8 and ::1, on which an address always means this machine. */
const LOOPBACK = /^(?:127\.|::1$)/;

/** Connecting to these, a system connects to itself: to 127.0.0.1 or ::1, or to the source address of the connection. */
const UNSPECIFIED = /^(?:0\.0\.0\.0|::)$/;

/** The loopback interface as a zone, by its index, which Linux always gives it. */
const FIRST_INTERFACE = "1";

/**
 * Whether a connection to this address and port would come back to one of the gateway's own listeners.
 *
 * @param listeners where the gateway listens
 * @param interfaces the interfaces of this machine, for tests
 */
export function isOwn(
  listeners: readonly HostPort[],
  to: string,
  port: number,
  interfaces: typeof networkInterfaces = networkInterfaces,
): boolean {
  const hosts = listeners.filter((listener) => listener.port === port).map(({ host }) => bareOf(host));
  if (hosts.length === 0) return false;
  const address = bareOf(to);
  if (UNSPECIFIED.test(address) || hosts.includes(address)) return true;
  return hosts.some((host) => UNSPECIFIED.test(host)) && isOfThisMachine(address, zoneOf(to), interfaces());
}

/** @param zone the interface that the address names; "" if it names none */
function isOfThisMachine(address: string, zone: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  if (LOOPBACK.test(address)) return true;
  // What goes out by the loopback interface comes back.
  if (zone === FIRST_INTERFACE || interfaces[zone]?.some(({ internal }) => internal)) return true;
  return Object.values(interfaces).some((all) => all?.some((one) => bareOf(one.address) === address));
}

/** An address in one form: without its zone, IPv4 without IPv6 around it. */
function bareOf(address: string): string {
  const [bare = ""] = address.split("%", 1);
  return unmapped(parseHost(bare) ?? bare);
}

function zoneOf(address: string): string {
  return address.split("%")[1] ?? "";
}
