/**
 * A wire over a stream socket or a pipe, for TCP and for stderr. What the system has taken counts as taken: more nobody
 * tells us.
 */

import type { Socket } from "node:net";
import type { Wire, WireEvents } from "./outlet";

/**
 * @param socket connected, or on its way there
 * @param end how the socket is ended when nothing more will come
 */
export function overSocket(socket: Socket, tell: WireEvents, end: (done: () => void) => void): Wire {
  let connected = !socket.connecting;
  socket.once("connect", () => {
    connected = true;
  });
  // Without a listener a fault would end the process; "close" follows every one.
  socket.on("error", () => {});
  socket.once("close", () => tell.gone(!connected));
  socket.unref();
  return {
    send(messages) {
      socket.write(Buffer.concat(messages), (fault) => {
        // A socket that is destroyed reports the write that it was at without a fault.
        if (!fault && !socket.destroyed) tell.taken(messages.length);
      });
    },
    end: () => new Promise((resolve) => end(resolve)),
    drop: () => void socket.destroy(),
  };
}
