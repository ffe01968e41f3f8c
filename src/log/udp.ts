/**
 * Syslog over UDP, one message per datagram (RFC 3164, 2). The one socket is connected: only so the system tells that
 * nobody listens at the other end, and a name is looked up once, not per message.
 * The first message through a new socket is a trial: if it is not refused at once, the others follow. What a network,
 * or a daemon whose buffer is full, drops silently nobody learns of.
 */

import { createSocket, type Socket } from "node:dgram";
import { type LookupAddress, lookup } from "node:dns";
import type { OpenWire, Wire, WireEvents } from "./outlet";

/** How long after the first message a refusal is waited for, in milliseconds. */
const TRIAL = 20;

/** Datagrams that are sent in one go, and the pause after so many, in milliseconds: a daemon's buffer is small. */
const VOLLEY = 32;
const VOLLEY_PAUSE = 1;

/** @param host a name, of whose addresses the first is taken that refuses nothing, or an IP address */
export function udpWire(host: string, port: number): OpenWire {
  return (tell) => new UdpWire(host, port, tell);
}

class UdpWire implements Wire {
  #addresses: LookupAddress[] = [];
  #socket: Socket | null = null;
  #dropped = false;
  #connected = false;
  #proven = false;
  /** What is to be sent, and not yet on its way. */
  #waiting: readonly Buffer[] = [];
  /** What is on its way, and how many of these the system has not told of. */
  #volley: readonly Buffer[] = [];
  #open = 0;
  #refused = 0;

  constructor(
    host: string,
    private readonly port: number,
    private readonly tell: WireEvents,
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
      this.tell.gone(true);
      return;
    }
    this.#socket?.close();
    this.#connected = false;
    this.#waiting = [...this.#volley, ...this.#waiting];
    this.#volley = [];
    const socket = createSocket(next.family === 6 ? "udp6" : "udp4").unref();
    this.#socket = socket;
    socket.on("error", () => socket === this.#socket && this.#refusal());
    // Not connect()'s own callback: that is called with faults, too.
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
        // A refusal that is told here is that of an earlier message, and this one was not even sent.
        if (fault) this.#refused += (fault as NodeJS.ErrnoException).code === "ECONNREFUSED" ? 2 : 1;
        if (--this.#open === 0) this.#settle(socket);
      });
    }
  }

  /** All of a volley is on its way; a refusal of its last message comes with the next look at the sockets. */
  #settle(socket: Socket | null): void {
    const settled = () => {
      if (this.#dropped || socket !== this.#socket) return;
      const { length } = this.#volley;
      this.#volley = [];
      if (this.#refused > 0) {
        this.#gone(length);
        return;
      }
      this.#proven = true;
      this.tell.taken(length);
      if (this.#waiting.length > 0) this.#next();
    };
    // A fault at the trial needs no waiting for another.
    if (!this.#proven && this.#refused > 0) this.#refusal();
    else if (this.#volley.length < VOLLEY && this.#proven) setImmediate(settled);
    else setTimeout(() => setImmediate(settled), this.#proven ? VOLLEY_PAUSE : TRIAL).unref();
  }

  /** The system tells of a refusal by itself. */
  #refusal(): void {
    if (!this.#proven) {
      this.#refused = 0;
      this.#connect();
    } else {
      this.#refused++;
      // Inside a volley, its end looks after it.
      if (this.#volley.length === 0) this.#gone(0);
    }
  }

  /** Some of what was sent was refused, `count` of it in a volley that is not told of yet. */
  #gone(count: number): void {
    this.drop();
    this.tell.lost(this.#refused);
    this.tell.taken(count);
    this.tell.gone(true);
  }
}
