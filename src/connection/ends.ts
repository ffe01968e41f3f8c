/** The two ends of a connection. */

import type { Socket } from "node:net";
import { plainAddress } from "../base/address";

/** One end of a connection. */
export interface Endpoint {
  /** An IP address; IPv4-mapped ones as IPv4. "" where there is no network (a pipe). */
  readonly address: string;
  readonly port: number;
}

/** The near end of a socket. The system is asked when it is of interest: few sessions need it, and each question costs. */
export function localEnd(socket: Socket): Endpoint {
  return new LocalEnd(socket);
}

class LocalEnd implements Endpoint {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get address(): string {
    return plainAddress(this.#socket.localAddress);
  }

  get port(): number {
    return this.#socket.localPort ?? 0;
  }
}
