/**
 * Syslog over TCP, one message per line (RFC 6587, 3.4.2). The protocol has no receipt: messages that the system has
 * taken and the daemon has not read are lost, and not counted, when the daemon ends. Messages that the system has not
 * taken are counted.
 */

import { connect } from "node:net";
import type { OpenWire } from "./outlet";
import { overSocket } from "./socket";

/** How long connecting may take, with all addresses of a name, in milliseconds. */
const CONNECT_LIMIT = 10_000;

/** How long one address of several may take, in milliseconds; Node's default of 250 is too short for a distant host. */
const ADDRESS_LIMIT = 3000;

/** After how long an idle connection is probed by TCP keepalive, in milliseconds. */
const KEEPALIVE = 60_000;

/** A wire to a syslog daemon over TCP. @param host a name, looked up for each connection, or an IP address */
export function tcpWire(host: string, port: number): OpenWire {
  return (events) => {
    const socket = connect({ host, port, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ADDRESS_LIMIT });
    const limit = setTimeout(() => socket.destroy(), CONNECT_LIMIT).unref();
    socket.once("connect", () => {
      clearTimeout(limit);
      socket.setKeepAlive(true, KEEPALIVE);
      // The daemon sends nothing, but only a socket that is read reports that the daemon has closed the connection.
      socket.resume();
    });
    socket.once("close", () => clearTimeout(limit));
    socket.once("end", () => socket.destroy());
    return overSocket(socket, events, (done) => {
      socket.end(() => {
        socket.destroy();
        done();
      });
    });
  };
}
