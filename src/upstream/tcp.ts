/**
 * Connects to a server over TCP: to the addresses of its name in order, which the caller has looked up and checked.
 */

import { connect, isIPv4, type TcpNetConnectOpts } from "node:net";
import { ReadBuffers } from "../connection/buffers";
import { Connection, reasonOf } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import type { ServerName, ServerTls } from "../tls/servers";

/** Where to connect, and how. */
export interface TcpTarget {
  /** The addresses to try, in order. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** How long each address may take to accept the connection, with TLS, in milliseconds. */
  readonly timeout: number;
  /** The source address for IPv4; absent: the system's choice. */
  readonly source4?: string | undefined;
  /** The source address for IPv6; absent: the system's choice. */
  readonly source6?: string | undefined;
  /** TLS from the beginning, with the server of this name; null: the connection begins in clear. */
  readonly tls: { readonly by: ServerTls; readonly server: ServerName } | null;
}

/** Why there is no connection to an address. */
interface FailedAddress {
  readonly address: string;
  readonly fault: NodeJS.ErrnoException;
  /** The source address, if the settings have one. */
  readonly source: string | undefined;
  /** Whether the TCP connection was accepted, so that TLS has failed. */
  readonly reached: boolean;
}

/**
 * Connects to the first address that accepts.
 *
 * @param until aborts the connection, with the signal's reason
 * @throws Failure with the reason of each address; the reason of `until`; Error if the settings of TLS can't be used
 */
export async function dialTcp(to: TcpTarget, until: AbortSignal): Promise<Connection> {
  const refusals: FailedAddress[] = [];
  for (const address of to.addresses) {
    const outcome = await connectTo(address, to, until);
    if (outcome instanceof Connection) return outcome;
    if (until.aborted) throw until.reason;
    refusals.push(outcome);
  }
  throw failure(refusals);
}

function failure(refusals: readonly FailedAddress[]): Failure {
  const [first, ...others] = refusals;
  const reasons =
    others.length === 0
      ? [first ? reasonOf(first.fault) : "no address"]
      : refusals.map(({ address, fault }) => `${address}: ${reasonOf(fault)}`);
  const message = `no connection: ${reasons.join("; ")}`;
  // A source address that this host does not have is a fault of the settings, not of the server.
  if (first && refusals.every(({ fault, source }) => source !== undefined && fault.code === "EADDRNOTAVAIL")) {
    return new Failure("gateway", "source-address", message, replies.misconfigured);
  }
  const insecure = refusals.some(({ reached }) => reached);
  if (insecure) return new Failure("server", "server-tls", message, replies.serverInsecure);
  return new Failure("server", "unreachable", message, replies.serverUnreachable);
}

/** Connects to one address. @throws Error if the settings of TLS can't be used: no address has caused that */
function connectTo(
  address: string,
  { port, timeout, source4, source6, tls }: TcpTarget,
  until: AbortSignal,
): Promise<Connection | FailedAddress> {
  const source = isIPv4(address) ? source4 : source6;
  const buffers = new ReadBuffers(tls !== null);
  const tcp: TcpNetConnectOpts = {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    onread: buffers,
    ...(source && { localAddress: source }),
  };
  const socket = tls ? tls.by.dial(tcp, tls.server) : connect(tcp);
  return new Promise((resolve) => {
    let reached = false;
    const refused = (fault: Error) => {
      settled();
      resolve({ address, fault, source, reached });
    };
    const closed = () => refused(new Error("the connection was closed"));
    const stop = (why: Error) => socket.destroy(why);
    const abort = () => stop(until.reason);
    const timer = setTimeout(() => stop(new Error("connection timed out")), timeout);
    socket.once("error", refused);
    socket.once("close", closed);
    socket.once("connect", () => (reached = true));
    socket.once(tls ? "secureConnect" : "connect", () => {
      if (socket.destroyed) return;
      settled();
      const local = { address: socket.localAddress ?? "", port: socket.localPort ?? 0 };
      resolve(new Connection(socket, "server", { address, port }, local, buffers));
    });
    function settled(): void {
      clearTimeout(timer);
      until.removeEventListener("abort", abort);
      socket.off("error", refused);
      socket.off("close", closed);
    }
    if (until.aborted) abort();
    else until.addEventListener("abort", abort);
  });
}
