/** The gateway's end of a connection in memory, and a TLS that encrypts nothing: its handshake is one octet. */

import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

type Done = (fault?: Error | null) => void;

/** The first octet of a TLS record with a handshake. */
export const HANDSHAKE = "\x16";

function fault(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** What a peer does with its end. */
export interface Ears {
  heard(octets: string): void;
  ended(): void;
}

/** As a socket with `allowHalfOpen`. */
export class Wire extends Duplex {
  #deaf = false;
  #ended = false;

  constructor(private readonly ears: Ears) {
    super({ allowHalfOpen: true });
  }

  /** Octets of the peer (latin1). */
  deliver(octets: string): void {
    if (!this.#ended && !this.destroyed) this.push(Buffer.from(octets, "latin1"));
  }

  /** The peer ends its half. @param deaf whether it reads no more, either */
  finish(deaf = false): void {
    this.#deaf ||= deaf;
    if (!this.#ended && !this.destroyed) this.push(null);
    this.#ended = true;
  }

  /** The peer resets the connection. */
  reset(): void {
    this.#deaf = true;
    this.destroy(fault("ECONNRESET"));
  }

  override _read(): void {}

  override _write(octets: Buffer, _encoding: string, done: Done): void {
    if (!this.#deaf) this.ears.heard(octets.toString("latin1"));
    done(this.#deaf ? fault("EPIPE") : null);
  }

  override _final(done: Done): void {
    this.ears.ended();
    done();
  }

  override _destroy(reason: Error | null, done: Done): void {
    this.ears.ended();
    done(reason);
  }
}

/** Both sides say HANDSHAKE, the side that connects first; then all is as before. */
class Veil extends Duplex {
  readonly encrypted = true;
  #up = false;

  constructor(
    private readonly raw: Duplex,
    /** Whether the gateway has connected to the peer. */
    private readonly connects: boolean,
  ) {
    super({ allowHalfOpen: true });
    raw.on("data", (chunk: Buffer) => this.#receive(chunk.toString("latin1")));
    raw.on("end", () => this.push(null));
    raw.on("close", () => this.destroy());
    if (connects) raw.write(HANDSHAKE);
    raw.resume();
  }

  getProtocol(): string {
    return "TLSv1.3";
  }

  override _read(): void {}

  override _write(octets: Buffer, _encoding: string, done: Done): void {
    this.raw.write(octets);
    done();
  }

  override _final(done: Done): void {
    this.raw.end();
    done();
  }

  override _destroy(reason: Error | null, done: Done): void {
    this.raw.destroy();
    done(reason);
  }

  #receive(octets: string): void {
    if (this.#up) {
      this.push(Buffer.from(octets, "latin1"));
    } else if (!octets.startsWith(HANDSHAKE)) {
      this.destroy(fault("EPROTO"));
    } else {
      this.#up = true;
      if (!this.connects) this.raw.write(HANDSHAKE);
      this.emit(this.connects ? "secureConnect" : "secure");
      if (octets.length > 1) this.push(Buffer.from(octets.slice(1), "latin1"));
    }
  }
}

/** @param connects whether the gateway has connected to the peer */
export function veil(raw: Duplex, connects: boolean): TLSSocket {
  return new Veil(raw, connects) as unknown as TLSSocket;
}
