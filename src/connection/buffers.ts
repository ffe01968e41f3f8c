/**
 * The buffers into which an outgoing socket reads: the target of net.connect's `onread` option.
 *
 * All sockets share one small buffer, since each chunk is used before the next socket is read. While a body is relayed,
 * the socket reads into a larger buffer of its own, whose octets may still be on their way to the client when the event
 * loop turns. Fewer, larger reads without an allocation for each: 55 -> 28 ms of CPU per 100 MB.
 */

const SHARED = Buffer.allocUnsafeSlow(64 * 1024);
const LEASE = 256 * 1024;

/**
 * A leased buffer for a sink under TLS. What a client does not read is held there twice, in clear and encrypted, so a
 * client that stalls costs several times this.
 */
const TLS_LEASE = 64 * 1024;

/** The most octets that a TLS socket delivers at a time: one record's plaintext (RFC 8446, 5.1). */
const RECORD = 16 * 1024;

/** Leased buffers to be used again: enough for the bodies that a busy gateway relays at once, 4 MiB at most. */
const pool: Buffer[] = [];
const POOL_BOUND = 16;

/** Where the chunks of a socket go. */
export interface Receiver {
  /**
   * Takes a chunk. Its memory may be overwritten when this returns; if the buffer is leased, only when reading goes on.
   *
   * @returns false to stop reading
   */
  receive(chunk: Buffer): boolean;
}

/** The read buffers of one socket. */
export class ReadBuffers {
  /** null: chunks are dropped. */
  receiver: Receiver | null = null;

  #lease: Buffer | null = null;

  /**
   * @param tls whether the socket speaks TLS. A TLS socket delivers the octets that it has decrypted even when reading
   * has stopped, so it must not read into a leased buffer whose octets are not sent yet.
   */
  constructor(private readonly tls = false) {}

  /** The buffer for the next read; node:net calls it after each chunk. */
  readonly buffer = (): Buffer => this.#lease ?? SHARED;

  /** Called by node:net after each read. */
  readonly callback = (octets: number, buffer: Uint8Array): boolean => {
    const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, octets);
    // node:net chooses a read's buffer after the read before, so the first read of a body still uses the shared one.
    return this.receiver?.receive(buffer === SHARED && this.#lease ? Buffer.from(chunk) : chunk) ?? true;
  };

  /** From the next read on, octets are read into a buffer of this socket only. @param encrypts whether the sink speaks TLS */
  lease(encrypts: boolean): void {
    if (this.#lease) return;
    if (this.tls) this.#lease = Buffer.allocUnsafeSlow(RECORD);
    else if (encrypts) this.#lease = Buffer.allocUnsafeSlow(TLS_LEASE);
    else this.#lease = pool.pop() ?? Buffer.allocUnsafeSlow(LEASE);
  }

  /** The octets of the last chunk are not sent yet, and reading stops. */
  occupied(): void {
    if (this.tls && this.#lease) this.#lease = Buffer.allocUnsafeSlow(RECORD);
  }

  /** Gives the leased buffer back. @param free whether all of its octets are sent */
  release(free: boolean): void {
    if (this.#lease?.length === LEASE && free && pool.length < POOL_BOUND) pool.push(this.#lease);
    this.#lease = null;
  }
}
