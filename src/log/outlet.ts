/**
 * An outlet: messages on their way to somebody who may be slow, dead or away, and what that may cost us.
 * Messages wait in one bounded queue; what does not fit is counted, and told of first when messages are taken again. The
 * way out is a wire, opened when there is something to say, and again after a growing pause when it has gone. One
 * batch is on the wire at a time; what was written in one turn of the event loop goes out together.
 */

/** Octets that wait: the closing lines of a thousand sessions that end at once fit. */
const BOUND = 256 * 1024;

/** Octets of a batch, but at least one message. */
const BATCH = 32 * 1024;

/** Before a wire that has gone is opened again, in milliseconds; each time twice as long, up to the longest. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** How long close() takes at most, in milliseconds. */
const LAST_WORDS = 1000;

/** A way out. While nothing is on it, it does not keep the process alive. */
export interface Wire {
  /** Hands messages over, in order. Called again only when all of them were taken. */
  send(messages: readonly Buffer[]): void;
  /** No more will come. Resolves when all that was taken is out of our hands. */
  end(): Promise<void>;
  /** Lets go of everything at once. */
  drop(): void;
}

/** What a wire tells its outlet. */
export interface WireEvents {
  /** The first so many of what was sent and not yet taken are with the other side, as far as that can be known. */
  taken(count: number): void;
  /** So many that seemed taken were not. */
  lost(count: number): void;
  /** The wire is no more. `unsent`: what it had not taken has not arrived either, and may be sent again. */
  gone(unsent: boolean): void;
}

/** Opens a wire. May throw: it is tried again later. */
export type OpenWire = (tell: WireEvents) => Wire;

interface QueuedMessage {
  readonly octets: Buffer;
  /** How many lost messages this one tells of; 0: it is an ordinary one. */
  readonly tells: number;
}

export class Outlet {
  readonly #queue: QueuedMessage[] = [];
  #octets = 0;
  /** How many of the queue, from its head on, are on the wire. */
  #sent = 0;
  #lost = 0;
  #wire: Wire | null = null;
  /** Counts wires, so that nobody listens to one that has gone. */
  #turn = 0;
  /** When the wire was opened, in milliseconds of performance.now(). */
  #opened = 0;
  #pause = 0;
  #timer: NodeJS.Timeout | null = null;
  #planned = false;
  /** Called when nothing is left to do before the end. */
  #idle: (() => void) | null = null;
  #end: Promise<void> | null = null;
  #over = false;

  /**
   * @param dial opens the wire
   * @param notice the message that says how many were lost
   */
  constructor(
    private readonly dial: OpenWire,
    private readonly notice: (messages: number) => Buffer,
  ) {}

  push(octets: Buffer): void {
    if (this.#end) return;
    if (this.#octets + octets.length > BOUND) {
      this.#lost++;
      return;
    }
    this.#queue.push({ octets, tells: 0 });
    this.#octets += octets.length;
    this.#plan();
  }

  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  async #close(): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      // This timer, unlike all else here, keeps the process alive.
      limit = setTimeout(resolve, LAST_WORDS);
    });
    const empty = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    // Whoever is in a pause gets one last try.
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#flush();
    await Promise.race([empty.then(() => this.#wire?.end()), late]);
    clearTimeout(limit);
    this.#over = true;
    this.#turn++;
    this.#wire?.drop();
    this.#wire = null;
    this.#queue.length = 0;
  }

  #plan(): void {
    if (this.#planned || this.#sent > 0 || this.#timer) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#sent > 0 || this.#timer || this.#over) return;
    if (this.#queue.length === 0 && this.#lost === 0) {
      this.#idle?.();
      return;
    }
    if (!this.#wire && !this.#open()) return;
    if (this.#lost > 0) {
      const entry = { octets: this.notice(this.#lost), tells: this.#lost };
      this.#queue.unshift(entry);
      this.#octets += entry.octets.length;
      this.#lost = 0;
    }
    const batch: Buffer[] = [];
    let octets = 0;
    for (const entry of this.#queue) {
      octets += entry.octets.length;
      if (octets > BATCH && batch.length > 0) break;
      batch.push(entry.octets);
    }
    this.#sent = batch.length;
    this.#wire?.send(batch);
  }

  #open(): boolean {
    const turn = ++this.#turn;
    const now = <Rest extends unknown[]>(step: (...rest: Rest) => void) => {
      return (...rest: Rest) => {
        if (turn === this.#turn) step(...rest);
      };
    };
    this.#opened = performance.now();
    try {
      const wire = this.dial({
        taken: now((count: number) => this.#taken(count)),
        lost: now((count: number) => {
          this.#lost += count;
        }),
        gone: now((unsent: boolean) => this.#gone(unsent)),
      });
      if (turn === this.#turn) this.#wire = wire;
    } catch {
      if (turn === this.#turn) this.#gone(true);
    }
    return this.#wire !== null;
  }

  #taken(count: number): void {
    this.#sent -= this.#remove(Math.min(count, this.#sent)).length;
    if (this.#sent > 0) return;
    if (this.#idle) this.#flush();
    else if (this.#queue.length > 0 || this.#lost > 0) this.#plan();
  }

  #gone(unsent: boolean): void {
    this.#turn++;
    this.#wire = null;
    // A notice is always written anew: by the next time there may be more to tell of.
    const back = unsent ? (this.#queue[0]?.tells ? 1 : 0) : this.#sent;
    for (const { tells } of this.#remove(back)) this.#lost += tells || 1;
    this.#sent = 0;
    if (this.#idle) {
      this.#idle();
      return;
    }
    const lived = performance.now() - this.#opened;
    this.#pause = lived > LONGEST_PAUSE || this.#pause === 0 ? FIRST_PAUSE : Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#flush();
    }, this.#pause).unref();
  }

  #remove(count: number): QueuedMessage[] {
    const removed = this.#queue.splice(0, count);
    for (const { octets } of removed) this.#octets -= octets.length;
    return removed;
  }
}
