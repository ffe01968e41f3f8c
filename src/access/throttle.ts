/**
 * The throttle: refused logins delay further ones. A server behind the gateway sees one address for all clients, so it
 * can't throttle a single client itself.
 *
 * The delay (refusals.ts) runs from the refusal on. The answer is held back for so long, and meanwhile no other attempt
 * of the pair, or of the client if it is delayed as a whole, goes on to the access control program or the server. So a
 * client that does not wait for the answer gains nothing, and a client that does has waited once.
 */

import { network } from "../base/address";
import { now } from "../base/clock";
import type { Until } from "../base/until";
import type { Limits } from "../config/settings";
import type { Attempt } from "../session/needs";
import { Refusals } from "./refusals";

/** The most attempts of a pair that are under way at once. After a refusal, attempts are under way one at a time. */
const AT_ONCE = 2;

/** The most attempts of a pair, or of a client that is delayed as a whole, that wait. */
const WAITING = 4;

/** How much of a user name counts, in octets, since pairs are kept. */
const NAME_BOUND = 128;

/** A string of its own, to be kept: V8 makes a slice of a client's line keep all of the line in memory. */
function copyOf(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** An attempt of a client that is exempt from delays. */
export function unthrottled(): Attempt {
  return { kind: "attempt", judging: false, refused: (least = 0) => least, succeeded() {}, over() {} };
}

/** What the throttle needs of the limits. */
type Delays = Pick<Limits, "refusal" | "refusalMost" | "turn">;

/** Who attempts to log in. */
interface Applicant {
  /** The client's address; "" where there is no network. */
  readonly address: string;
  readonly user: string;
}

/** An attempt that waits for its turn. */
interface WaitingAttempt {
  readonly pair: string;
  go(): void;
}

/** The attempts of one client. */
class Line {
  /** How many attempts of each pair are under way. */
  readonly underWay = new Map<string, number>();
  /** In the order in which they came. */
  readonly waiting = new Set<WaitingAttempt>();
  timer: NodeJS.Timeout | undefined;

  constructor(readonly client: string) {}

  begin(pair: string): void {
    this.underWay.set(pair, (this.underWay.get(pair) ?? 0) + 1);
  }

  end(pair: string): void {
    const count = (this.underWay.get(pair) ?? 0) - 1;
    if (count > 0) this.underWay.set(pair, count);
    else this.underWay.delete(pair);
  }
}

/** The refusals and the attempts of all clients. */
export class Throttle {
  readonly #refusals = new Refusals();
  /** The clients that have attempts under way or waiting. */
  readonly #lines = new Map<string, Line>();

  /** @param clock the time in milliseconds */
  constructor(private readonly clock: () => number = now) {}

  /**
   * Waits until an attempt to log in may go on.
   *
   * @param until gives up, with its reason
   * @returns null: too many others wait, or the wait took too long
   * @throws the reason of `until`
   */
  async attempt({ address, user }: Applicant, limits: Delays, until: Until): Promise<Attempt | null> {
    if (until.aborted) throw until.reason;
    const client = network(address);
    const pair = copyOf(`${client} ${user.slice(0, NAME_BOUND)}`);
    const line = this.#lines.get(client) ?? new Line(client);
    this.#lines.set(client, line);
    return (await this.#turn(line, pair, limits.turn, until)) ? this.#begun(line, pair, limits) : null;
  }

  /** How many attempts wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const { waiting } of this.#lines.values()) count += waiting.size;
    return count;
  }

  /** Whether the attempt has its turn. @param within how long it waits @throws the reason of `until` */
  #turn(line: Line, pair: string, within: number, until: Until): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let late: NodeJS.Timeout | undefined;
      const leave = () => {
        line.waiting.delete(waiting);
        clearTimeout(late);
        until.removeEventListener("abort", aborted);
      };
      const giveUp = () => {
        leave();
        resolve(false);
        this.#advance(line);
      };
      const aborted = () => {
        leave();
        reject(until.reason);
        this.#advance(line);
      };
      const waiting: WaitingAttempt = {
        pair,
        go: () => {
          leave();
          line.begin(pair);
          resolve(true);
        },
      };
      line.waiting.add(waiting);
      this.#advance(line);
      if (!line.waiting.has(waiting)) return;
      if (this.#waitingWith(line, pair) > WAITING) {
        giveUp();
        return;
      }
      late = setTimeout(giveUp, within);
      until.addEventListener("abort", aborted);
    });
  }

  /** An attempt that is under way. */
  #begun(line: Line, pair: string, limits: Delays): Attempt {
    let over = false;
    const end = () => {
      over = true;
      line.end(pair);
      this.#advance(line);
    };
    const attempt: Attempt = {
      kind: "attempt",
      judging: false,
      refused: (least) => {
        const delay = this.#refusals.add(line.client, pair, { ...limits, least }, this.clock());
        end();
        return delay;
      },
      succeeded: () => {
        this.#refusals.forget(line.client, pair, this.clock());
        end();
      },
      over: (left) => {
        if (over) return;
        if (left && attempt.judging) attempt.refused();
        else end();
      },
    };
    return attempt;
  }

  /** Lets all go on that may, and comes back when the next one may. */
  #advance(line: Line): void {
    const at = this.clock();
    let next = Number.POSITIVE_INFINITY;
    for (const one of line.waiting) {
      const free = this.#freeAt(line, one.pair, at);
      if (free <= at) one.go();
      else next = Math.min(next, free);
    }
    clearTimeout(line.timer);
    line.timer = undefined;
    if (next < Number.POSITIVE_INFINITY) line.timer = setTimeout(() => this.#advance(line), Math.ceil(next - at));
    if (line.waiting.size === 0 && line.underWay.size === 0) this.#lines.delete(line.client);
  }

  /** When one more attempt of a pair may go on; Infinity: not before another one is over. */
  #freeAt({ client, underWay }: Line, pair: string, at: number): number {
    const refused = this.#refusals.pairUntil(pair, at);
    const whole = this.#refusals.clientUntil(client, at);
    if ((underWay.get(pair) ?? 0) >= (refused === null ? AT_ONCE : 1)) return Number.POSITIVE_INFINITY;
    if (whole !== null && underWay.size > 0) return Number.POSITIVE_INFINITY;
    return Math.max(refused ?? at, whole ?? at);
  }

  /** How many wait, of the pair or of the client, with those that an attempt of this pair waits with. */
  #waitingWith({ client, waiting }: Line, pair: string): number {
    if (this.#refusals.clientUntil(client, this.clock()) !== null) return waiting.size;
    return [...waiting].filter((one) => one.pair === pair).length;
  }
}
