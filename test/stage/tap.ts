/** A socket whose octets are kept on their way to the TLS above it. */

import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export class Tap extends Duplex {
  /** All that came, as latin1. */
  octets = "";

  /** @param unread what has come before, and belongs to TLS, too */
  constructor(
    readonly socket: Socket,
    unread = "",
  ) {
    super({ allowHalfOpen: true });
    const take = (chunk: Buffer) => {
      this.octets += chunk.toString("latin1");
      if (!this.push(chunk)) socket.pause();
    };
    if (unread !== "") take(Buffer.from(unread, "latin1"));
    socket.on("data", take);
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    if (socket.readableEnded) this.push(null);
    if (socket.destroyed) this.destroy();
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (fault?: Error | null) => void): void {
    this.socket.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    this.socket.destroy();
    done(fault);
  }
}
