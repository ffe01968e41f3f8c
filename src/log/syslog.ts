/**
 * Syslog over UDP or TCP in the format of RFC 3164, by the package syslog-client. A subclass of the package's client
 * writes, since the package's own messages have no tag and may hold line ends, and its transports buffer without a
 * bound, lose messages silently, and look the name up for each message. The subclass writes to an outlet instead.
 */

import { hostname } from "node:os";
import { Client, type MessageOptions, Transport, type Transport as Way } from "syslog-client";
import type { SyslogTarget } from "../config/syslog";
import { type Destination, plain, severities, TAG } from "./destination";
import type { Level } from "./events";
import { line, type Render } from "./line";
import { Outlet } from "./outlet";
import { tcpWire } from "./tcp";
import { udpWire } from "./udp";

/** The most octets of a message (RFC 3164, 4.1), over TCP without its line end. */
const MESSAGE_BOUND = 1024;

/**
 * A syslog daemon as a destination.
 *
 * @param facility the facility's number (RFC 3164, 4.1.1)
 * @param render makes the lines of its own events
 */
export function openSyslog(target: SyslogTarget, facility: number, render: Render = line): Destination {
  const tcp = target.transport === "tcp";
  const open = tcp ? tcpWire(target.host, target.port) : udpWire(target.host, target.port);
  // New options for each message, since the package changes them. The package takes the facility 0 from here only.
  const fresh = (level: Level): MessageOptions => ({ facility, severity: severities[level] });

  class TaggedClient extends Client {
    override buildFormattedMessage(message: string, { facility = 0, severity = 0 }: MessageOptions): Buffer {
      const text = `<${facility * 8 + severity}>${timestamp(new Date())} ${host} ${TAG}[${process.pid}]: ${message}`;
      // Over TCP a line end is the end of a message, so `plain` removes all others. Over UDP a message is a datagram.
      return Buffer.from(plain(text, MESSAGE_BOUND) + (tcp ? "\n" : ""), "latin1");
    }

    /** Gives the package an outlet for a socket; the package calls `send` or `write` with a whole message. */
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
  // The outlet reports no "error" to the package; without a listener one would end the process.
  client.on("error", () => {});
  const outlet = new Outlet(open, (messages) =>
    client.buildFormattedMessage(render("lost", { messages }), fresh("warning")),
  );
  return {
    write: (level, text) => void client.log(text, fresh(level)),
    close: () => outlet.close(),
  };
}

/** `Mmm dd hh:mm:ss` in local time (RFC 3164, 4.1.2), with a blank for the day's leading zero. */
export function timestamp(date: Date): string {
  // In every locale the text is "Fri Nov 06 2026 10:43:00 ...".
  const text = date.toString();
  return `${text.slice(4, 8)}${text.slice(8, 10).replace(/^0/, " ")} ${text.slice(16, 24)}`;
}
