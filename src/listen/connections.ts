/** The connections of all clients, and the end of the process, which waits for them. */

import type { Socket } from "node:net";
import { timeLimit } from "../base/timelimit";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import type { ProxyHeader } from "../protocol/proxyheader";
import { Headers, type HeaderTerms } from "./proxied";

/** How long connections may take to send their last reply when all sessions end at once, in milliseconds. */
const LAST_REPLIES = 100;

/** Who waits until there has been no connection for `within` milliseconds. */
interface Idle {
  readonly within: number;
  readonly over: () => void;
  endLimit: () => void;
}

/** The connections of clients. */
export class Connections {
  /** Resolves when there is no connection any more, after `end`. */
  readonly ended: Promise<void>;
  /**
   * The connections that are open, or whose session still runs: a session goes on after its client has closed, while
   * the client's commands are carried out.
   */
  readonly #clients = new Set<Connection>();
  /** The connections that wait for their PROXY header; null: there was none yet. */
  #headers: Headers | null = null;
  #ending = false;
  #resolveEnded = () => {};
  #idle: Idle | null = null;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Whether `end` was called. */
  get ending(): boolean {
    return this.#ending;
  }

  /** As `Headers.read`. */
  readHeader(socket: Socket, terms: HeaderTerms, then: (header: ProxyHeader) => void): void {
    this.#headers ??= new Headers(() => {
      this.#restartIdle();
      this.#resolveIfEnded();
    });
    this.#headers.read(socket, terms, then);
    this.#restartIdle();
  }

  /** Keeps a client in the set until its connection has closed and `served` has settled; calls `left` then. */
  enter(client: Connection, served: Promise<void> | undefined, left: () => void): void {
    this.#clients.add(client);
    this.#restartIdle();
    let open = served ? 2 : 1;
    const over = () => {
      if (--open > 0) return;
      this.#clients.delete(client);
      this.#restartIdle();
      left();
      this.#resolveIfEnded();
    };
    client.onClosed = over;
    void served?.then(over);
  }

  /** Resolves when there has been no connection for `within` milliseconds; never after `end`. */
  untilIdle(within: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ending) return;
      this.#idle = { within, over: resolve, endLimit: () => {} };
      this.#restartIdle();
    });
  }

  /**
   * Waits for the sessions; ends those that still run after the drain time. A second call ends all at once. Resolves
   * when all have ended.
   *
   * @param drain in milliseconds
   */
  async end(drain: number): Promise<void> {
    if (this.#ending) {
      this.#endSessions();
      return this.ended;
    }
    this.#ending = true;
    this.#idle?.endLimit();
    this.#idle = null;
    const timer = setTimeout(() => this.#endSessions(), drain);
    this.#resolveIfEnded();
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends the sessions, each with a reason and a reply; then closes the connections that are still open. */
  #endSessions(): void {
    this.#headers?.close();
    for (const client of this.#clients) client.fail(new Failure("nobody", "shutdown", "gateway is shutting down"));
    setTimeout(() => {
      for (const client of this.#clients) client.destroy();
    }, LAST_REPLIES);
  }

  /** How many connections are open. */
  get #open(): number {
    return this.#clients.size + (this.#headers?.count ?? 0);
  }

  /** Ends the limit, and sets it anew if there is no connection. */
  #restartIdle(): void {
    const idle = this.#idle;
    if (!idle) return;
    idle.endLimit();
    if (this.#open === 0) idle.endLimit = timeLimit(idle.within, idle.over);
  }

  #resolveIfEnded(): void {
    if (this.#ending && this.#open === 0) this.#resolveEnded();
  }
}
