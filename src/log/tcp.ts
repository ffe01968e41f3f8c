/**
 * Syslog over TCP, one message per line (RFC 6587, 3.4.2). The protocol knows no receipt: what the system has taken and
 * the daemon has not read when it dies is lost, and nobody learns of it; what the system had not taken is counted.
 */

import { connect } from "node:net";
import type { OpenWire } from "./outlet";
import { overSocket } from "./socket";

/** For the connection to be accepted, at all of a name's addresses, in milliseconds. */
const CONNECT_LIMIT = 10_000;

/** For one address of several, in milliseconds; Node's own 250 are too short for a far one. */
const ADDRESS_LIMIT = 3000;

/** After how much silence the system asks whether the daemon's host is still there, in milliseconds. */
const KEEPALIVE = 60_000;

/** @param host a name, looked up for each connection, or an IP address */
export function tcpWire(host: string, port: number): OpenWire {
  return (tell) => {
    const socket = connect({ host, port, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ADDRESS_LIMIT });
    const limit = setTimeout(() => socket.destroy(), CONNECT_LIMIT).unref();
    socket.once("connect", () => {
      clearTimeout(limit);
      socket.setKeepAlive(true, KEEPALIVE);
      // A daemon has nothing to say but its end, which only a socket that is read learns of.
      socket.resume();
    });
    socket.once("close", () => clearTimeout(limit));
    socket.once("end", () => socket.destroy());
    return overSocket(socket, tell, (done) => {
      socket.end(() => {
        socket.destroy();
        done();
      });
    });
  };
}
