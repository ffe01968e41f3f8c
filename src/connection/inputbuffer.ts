/**
 * The octets that have arrived at one end of a connection and were not taken yet. A chunk may be in memory that the
 * next read overwrites (buffers.ts): it is borrowed until then, and copied only if some of it is still there.
 */

const NOTHING = Buffer.alloc(0);

/** How many octets are kept before reading stops. A chunk may go beyond it. */
const BOUND = 16 * 1024;

/** Octets that wait to be taken. The class that extends it knows how octets arrive. */
export abstract class InputBuffer {
  /** The octets that have arrived, from `start` on. */
  protected octets: Buffer = NOTHING;
  protected start = 0;
  /** Where the line began that was taken last, if it is still there; -1: it is not. */
  protected lineStart = -1;
  /** Up to where there is no LF. */
  protected searched = 0;
  /** Whether the octets are in memory that the next read overwrites. */
  #borrowed = false;

  /** Called when octets were taken. */
  protected abstract taken(): void;

  /** How many octets are in the buffer. */
  get pending(): number {
    return this.octets.length - this.start;
  }

  /** Whether the buffer is full, so that more octets may wait with the system. */
  get full(): boolean {
    return this.pending > BOUND;
  }

  /** All octets of the buffer, as latin1, without taking them. */
  get ahead(): string {
    return this.octets.toString("latin1", this.start);
  }

  /**
   * Takes a response that is there in full behind the status line that was taken last, with that line.
   *
   * @param find finds its end in octets from an offset on; -1: it is not there in full
   * @param bound how long it may be, in octets
   * @returns all as latin1; null: it is not there, or too long
   */
  takeWhole(find: (octets: Buffer, from: number) => number, bound: number): string | null {
    if (this.lineStart < 0) return null;
    const end = find(this.octets, this.start);
    if (end < 0 || end - this.lineStart > bound) return null;
    const whole = this.octets.toString("latin1", this.lineStart, end);
    this.skip(end - this.start);
    return whole;
  }

  /** Takes octets out of the buffer. @param count at most `pending` */
  take(count: number): Buffer {
    const view = this.octets.subarray(this.start, this.start + count);
    const taken = this.#borrowed ? Buffer.from(view) : view;
    this.skip(count);
    return taken;
  }

  /** Takes all octets out of the buffer. @param before text (latin1) to stand before them */
  takeAll(before: string): Buffer {
    const octets = Buffer.allocUnsafe(before.length + this.pending);
    octets.write(before, "latin1");
    this.octets.copy(octets, before.length, this.start);
    this.skip(this.pending);
    return octets;
  }

  /** Takes octets that nobody wants, or that were read where they are. */
  protected skip(count: number): void {
    this.start += count;
    this.searched = this.start;
    this.lineStart = -1;
    if (this.start === this.octets.length) this.replace(NOTHING);
    this.taken();
  }

  /** Puts octets in the place of all others. */
  protected replace(octets: Buffer): void {
    this.octets = octets;
    this.start = 0;
    this.searched = 0;
    this.lineStart = -1;
  }

  /**
   * Adds a chunk, without a copy if the buffer is empty.
   *
   * @param passing whether the next read overwrites the chunk: `own` must be called before
   */
  protected borrow(chunk: Buffer, passing: boolean): void {
    const { pending } = this;
    if (pending > 0) {
      const searched = this.searched - this.start;
      this.replace(Buffer.concat([this.octets.subarray(this.start), chunk]));
      this.searched = searched;
    } else {
      this.replace(chunk);
      this.#borrowed = passing;
    }
  }

  /** Copies what is borrowed and was not taken. */
  protected own(): void {
    if (this.#borrowed && this.pending > 0) {
      const searched = this.searched - this.start;
      this.replace(Buffer.from(this.octets.subarray(this.start)));
      this.searched = searched;
    }
    this.#borrowed = false;
  }

  /** Drops all octets. */
  protected drop(): void {
    this.replace(NOTHING);
  }
}
