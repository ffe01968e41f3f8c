/**
 * What a client gets while it waits for a scanned mail: the status line, and then a line of the mail's header again and
 * again, so that it does not give up. No octet of the mail is among that.
 */

import type { Session } from "./session";

/** The line of the header. */
const LINE = "X-Virus-Scan: pending";

/** For one mail, from the server's status line on. */
export class KeepAlive {
  #begun = false;
  readonly #timer: NodeJS.Timeout;

  /** @param status the status line for the client */
  constructor(
    private readonly session: Session,
    private readonly status: string,
  ) {
    this.#timer = setInterval(() => this.#say(), session.needs.service.limits.pending);
  }

  /** Ends it. @returns whether the client has got something */
  stop(): boolean {
    clearInterval(this.#timer);
    return this.#begun;
  }

  #say(): void {
    const { client } = this.session;
    // A failure ends the session from elsewhere.
    const said = this.#begun ? client.say(LINE) : client.say(this.status, LINE);
    said?.catch(() => {});
    this.#begun = true;
    this.session.insideResponse = true;
  }
}
