/**
 * Two pipes as one stream: input from one, output to the other. As with a socket, the end of the input leaves the output
 * open. The stream has closed when both pipes have.
 */

import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { vacate } from "../process/descriptor";

type Done = (fault?: Error | null) => void;

/** Two pipes. */
export class PipePair extends Duplex {
  constructor(
    private readonly input: Socket,
    private readonly output: Socket,
  ) {
    super({ allowHalfOpen: true });
    input.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) input.pause();
    });
    input.on("end", () => this.push(null));
    // Input that has arrived counts, however it ended. If the peer has closed the output's pipe, the write fails.
    input.on("error", () => this.push(null));
    output.on("error", () => {});
  }

  override _read(): void {
    this.input.resume();
  }

  override _write(octets: Buffer, _encoding: string, done: Done): void {
    this.output.write(octets, done);
  }

  /** Done when the pipe is closed: only then does its reader see the end. */
  override _final(done: Done): void {
    whenClosed(this.output, done);
    this.output.end();
  }

  override _destroy(fault: Error | null, done: Done): void {
    whenClosed(this.input, () => whenClosed(this.output, () => done(fault)));
    this.input.destroy();
    this.output.destroy();
  }
}

/** Standard input and standard output. When the stream has closed, both descriptors are closed. */
export function standardPair(): PipePair {
  const input = new Socket({ fd: 0, readable: true, writable: false });
  const output = new Socket({ fd: 1, readable: false, writable: true });
  input.once("close", () => vacate(0));
  output.once("close", () => vacate(1));
  return new PipePair(input, output);
}

/** Calls back when a socket has closed; at once if it has closed already. */
function whenClosed(socket: Socket, done: () => void): void {
  if (socket.closed) done();
  else socket.once("close", done);
}
