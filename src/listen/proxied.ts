/**
 * Connections that begin with a PROXY header (the manual's section "Behind a Load Balancer"): the header is read before
 * all else. Only senders that the settings name may connect at all. A connection without a complete header in time is
 * closed without a word.
 */

import type { Socket } from "node:net";
import { plainAddress } from "../base/address";
import { type Cidr, isWithin } from "../base/cidr";
import { timeLimit } from "../base/timelimit";
import type { Emit } from "../log/events";
import { type ProxyHeader, parseProxyHeader } from "../protocol/proxyheader";
import type { Arrival } from "../session/needs";

/** What holds for the headers of one listener. */
export interface HeaderTerms {
  /** Who may send headers. */
  readonly from: readonly Cidr[];
  /** The time for a header, in milliseconds. */
  readonly within: number;
  /** How many connections may wait for their header; one more displaces the oldest. */
  readonly bound: number;
  /** The log of the service. */
  readonly emit: Emit;
}

/** A connection whose header has not arrived. */
interface Awaited {
  /** @param why for the log; null: nobody needs to know */
  giveUp(why: string | null): void;
}

/** The connections that wait for their header. */
export class Headers {
  readonly #awaited = new Set<Awaited>();

  /** @param changed called when a connection waits no more */
  constructor(private readonly changed: () => void) {}

  /** How many wait. */
  get count(): number {
    return this.#awaited.size;
  }

  /**
   * Reads the header of a connection that was accepted. The socket is paused when it is there, and has what stood behind
   * the header as its next octets.
   *
   * @param then gets the header; a connection without one is closed
   */
  read(socket: Socket, terms: HeaderTerms, then: (header: ProxyHeader) => void): void {
    const sender = plainAddress(socket.remoteAddress);
    socket.on("error", () => {});
    if (!isWithin(sender, terms.from)) {
      // The system forgets the peer's address of a connection that was reset: health checks end so, every few seconds.
      const gone = sender === "" && socket.localAddress !== undefined;
      if (!gone) emitRefused(terms, sender, "proxy-from", "not a sender of --proxy-from");
      socket.destroy();
      return;
    }
    this.#await(socket, sender, terms, then);
    if (this.#awaited.size <= terms.bound) return;
    const [oldest] = this.#awaited;
    oldest?.giveUp("gave way to a newer connection");
  }

  /** Closes all connections that wait. */
  close(): void {
    for (const one of this.#awaited) one.giveUp(null);
  }

  #await(socket: Socket, sender: string, terms: HeaderTerms, then: (header: ProxyHeader) => void): void {
    let octets: Buffer = Buffer.alloc(0);
    const leave = () => {
      endLimit();
      this.#awaited.delete(one);
      socket.off("data", arrived).off("end", ended).off("close", ended);
    };
    const one: Awaited = {
      giveUp: (why) => {
        leave();
        if (why !== null) emitRefused(terms, sender, "proxy-header", why);
        socket.destroy();
        this.changed();
      },
    };
    const arrived = (chunk: Buffer) => {
      octets = octets.length === 0 ? chunk : Buffer.concat([octets, chunk]);
      const parsed = parseProxyHeader(octets);
      if (parsed.kind === "more") return;
      if (parsed.kind === "bad") {
        one.giveUp(parsed.why);
        return;
      }
      leave();
      socket.pause();
      if (octets.length > parsed.length) socket.unshift(octets.subarray(parsed.length));
      then(parsed.header);
      this.changed();
    };
    // Many load balancers look whether the gateway is there by a connection without an octet.
    const ended = () => one.giveUp(octets.length === 0 ? null : "the connection ended inside a header");
    const endLimit = timeLimit(terms.within, () => one.giveUp("no complete header in time"));
    this.#awaited.add(one);
    socket.on("data", arrived).on("end", ended).on("close", ended);
  }
}

function emitRefused({ emit }: HeaderTerms, client: string, code: "proxy-from" | "proxy-header", reason: string): void {
  emit("notProxied", { client, code, reason });
}

/** How a client has connected, by its PROXY header, too: TLS that has ended before the gateway takes the place of STLS. */
export function arrivalWith(arrival: Arrival, header: ProxyHeader): Arrival {
  const secure = header.kind === "client" && header.facts.tls !== null;
  return { ...arrival, header, tls: secure && arrival.tls === "starttls" ? "none" : arrival.tls };
}
