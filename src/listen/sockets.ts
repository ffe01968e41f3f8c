/** Listening sockets, and the connections that they accept. */

import type { ListenOptions, Server, Socket } from "node:net";
import { plainAddress } from "../base/address";
import { Connection, localEnd } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { Arrival } from "../session/needs";

/** How many connections the system may queue before they are accepted. */
const BACKLOG = 1024;

/** What the clients of a listening socket get. */
export interface Served {
  /** Serves them. */
  gateway: Gateway;
  /** How they connect. */
  arrival: Arrival;
  /** Whether a PROXY header comes first. */
  proxy: boolean;
}

/** A listening socket. A reload replaces what its new clients get; running sessions keep what they began with. */
export interface ListeningSocket extends Served {
  readonly server: Server;
  /** Where it listens. */
  readonly place: SocketPlace;
}

/** Where a socket listens; one in the file system has no host and no port. */
interface SocketPlace {
  readonly host: string;
  readonly port: number;
}

/** Listens. @param where a port, or a descriptor that listens already @throws the system's error */
export function listening(server: Server, where: ListenOptions | { readonly fd: number }): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ backlog: BACKLOG, ...where }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Where a server listens. */
export function addressOf(server: Server): SocketPlace {
  const place = server.address();
  return typeof place === "object" && place !== null
    ? { host: place.address, port: place.port }
    : { host: place ?? "", port: 0 };
}

/**
 * A client's connection on a socket; without a network both addresses are "".
 *
 * @param header has the addresses of the client, unless its sender speaks for itself; the socket is paused
 */
export function clientOf(socket: Socket, header?: ProxyHeader): Connection {
  const client = header?.kind === "client" ? claimed(socket, header) : seen(socket);
  if (header) socket.resume();
  return client;
}

function claimed(socket: Socket, { from, to }: ProxyHeader & { readonly kind: "client" }): Connection {
  return new Connection(socket, "client", from, to);
}

function seen(socket: Socket): Connection {
  const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
  return new Connection(socket, "client", peer, localEnd(socket));
}
