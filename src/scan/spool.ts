/**
 * A response of the server on the disk, while it is scanned. The file has no name: it is unlinked at once, so that
 * nothing is left however the process ends. A spool that can't be written takes all octets and keeps none, so that the
 * server can go on.
 */

import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sink } from "../connection/connection";
import { RESERVE, requireSpace } from "./space";

/** After so many octets the free space is looked at again. */
const WATCH = 8 * 1024 * 1024;

/** How much is read at a time. */
const CHUNK = 64 * 1024;

let counter = 0;

/** The folder of spools: TMPDIR, or the system's. */
export function spoolFolder(): string {
  return tmpdir();
}

/** A file that is written once, from its beginning to its end, and then read. */
export class Spool implements Sink {
  readonly encrypts = false;
  /** How many octets were taken. */
  size = 0;
  /** Why nothing is kept any more; null: all is kept. */
  fault: Error | null = null;
  #file: FileHandle | null = null;
  #watched = -WATCH;
  #unwritten = 0;
  #written: Promise<void> = Promise.resolve();

  constructor(
    private readonly folder: string = spoolFolder(),
    private readonly reserve = RESERVE,
  ) {}

  /** Makes the file; a fault is kept in `fault`. */
  async open(): Promise<void> {
    try {
      const path = join(this.folder, `pop3.proxy.${process.pid}.${++counter}.${Math.random().toString(36).slice(2)}`);
      this.#file = await open(path, "wx+", 0o600);
      await unlink(path);
    } catch (thrown) {
      this.fault = thrown as Error;
    }
  }

  /** Part of Sink. */
  send(octets: string | Buffer): void {
    const chunk = typeof octets === "string" ? Buffer.from(octets, "latin1") : octets;
    const at = this.size;
    this.size += chunk.length;
    if (this.fault) return;
    this.#unwritten++;
    this.#written = this.#written.then(() => this.#write(chunk, at));
  }

  /** Part of Sink. */
  get empty(): boolean {
    return this.#unwritten === 0;
  }

  /** Part of Sink. */
  emptied(): Promise<void> {
    return this.#written;
  }

  /**
   * What was written, in chunks whose memory is used again for the next one.
   *
   * @param from the first octet @param to behind the last one
   * @throws the system's error
   */
  async *chunks(from: number, to: number): AsyncGenerator<Buffer> {
    const chunk = Buffer.allocUnsafeSlow(CHUNK);
    for (let at = from; at < to; ) {
      const { bytesRead } = await (this.#file as FileHandle).read(chunk, 0, Math.min(CHUNK, to - at), at);
      if (bytesRead === 0) throw new Error("the spool is shorter than it was");
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }

  /** A part of what was written, as a whole. @throws the system's error */
  async part(from: number, to: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of this.chunks(from, Math.min(to, this.size))) parts.push(Buffer.from(chunk));
    return Buffer.concat(parts);
  }

  /** Gives the space on the disk back. */
  async close(): Promise<void> {
    await this.#written;
    await this.#file?.close().catch(() => {});
    this.#file = null;
  }

  /** Never rejects. */
  async #write(chunk: Buffer, at: number): Promise<void> {
    try {
      if (this.fault) return;
      if (at - this.#watched >= WATCH) {
        this.#watched = at;
        // A mail has no more than what is left for the others, so that none that is large, or never ends, takes it all.
        await requireSpace(this.folder, Math.max(this.reserve, at));
      }
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await (this.#file as FileHandle).write(chunk, done, chunk.length - done, at + done);
        done += bytesWritten;
      }
    } catch (thrown) {
      this.fault = thrown as Error;
      // The rest of the mail may take long, and others need the space.
      await this.#file?.truncate(0).catch(() => {});
    } finally {
      this.#unwritten--;
    }
  }
}
