/**
 * Syslog over UDP, one message per datagram (RFC 3164, 2). The socket is connected, for two reasons: only a connected
 * socket reports ECONNREFUSED when no daemon listens, and the name is looked up once, not for each message.
 *
 * The first message through a new socket is a trial: the other messages follow if it is not refused within 20 ms.
 * Datagrams that the network drops, or a daemon with a full buffer, are lost and not counted.
 */

import { createSocket, type Socket } from "node:dgram";
import { type LookupAddress, lookup } from "node:dns";
import type { OpenWire, Wire, WireEvents } from "./outlet";

/** How long to wait for a refusal of the first message, in milliseconds. */
const TRIAL = 20;

/** How many datagrams are sent at once, and the pause after them, in milliseconds: a daemon's buffer is small. */
const VOLLEY = 32;
const VOLLEY_PAUSE = 1;

/**
 * A wire to a syslog daemon over UDP.
 *
 * @param host an IP address, or a name; its addresses are tried in order until one does not refuse the first message
 */
export function udpWire(host: string, port: number): OpenWire {
  return (events) => new UdpWire(host, port, events);
}

class UdpWire implements Wire {
  #addresses: LookupAddress[] = [];
  #socket: Socket | null = null;
  #dropped = false;
  #connected = false;
  /** Whether the trial has succeeded. */
  #proven = false;
  /** Messages that are not sent yet. */
  #waiting: readonly Buffer[] = [];
  /** The messages that are being sent at once, and for how many of them the system has not called back. */
  #volley: readonly Buffer[] = [];
  #open = 0;
  #refused = 0;

  constructor(
    host: string,
    private readonly port: number,
    private readonly events: WireEvents,
  ) {
    lookup(host, { all: true }, (_fault, found) => {
      this.#addresses = found ?? [];
      this.#connect();
    });
  }

  send(messages: readonly Buffer[]): void {
    this.#waiting = messages;
    if (this.#connected) this.#next();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  drop(): void {
    this.#dropped = true;
    this.#socket?.close();
    this.#socket = null;
  }

  /** Tries the next address. */
  #connect(): void {
    if (this.#dropped) return;
    const next = this.#addresses.shift();
    if (!next) {
      this.drop();
      this.events.closed(true);
      return;
    }
    this.#socket?.close();
    this.#connected = false;
    this.#waiting = [...this.#volley, ...this.#waiting];
    this.#volley = [];
    const socket = createSocket(next.family === 6 ? "udp6" : "udp4").unref();
    this.#socket = socket;
    socket.on("error", () => socket === this.#socket && this.#refusal());
    // Not the callback of connect(): it is called for faults, too.
    socket.once("connect", () => {
      if (socket !== this.#socket) return;
      this.#connected = true;
      if (this.#waiting.length > 0) this.#next();
    });
    socket.connect(this.port, next.address);
  }

  #next(): void {
    const socket = this.#socket;
    const volley = this.#waiting.slice(0, this.#proven ? VOLLEY : 1);
    this.#waiting = this.#waiting.slice(volley.length);
    this.#volley = volley;
    this.#open = volley.length;
    for (const message of volley) {
      socket?.send(message, (fault) => {
        if (socket !== this.#socket) return;
        // ECONNREFUSED here is the refusal of an earlier message, and this message was not sent: both are lost.
        if (fault) this.#refused += (fault as NodeJS.ErrnoException).code === "ECONNREFUSED" ? 2 : 1;
        if (--this.#open === 0) this.#settle(socket);
      });
    }
  }

  /** All of a volley is sent; a refusal of its last message arrives in the next turn of the event loop. */
  #settle(socket: Socket | null): void {
    const settled = () => {
      if (this.#dropped || socket !== this.#socket) return;
      const { length } = this.#volley;
      this.#volley = [];
      if (this.#refused > 0) {
        this.#closeRefused(length);
        return;
      }
      this.#proven = true;
      this.events.taken(length);
      if (this.#waiting.length > 0) this.#next();
    };
    // The first fault of a trial decides it.
    if (!this.#proven && this.#refused > 0) this.#refusal();
    else if (this.#volley.length < VOLLEY && this.#proven) setImmediate(settled);
    else setTimeout(() => setImmediate(settled), this.#proven ? VOLLEY_PAUSE : TRIAL).unref();
  }

  /** The socket has reported a refusal outside a callback of send(). */
  #refusal(): void {
    if (!this.#proven) {
      this.#refused = 0;
      this.#connect();
    } else {
      this.#refused++;
      // Inside a volley, `#settle` reports it.
      if (this.#volley.length === 0) this.#closeRefused(0);
    }
  }

  /** Closes the wire after a refusal. @param count how many messages of a volley have not been reported yet */
  #closeRefused(count: number): void {
    this.drop();
    this.events.lost(this.#refused);
    this.events.taken(count);
    this.events.closed(true);
  }
}
