/**
 * To a server over TCP: the addresses of its name, in order. They have been looked up and checked before.
 */

import { connect, isIPv4, type TcpNetConnectOpts } from "node:net";
import { ReadBuffers } from "../connection/buffers";
import { Connection, reasonOf } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { texts } from "../protocol/response";
import type { ServerName, ServerTls } from "../tls/servers";

export interface TcpTarget {
  /** The addresses to try, in order. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** For each address to accept, in seconds. */
  readonly timeout: number;
  /** The source address for each address family; null: the system's choice. */
  readonly source4: string | null;
  readonly source6: string | null;
  /** TLS from the beginning, to the server of this name; null: in clear. */
  readonly tls: { readonly by: ServerTls; readonly server: ServerName } | null;
}

/** Why an address did not take a connection. */
interface FailedAddress {
  readonly address: string;
  readonly fault: NodeJS.ErrnoException;
  /** The source address that it was to be, if one was chosen. */
  readonly source: string | null;
  /** Whether somebody was there: what failed is TLS. */
  readonly reached: boolean;
}

/**
 * Connects to the first address that accepts.
 *
 * @param until gives up, with its reason
 * @throws Failure with what each address said
 */
export async function dialTcp(to: TcpTarget, until: AbortSignal): Promise<Connection> {
  const refusals: FailedAddress[] = [];
  for (const address of to.addresses) {
    const outcome = await open(address, to, until);
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
  // A source address that is not ours is a fault of the configuration, not of the server.
  if (first && refusals.every(({ fault, source }) => source !== null && fault.code === "EADDRNOTAVAIL")) {
    return new Failure("gateway", message, texts.misconfigured);
  }
  const insecure = refusals.some(({ reached }) => reached);
  return new Failure("server", message, insecure ? texts.serverInsecure : texts.serverUnreachable);
}

/** @throws Error if TLS itself can't be set up: that is no address's fault */
function open(
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
    const timer = setTimeout(() => stop(new Error("connection timed out")), timeout * 1000);
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
