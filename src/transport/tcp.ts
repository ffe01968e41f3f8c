/**
 * To a server over TCP: the addresses of its name, in order. They have been looked up and checked before.
 */

import { connect, isIPv4, type TcpNetConnectOpts } from "node:net";
import { Connection, reasonOf } from "../connection";
import { Failure } from "../failure";
import { Landing } from "../landing";
import { texts } from "../protocol/response";
import type { Named, ServerTls } from "./tls";

export interface Dial {
  /** The addresses to try, in order. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** For each address to accept, in seconds. */
  readonly timeout: number;
  /** The source address for each address family; null: the system's choice. */
  readonly source4: string | null;
  readonly source6: string | null;
  /** TLS from the beginning, to the server of this name; null: in clear. */
  readonly tls: { readonly by: ServerTls; readonly server: Named } | null;
}

/**
 * Connects to the first address that accepts.
 *
 * @param until gives up, with its reason
 * @throws Failure
 */
export async function dialTcp(to: Dial, until: AbortSignal): Promise<Connection> {
  let refusal = new Error("no address");
  for (const address of to.addresses) {
    try {
      return await open(address, to, until);
    } catch (thrown) {
      if (until.aborted) throw until.reason;
      refusal = thrown as Error;
    }
  }
  // A source address that is not ours is a fault of the configuration, not of the server.
  if ((refusal as NodeJS.ErrnoException).code === "EADDRNOTAVAIL") {
    throw new Failure("gateway", `no connection: ${refusal.message}`, texts.misconfigured);
  }
  throw new Failure(
    "server",
    `no connection: ${reasonOf(refusal)}`,
    to.tls ? texts.serverInsecure : texts.serverUnreachable,
  );
}

function open(
  address: string,
  { port, timeout, source4, source6, tls }: Dial,
  until: AbortSignal,
): Promise<Connection> {
  const source = isIPv4(address) ? source4 : source6;
  const landing = new Landing(tls !== null);
  const tcp: TcpNetConnectOpts = {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    onread: landing,
    ...(source && { localAddress: source }),
  };
  const socket = tls ? tls.by.dial(tcp, tls.server) : connect(tcp);
  return new Promise<Connection>((resolve, reject) => {
    const stop = (why: Error) => socket.destroy(why);
    const abort = () => stop(until.reason);
    const timer = setTimeout(() => stop(new Error("connection timed out")), timeout * 1000);
    socket.once("error", reject);
    socket.once("close", settled);
    socket.once(tls ? "secureConnect" : "connect", () => {
      if (socket.destroyed) return;
      settled();
      const local = { address: socket.localAddress ?? "", port: socket.localPort ?? 0 };
      resolve(new Connection(socket, "server", { address, port }, local, landing));
    });
    function settled(): void {
      clearTimeout(timer);
      until.removeEventListener("abort", abort);
      socket.off("error", reject);
      socket.off("close", settled);
    }
    if (until.aborted) abort();
    else until.addEventListener("abort", abort);
  });
}
