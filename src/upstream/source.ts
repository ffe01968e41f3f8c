/** From which address the system connects to another one. */

import { createSocket } from "node:dgram";

/**
 * The source address of a connection to this address and port; "": there is no way to it. A socket of UDP is connected,
 * which sends nothing.
 */
export function sourceTo(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const over = (source: string) => {
      resolve(source);
      socket.close();
    };
    socket.once("error", () => over(""));
    socket.once("connect", () => over(socket.address().address));
    socket.connect(port, address);
  });
}
