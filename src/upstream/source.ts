/** From which address the system connects to another one. */

import { createSocket } from "node:dgram";

/**
 * The source address of a connection to this address and port; "": there is no way to it. A socket of UDP is connected,
 * which sends nothing.
 */
export function sourceTo(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.on("error", () => resolve(""));
    socket.once("connect", () => {
      resolve(socket.address().address);
      socket.close();
    });
    socket.connect(port, address);
  });
}
