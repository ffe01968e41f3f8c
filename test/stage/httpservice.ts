/** An HTTP service that answers over a plain socket, so that it can be as wrong as it likes. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** What it does with a request. @param count of all its requests, from 1 on */
export type Play = (socket: Socket, count: number, request: string) => void;

export interface HttpService {
  readonly port: number;
  /** The heads of the requests, as they came, latin1. */
  readonly requests: readonly string[];
  /** How many connections there were. */
  readonly connections: number;
}

/** Starts it on a free port of 127.0.0.1; gone with its test. */
export async function startHttpService(t: TestContext, play: Play): Promise<HttpService> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    let octets = "";
    socket
      .on("close", () => sockets.delete(socket))
      .on("error", () => {})
      .on("data", (chunk) => {
        octets += chunk.toString("latin1");
        const at = octets.indexOf("\r\n\r\n");
        if (at < 0) return;
        const request = octets.slice(0, at + 4);
        octets = octets.slice(at + 4);
        requests.push(request);
        play(socket, requests.length, request);
      });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections;
    },
  };
}
