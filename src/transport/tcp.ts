/**
 * To a server over TCP: look the name up, then try its addresses in order.
 */

import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { showHostPort } from "../address";
import { Connection } from "../connection";
import { Failure } from "../failure";
import { Landing } from "../landing";
import { texts } from "../protocol/response";

/**
 * @param timeout for each address to accept, in seconds
 * @param until gives up, with its reason
 * @throws Failure
 */
export async function dialTcp(host: string, port: number, timeout: number, until: AbortSignal): Promise<Connection> {
  let refusal = "no address";
  for (const address of isIP(host) ? [host] : await addresses(host)) {
    try {
      return await open(address, port, timeout, until);
    } catch (thrown) {
      if (until.aborted) throw until.reason;
      refusal = (thrown as Error).message;
    }
  }
  throw new Failure("server", `${showHostPort(host, port)} not reachable: ${refusal}`, texts.serverUnreachable);
}

/** All addresses of a name, as getaddrinfo orders them. @throws Failure */
async function addresses(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } catch (thrown) {
    throw new Failure("server", `${host} not found: ${(thrown as Error).message}`, texts.serverUnreachable);
  }
}

function open(address: string, port: number, timeout: number, until: AbortSignal): Promise<Connection> {
  const landing = new Landing();
  const socket: Socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true, onread: landing });
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
