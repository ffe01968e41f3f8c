/**
 * Syslog over UDP or TCP, in the form of RFC 3164, by the package syslog-client. It is a subclass of the package's own
 * client that writes: its messages would have no tag and might hold line ends, and its transports buffer without a
 * bound, lose silently, and look a name up for each message. What it is given here instead is an outlet.
 */

import { hostname } from "node:os";
import type { MessageOptions, Transport as Way } from "syslog-client";
import type { SyslogTarget } from "../config/syslog";
import { type Destination, plain, severities, TAG } from "./destination";
import { type Level, line } from "./line";
import { Outlet } from "./outlet";

/** Octets of a message (RFC 3164, 4.1), over TCP without its line end. */
const MESSAGE_BOUND = 1024;

/** @param facility its number */
export function openSyslog(target: SyslogTarget, facility: number): Destination {
  const tcp = target.transport === "tcp";
  const dial = tcp
    ? (require("./tcp") as typeof import("./tcp.js")).tcpWire(target.host, target.port)
    : (require("./udp") as typeof import("./udp.js")).udpWire(target.host, target.port);
  const { Client, Transport } = require("syslog-client") as typeof import("syslog-client");
  // Anew for each message: the package writes into them. A facility that is 0 it takes from here only.
  const fresh = (level: Level): MessageOptions => ({ facility, severity: severities[level] });

  class TaggedClient extends Client {
    override buildFormattedMessage(message: string, { facility = 0, severity = 0 }: MessageOptions): Buffer {
      const text = `<${facility * 8 + severity}>${timestamp(new Date())} ${host} ${TAG}[${process.pid}]: ${message}`;
      // Over UDP the datagram is the message; over TCP nothing but this line end may look like the end of one.
      return Buffer.from(plain(text, MESSAGE_BOUND) + (tcp ? "\n" : ""), "latin1");
    }

    /** The package calls the one or the other, with a whole message. */
    override getTransport(use: (fault: Error | null, way: Way) => void): void {
      const push = (octets: Buffer) => outlet.push(octets);
      use(null, { send: push, write: push } as unknown as Way);
    }
  }

  const host = plain(hostname().split(".", 1)[0] || "-", 255).replaceAll(" ", "-");
  const client = new TaggedClient(target.host, {
    port: target.port,
    transport: tcp ? Transport.Tcp : Transport.Udp,
    rfc3164: true,
  });
  // Nothing of ours emits one; but without a listener it would end the process.
  client.on("error", () => {});
  const outlet = new Outlet(dial, (messages) =>
    client.buildFormattedMessage(line("lost", { messages }), fresh("warning")),
  );
  return {
    write: (level, text) => void client.log(text, fresh(level)),
    close: () => outlet.close(),
  };
}

/** `Mmm dd hh:mm:ss` in local time (RFC 3164, 4.1.2), the day's leading zero a blank. */
export function timestamp(date: Date): string {
  // In every locale "Fri Nov 06 2026 10:43:00 ...".
  const text = date.toString();
  return `${text.slice(4, 8)}${text.slice(8, 10).replace(/^0/, " ")} ${text.slice(16, 24)}`;
}
