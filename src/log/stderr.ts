/**
 * Log lines on stderr, or any descriptor. `process.stderr` is not used: on files and terminals it blocks the process,
 * and on pipes and sockets it buffers without a bound.
 *
 * A thread of libuv's pool must not write to a descriptor that can block either: Node's exit waits for that thread. So
 * pipes and terminals are opened anew as non-blocking, which does not change them for the processes that share the old
 * descriptor. A socket can't be opened anew: it is non-blocking until the process ends. `process.stderr` must not be
 * written beside it, since libuv reports only to one of two streams on one descriptor that it is writable again.
 */

import { constants, fstatSync, openSync, write } from "node:fs";
import { Socket } from "node:net";
import type { OpenWire, Wire, WireEvents } from "./outlet";
import { overSocket } from "./socket";

/** The pause before the next write to a terminal that takes no octets, in milliseconds. */
const TERMINAL_PAUSE = 20;

/** A wire to a descriptor, which is opened anew at once, before root is dropped. @throws the system's error */
export function descriptorWire(descriptor: number): OpenWire {
  const stat = fstatSync(descriptor);
  const stream = stat.isFIFO() || stat.isSocket();
  const openAnew = () => (stat.isFIFO() || stat.isCharacterDevice() ? reopened(descriptor) : descriptor);
  let first: number | null = openAnew();
  return (events) => {
    // A Socket closes its descriptor; for files and terminals the first one serves until the end.
    const file = first ?? openAnew();
    if (!stream) return overFile(file, events);
    first = null;
    const socket = new Socket({ fd: file, readable: false, writable: true });
    // Not end(): that would shut the socket down for all processes that share it.
    return overSocket(socket, events, (done) => {
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
    // Another user owns it, or there is no /proc, or no process reads it: the descriptor is used as it is.
    return descriptor;
  }
}

/** A wire into a file or to a terminal. */
function overFile(file: number, events: WireEvents): Wire {
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
            events.closed(false);
          } else {
            written += count;
            if (written < octets.length) next();
            else events.taken(messages.length);
          }
        });
      };
      next();
    },
    end: () => Promise.resolve(),
    drop: () => clearTimeout(timer),
  };
}
