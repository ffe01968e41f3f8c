/**
 * An outlet: a bounded queue of messages to a log daemon that may be slow or not running.
 *
 * A message that does not fit into the queue is counted as lost; a notice of the count is sent first when messages are
 * taken again. The outlet sends through a wire. It opens the wire when there is a message, and again, after a growing
 * pause, when the wire has closed. One batch is on the wire at a time, and begins GATHERED after the one before it at
 * the earliest, unless a full batch waits: a busy gateway sends its messages together, an idle one each at once.
 */

/** The most octets in the queue: the closing lines of a thousand sessions that end at once fit. */
const BOUND = 256 * 1024;

/** The most octets of a batch; a batch has at least one message. */
const BATCH = 32 * 1024;

/**
 * How far apart batches begin, in milliseconds. A write to a file takes a thread and two system calls to wake it: with
 * each turn of the event loop a batch of its own, the log was an eighth of the CPU of short sessions.
 */
const GATHERED = 20;

/** The pauses before a closed wire is opened again, in milliseconds: each is twice the last one, up to the longest. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** How long close() takes at most, in milliseconds. */
const CLOSE_LIMIT = 1000;

/** A connection to a log daemon, a file or a terminal. An idle wire does not keep the process alive. */
export interface Wire {
  /** Sends messages, in order. Called again only when all of them have been taken. */
  send(messages: readonly Buffer[]): void;
  /** No more messages will come. Resolves when the process holds none of the messages that were taken. */
  end(): Promise<void>;
  /** Closes the wire at once. */
  drop(): void;
}

/** What a wire reports to its outlet. */
export interface WireEvents {
  /** The first `count` messages of those sent and not yet taken have been delivered, as far as the wire can know. */
  taken(count: number): void;
  /** `count` messages that were, or will be, reported as taken have not been delivered. */
  lost(count: number): void;
  /** The wire has closed. @param unsent whether no message that was not taken has arrived: all may be sent again */
  closed(unsent: boolean): void;
}

/** Opens a wire. May throw: the outlet tries again later. */
export type OpenWire = (events: WireEvents) => Wire;

interface QueuedMessage {
  readonly octets: Buffer;
  /** The count of lost messages in a notice; 0: the message is no notice. */
  readonly lost: number;
}

/** A bounded queue of messages, and the wire that empties it. */
export class Outlet {
  readonly #queue: QueuedMessage[] = [];
  #octets = 0;
  /** How many messages at the head of the queue are on the wire. */
  #sent = 0;
  #lost = 0;
  #wire: Wire | null = null;
  /** Counts wires, so that events of a closed wire are ignored. */
  #turn = 0;
  /** When the wire was opened, in milliseconds of performance.now(). */
  #opened = 0;
  #pause = 0;
  #timer: NodeJS.Timeout | null = null;
  #planned = false;
  /** When the last batch began, in milliseconds of performance.now(). */
  #begun = Number.NEGATIVE_INFINITY;
  /** Called during close() when the queue is empty or the wire has closed. */
  #idle: (() => void) | null = null;
  #end: Promise<void> | null = null;
  #over = false;

  /**
   * @param dial opens the wire
   * @param notice makes the message that says how many messages were lost
   * @param gathered how far apart batches begin, in milliseconds
   */
  constructor(
    private readonly dial: OpenWire,
    private readonly notice: (messages: number) => Buffer,
    private readonly gathered = GATHERED,
  ) {}

  /** Queues a message. Never blocks and never throws. */
  push(octets: Buffer): void {
    if (this.#end) return;
    if (this.#octets + octets.length > BOUND) {
      this.#lost++;
      return;
    }
    this.#queue.push({ octets, lost: 0 });
    this.#octets += octets.length;
    this.#plan();
  }

  /** Resolves when all messages have been sent, or after a second; later messages are dropped. */
  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  async #close(): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      // This timer is the only one here that keeps the process alive.
      limit = setTimeout(resolve, CLOSE_LIMIT);
    });
    const empty = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    // A closed wire is tried once more, without the rest of its pause.
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
    const flush = () => {
      this.#planned = false;
      this.#flush();
    };
    const early = this.#octets < BATCH ? this.#begun + this.gathered - performance.now() : 0;
    if (early > 0) setTimeout(flush, early).unref();
    else setImmediate(flush);
  }

  #flush(): void {
    if (this.#sent > 0 || this.#timer || this.#over) return;
    if (this.#queue.length === 0 && this.#lost === 0) {
      this.#idle?.();
      return;
    }
    if (!this.#wire && !this.#open()) return;
    if (this.#lost > 0) {
      const entry = { octets: this.notice(this.#lost), lost: this.#lost };
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
    this.#begun = performance.now();
    this.#wire?.send(batch);
  }

  #open(): boolean {
    const turn = ++this.#turn;
    const ifCurrent = <Rest extends unknown[]>(step: (...rest: Rest) => void) => {
      return (...rest: Rest) => {
        if (turn === this.#turn) step(...rest);
      };
    };
    this.#opened = performance.now();
    try {
      const wire = this.dial({
        taken: ifCurrent((count: number) => this.#taken(count)),
        lost: ifCurrent((count: number) => {
          this.#lost += count;
        }),
        closed: ifCurrent((unsent: boolean) => this.#wireClosed(unsent)),
      });
      if (turn === this.#turn) this.#wire = wire;
    } catch {
      if (turn === this.#turn) this.#wireClosed(true);
    }
    return this.#wire !== null;
  }

  #taken(count: number): void {
    this.#sent -= this.#remove(Math.min(count, this.#sent)).length;
    if (this.#sent > 0) return;
    if (this.#idle) this.#flush();
    else if (this.#queue.length > 0 || this.#lost > 0) this.#plan();
  }

  #wireClosed(unsent: boolean): void {
    this.#turn++;
    this.#wire = null;
    // A notice is not sent again but made anew, since the count may have grown by then.
    const removed = unsent ? (this.#queue[0]?.lost ? 1 : 0) : this.#sent;
    for (const { lost } of this.#remove(removed)) this.#lost += lost || 1;
    this.#sent = 0;
    if (this.#idle) {
      this.#idle();
      return;
    }
    const age = performance.now() - this.#opened;
    this.#pause = age > LONGEST_PAUSE || this.#pause === 0 ? FIRST_PAUSE : Math.min(this.#pause * 2, LONGEST_PAUSE);
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
