/** What the client of a superserver hears when the gateway can't serve it: a wrong line in inetd.conf, a missing file. */

import { writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { kindOf } from "../process/descriptor";
import { replies } from "../protocol/replies";

/** How long to wait for the client that has made inetd start the gateway, in milliseconds. */
const WAIT = 1000;

const REPLY = `${replies.misconfigured}\r\n`;

/** Answers the client on descriptor 0, or the one that waits in the queue of the socket there. Never rejects. */
export async function refuseClient(): Promise<void> {
  const kind = kindOf(0);
  if (kind === "connection") {
    try {
      writeSync(0, REPLY);
    } catch {
      // The client has left.
    }
  } else if (kind === "listener") {
    await refuseNext();
  }
}

/** Without this, inetd would start the gateway again at once for the client that still waits. */
function refuseNext(): Promise<void> {
  return new Promise((resolve) => {
    const server = createServer();
    const timer = setTimeout(resolve, WAIT);
    const over = () => {
      clearTimeout(timer);
      resolve();
    };
    server.once("error", over);
    server.once("connection", (socket: Socket) => {
      socket.on("error", over).end(REPLY, over);
    });
    server.listen({ fd: 0 });
  });
}
