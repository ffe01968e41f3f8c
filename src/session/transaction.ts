/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop is driven by the client's lines, the responses loop by the server's. Between them is `due`, what the
 * client is owed, in order: commands that the server has yet to answer, and the gateway's own answers. The server gets
 * the commands that the client gave and no other, one at a time, unless it is known to list PIPELINING.
 */

import { NEVER, now } from "../base/clock";
import { type Connection, peerClosed } from "../connection/connection";
import type { Command } from "../protocol/command";
import type { Failure } from "../protocol/failure";
import { Bodies } from "./bodies";
import { CommandLoop } from "./commands";
import type { Exchange } from "./exchange";
import { ResponseLoop } from "./responses";
import type { Session, SessionEnd } from "./session";
import type { StatusLines } from "./statuslines";

/** How long a server that spoke out of turn may take to finish its line, for the log; in milliseconds. */
const STRAY_LINE = 5000;

/**
 * @param statuses the status lines of the server, which is logged in
 * @returns how it ended: by QUIT, or because the client closed its side
 * @throws Failure for every other end
 */
export function transaction(session: Session, statuses: StatusLines): Promise<SessionEnd> {
  return new Promise((resolve, reject) => new Transaction(session, statuses, resolve, reject).begin());
}

class Transaction implements Exchange {
  readonly due: (Command | string)[] = [];
  readonly server: Connection;
  readonly client: Connection;
  readonly bodies: Bodies;
  readonly commands: CommandLoop;
  readonly responses: ResponseLoop;
  over = false;

  constructor(
    readonly session: Session,
    readonly statuses: StatusLines,
    private readonly resolve: (end: SessionEnd) => void,
    private readonly reject: (failure: unknown) => void,
  ) {
    this.server = statuses.server;
    this.client = session.client;
    this.commands = new CommandLoop(this);
    this.bodies = new Bodies(session, statuses, this.commands);
    this.responses = new ResponseLoop(this);
  }

  begin(): void {
    this.statuses.onSkipped = () => this.nextTurn();
    this.client.onOver = (failure) => this.#clientOver(failure);
    if (this.client.over) this.#clientOver(peerClosed("client"));
    this.client.input.onArrival = this.commands;
    this.server.input.onArrival = this.responses;
    this.setDeadlines();
    this.commands.run();
    this.responses.run();
  }

  end(how: SessionEnd): void {
    if (this.#leave()) this.resolve(how);
  }

  fail(why: unknown): void {
    if (this.#leave()) this.reject(why);
  }

  #leave(): boolean {
    if (this.over) return false;
    this.over = true;
    this.client.input.onArrival = null;
    this.server.input.onArrival = null;
    this.session.owed = this.commands.waiting || this.due.length > 0;
    return true;
  }

  get stray(): boolean {
    return this.due.length === 0 && this.server.input.pending > 0;
  }

  setDeadlines(): void {
    const { inactivity, quit } = this.session.needs.service.limits;
    const waiting = this.due.length > 0;
    const turn = this.client.hungUp ? Math.min(inactivity, quit) : inactivity;
    const at = now();
    this.server.deadline = waiting ? at + turn : this.stray ? at + STRAY_LINE : NEVER;
    this.client.deadline = waiting ? NEVER : at + inactivity;
  }

  nextTurn(): void {
    this.setDeadlines();
    if (this.commands.waiting && !this.stray) this.commands.run();
  }

  /**
   * The client reads no more, and all its input is here. What it had sent counts if a QUIT is among it, unless a mail is
   * under way that it will not get: then the server gets all of it, and some time for each answer. Else the session ends
   * here, without a QUIT.
   */
  #clientOver(failure: Failure): void {
    const { inactivity } = this.session.needs.service.limits;
    const mail = this.bodies.mail || this.responses.mailUnsent;
    if (!mail && this.commands.quits && failure.blame === "client" && this.client.hungUp) {
      this.server.limit = now() + inactivity;
      this.nextTurn();
    } else {
      this.bodies.abandon(failure);
      this.server.fail(failure);
    }
  }
}
