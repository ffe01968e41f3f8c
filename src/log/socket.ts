/**
 * A wire over a stream socket or a pipe, for TCP and for stderr. A message counts as taken when the system has taken
 * it: neither has a receipt.
 */

import type { Socket } from "node:net";
import type { Wire, WireEvents } from "./outlet";

/**
 * A wire over a socket.
 *
 * @param socket connected, or connecting
 * @param end ends the socket when no more messages will come, and calls back when that is done
 */
export function overSocket(socket: Socket, events: WireEvents, end: (done: () => void) => void): Wire {
  let connected = !socket.connecting;
  socket.once("connect", () => {
    connected = true;
  });
  // Without a listener an "error" would end the process; "close" follows each and is reported.
  socket.on("error", () => {});
  socket.once("close", () => events.closed(!connected));
  socket.unref();
  return {
    send(messages) {
      socket.write(Buffer.concat(messages), (fault) => {
        // A destroyed socket calls back for its unfinished write without a fault.
        if (!fault && !socket.destroyed) events.taken(messages.length);
      });
    },
    end: () => new Promise((resolve) => end(resolve)),
    drop: () => void socket.destroy(),
  };
}
