/**
 * Two pipes as one stream: what comes from one descriptor and what goes to another. As with a socket, the end of the
 * input leaves the output open; and when it is whenClosed, both descriptors really are.
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
    // What the client had said counts, however it left; a reader that is gone fails the write that was for it.
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

  /** Done when the descriptor is whenClosed: a pipe has no other way to tell its reader of the end. */
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

/** Calls back when a socket is whenClosed, or at once if it is. */
function whenClosed(socket: Socket, done: () => void): void {
  if (socket.closed) done();
  else socket.once("close", done);
}
