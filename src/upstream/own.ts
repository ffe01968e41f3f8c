/** Whether an address leads back to the gateway itself, however the address is written. */

import { networkInterfaces } from "node:os";
import { type HostPort, parseHost, unmapped } from "../base/address";
import { sourceTo } from "./source";

/** Where the gateway listens. */
export interface OwnPlace extends HostPort {
  /**
   * Whether it listens on all addresses, though `host` is one of them: `host` is that of a connection that a superserver
   * has accepted. Asked only if it matters, since the system's answer is slow.
   */
  readonly onAll?: () => boolean;
}

/** What the system says about addresses; a test answers itself. */
export interface AddressFacts {
  interfaces(): ReturnType<typeof networkInterfaces>;
  /** The source address of a connection to this address and port; "": there is no way to it. */
  source(address: string, port: number): Promise<string>;
}

/** 127.0.0.0/8 and ::1, on which an address always means this machine. */
const LOOPBACK = /^(?:127\.|::1$)/;

/** Connecting to these, a system connects to itself: to 127.0.0.1 or ::1, or to the source address of the connection. */
const UNSPECIFIED = /^(?:0\.0\.0\.0|::)$/;

/** The loopback interface as a zone, by its index, which Linux always gives it. */
const FIRST_INTERFACE = "1";

/**
 * Whether a connection to this address and port would come back to one of the gateway's own listeners.
 *
 * @param places where the gateway listens
 * @param facts of this machine, for tests
 */
export function isOwn(
  places: readonly OwnPlace[],
  to: string,
  port: number,
  facts: AddressFacts = { interfaces: networkInterfaces, source: sourceTo },
): boolean | Promise<boolean> {
  const own = places.filter((place) => place.port === port);
  return own.length > 0 && leadsTo(own, to, port, facts);
}

/** As `isOwn`, by the address. */
async function leadsTo(own: readonly OwnPlace[], to: string, port: number, facts: AddressFacts): Promise<boolean> {
  const address = bareOf(to);
  if (UNSPECIFIED.test(address) || own.some(({ host }) => bareOf(host) === address)) return true;
  const onAll = own.some(({ host }) => UNSPECIFIED.test(bareOf(host)));
  if (!onAll && !own.some((place) => place.onAll)) return false;
  const here = isOfThisMachine(address, zoneOf(to), interfacesOf(facts)) || (await isOwnSource(to, port, facts));
  return here && (onAll || own.some((place) => place.onAll?.()));
}

/** The interfaces; none where the system does not permit to list them, as in a unit of systemd without AF_NETLINK. */
function interfacesOf({ interfaces }: AddressFacts): ReturnType<typeof networkInterfaces> {
  try {
    return interfaces();
  } catch {
    return {};
  }
}

/** @param zone the interface that the address names; "" if it names none */
function isOfThisMachine(address: string, zone: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  if (LOOPBACK.test(address)) return true;
  // What goes out by the loopback interface comes back.
  if (zone === FIRST_INTERFACE) return true;
  return Object.entries(interfaces).some(([name, all]) =>
    all?.some((one) => (name === zone && one.internal) || bareOf(one.address) === address),
  );
}

/**
 * Whether the system connects to an address from that address: then it is one of its own. `networkInterfaces` leaves
 * out interfaces without a carrier, whose addresses are still this machine's, such as a bridge without containers.
 */
async function isOwnSource(to: string, port: number, { source }: AddressFacts): Promise<boolean> {
  return bareOf(await source(to, port)) === bareOf(to);
}

/** An address in one form: without its zone, IPv4 without IPv6 around it. */
function bareOf(address: string): string {
  const [bare = ""] = address.split("%", 1);
  return unmapped(parseHost(bare) ?? bare);
}

function zoneOf(address: string): string {
  return address.split("%")[1] ?? "";
}
