/**
 * Log lines on stderr, or any descriptor. `process.stderr` would not do: on files and terminals it stops the process
 * until they take more, and on pipes and sockets it keeps without a bound what nobody reads.
 * Nor may a descriptor that can block be written by a thread of libuv's pool: Node's exit waits for that thread. So
 * pipes and terminals are opened anew as non-blocking, which leaves those alone who share the old one. A socket can't
 * be: it becomes non-blocking until the process ends, and `process.stderr` must not be written beside it, since libuv
 * tells only one of two streams on one descriptor that there is room again.
 */

import { constants, fstatSync, openSync, write } from "node:fs";
import type { OpenWire, Wire, WireEvents } from "./outlet";
import { overSocket } from "./socket";

/** How long a terminal that takes nothing is left alone, in milliseconds. */
const TERMINAL_PAUSE = 20;

/** How the descriptor is written; it is opened anew at once, because later root's rights may be gone. */
export function descriptorWire(descriptor: number): OpenWire {
  const stat = fstatSync(descriptor);
  const stream = stat.isFIFO() || stat.isSocket();
  const ours = () => (stat.isFIFO() || stat.isCharacterDevice() ? reopened(descriptor) : descriptor);
  let first: number | null = ours();
  return (tell) => {
    // A socket closes its descriptor with itself; files and terminals have theirs for good.
    const file = first ?? ours();
    if (!stream) return overFile(file, tell);
    first = null;
    const { Socket } = require("node:net") as typeof import("node:net");
    const socket = new Socket({ fd: file, readable: false, writable: true });
    // Not end(): that would shut the socket down for all who share it.
    return overSocket(socket, tell, (done) => {
      socket.destroy();
      done();
    });
  };
}

function reopened(descriptor: number): number {
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return openSync(`/proc/self/fd/${descriptor}`, flags);
  } catch {
    // It is somebody else's, or there is no /proc, or nobody reads: what we have must do.
    return descriptor;
  }
}

/** A wire into a file or to a terminal. */
function overFile(file: number, tell: WireEvents): Wire {
  let timer: NodeJS.Timeout | undefined;
  return {
    send(messages) {
      const octets = Buffer.concat(messages);
      let written = 0;
      const next = () => {
        write(file, octets, written, octets.length - written, null, (fault, count) => {
          if (fault?.code === "EAGAIN") {
            timer = setTimeout(next, TERMINAL_PAUSE).unref();
          } else if (fault) {
            tell.gone(false);
          } else {
            written += count;
            if (written < octets.length) next();
            else tell.taken(messages.length);
          }
        });
      };
      next();
    },
    end: () => Promise.resolve(),
    drop: () => clearTimeout(timer),
  };
}
