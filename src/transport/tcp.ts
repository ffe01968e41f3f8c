/**
 * To a server over TCP: the addresses of its name, in order. They have been looked up and checked before.
 */

import { connect, isIPv4, type Socket } from "node:net";
import { Connection } from "../connection";
import { Failure } from "../failure";
import { Landing } from "../landing";
import { texts } from "../protocol/response";

export interface Dial {
  /** The addresses to try, in order. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** For each address to accept, in seconds. */
  readonly timeout: number;
  /** The source address for each address family; null: the system's choice. */
  readonly source4: string | null;
  readonly source6: string | null;
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
  const ours = (refusal as NodeJS.ErrnoException).code === "EADDRNOTAVAIL";
  const blame = ours ? "gateway" : "server";
  throw new Failure(blame, `no connection: ${refusal.message}`, ours ? texts.misconfigured : texts.serverUnreachable);
}

function open(address: string, { port, timeout, source4, source6 }: Dial, until: AbortSignal): Promise<Connection> {
  const source = isIPv4(address) ? source4 : source6;
  const landing = new Landing();
  const socket: Socket = connect({
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    onread: landing,
    ...(source && { localAddress: source }),
  });
  return new Promise<Connection>((resolve, reject) => {
    const stop = (why: Error) => socket.destroy(why);
    const abort = () => stop(until.reason);
    const timer = setTimeout(() => stop(new Error("connection timed out")), timeout * 1000);
    socket.once("error", reject);
    socket.once("close", settled);
    socket.once("connect", () => {
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
