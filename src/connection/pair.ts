/**
 * Two pipes as one stream: input from one descriptor, output to another. As with a socket, the end of the input leaves
 * the output open. When the stream has closed, both descriptors are closed.
 */

import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { vacate } from "../process/descriptor";

type Done = (fault?: Error | null) => void;

/** Standard input and standard output. */
export class PipePair extends Duplex {
  readonly #input = new Socket({ fd: 0, readable: true, writable: false });
  readonly #output = new Socket({ fd: 1, readable: false, writable: true });

  constructor() {
    super({ allowHalfOpen: true });
    const input = this.#input;
    input.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) input.pause();
    });
    input.on("end", () => this.push(null));
    // Input that has arrived counts, however it ended. If the client has closed the output's pipe, the write fails.
    input.on("error", () => this.push(null));
    input.once("close", () => vacate(0));
    this.#output.on("error", () => {});
    this.#output.once("close", () => vacate(1));
  }

  override _read(): void {
    this.#input.resume();
  }

  override _write(octets: Buffer, _encoding: string, done: Done): void {
    this.#output.write(octets, done);
  }

  /** Done when the descriptor is closed: only then does the pipe's reader see the end. */
  override _final(done: Done): void {
    whenClosed(this.#output, done);
    this.#output.end();
  }

  override _destroy(fault: Error | null, done: Done): void {
    whenClosed(this.#input, () => whenClosed(this.#output, () => done(fault)));
    this.#input.destroy();
    this.#output.destroy();
  }
}

/** Calls back when a socket has closed; at once if it has closed already. */
function whenClosed(socket: Socket, done: () => void): void {
  if (socket.closed) done();
  else socket.once("close", done);
}
