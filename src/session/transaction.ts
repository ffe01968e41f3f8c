/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop is driven by the client's lines, the responses loop by the server's; between them stands `due`,
 * what the client is owed, in order: commands that the server has yet to answer, and our own refusals. The server gets
 * one command at a time, unless it is known to list PIPELINING.
 */

import { now } from "../base/clock";
import { type Connection, closed, OVERLONG } from "../connection/connection";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../protocol/capability";
import { COMMAND_LIMIT, Command } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { MultilineEnd } from "../protocol/multiline";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT, texts } from "../protocol/response";
import { list } from "./serverlogin";
import type { Route, Session } from "./session";

/** So many commands may be unanswered by a server that knows PIPELINING. */
const PIPELINE_BOUND = 64;

/** How long a server that spoke out of turn may take to finish its line, for the log; in milliseconds. */
const STRAY_LINE = 5000;

const NO_CAPABILITIES = parseCapabilities([]);

/** The CAPA that is ours: its answer is not for the client. */
const OUR_CAPA = new Command("CAPA", null, true);

/**
 * @returns why it ended: "quit", or that the client closed its side
 * @throws Failure for every other end
 */
export async function transaction(session: Session, upstream: Connection): Promise<string> {
  const both = new Transaction(session, upstream);
  try {
    return await Promise.race([both.commands(), both.responses()]);
  } finally {
    session.owed = both.owed;
  }
}

/** Whether there is a QUIT among command lines that are still to be read. */
export function hasQuit(lines: string): boolean {
  return /^quit *\r?$/im.test(lines);
}

class Transaction {
  /** What the client is owed, in order: unanswered commands, and our own answers behind them. */
  readonly #due: (Command | string)[] = [];
  readonly #upstream: Connection;
  readonly #downstream: Connection;
  readonly #server: Route;
  /** How long either side has for its turn, in milliseconds. */
  readonly #turn: number;
  /** A command of the client that waits for room. */
  #held: Command | null = null;
  #quitting = false;
  #progressed: (() => void) | null = null;

  constructor(
    private readonly session: Session,
    upstream: Connection,
  ) {
    this.#upstream = upstream;
    this.#downstream = session.downstream;
    this.#server = session.route as Route;
    this.#turn = session.needs.config.timeout * 1000;
    this.#downstream.onLost = (failure) => this.#clientLost(failure);
    if (this.#downstream.lost) this.#clientLost(closed("client"));
    this.#nextTurn();
  }

  /** Whether the client waits for an answer. */
  get owed(): boolean {
    return this.#held !== null || this.#due.some((one) => one !== OUR_CAPA);
  }

  /** Commands from the client to the server, until QUIT or the end of input; then all answers are awaited. */
  async commands(): Promise<string> {
    const { session } = this;
    for (;;) {
      const line = await this.#downstream.line(COMMAND_LIMIT);
      if (line === null) break;
      const command = await session.parse(line, "TRANSACTION");
      if (command instanceof Command) {
        await this.#send(command);
        if (this.#quitting) break;
      } else if (session.tooMany) {
        while (this.#due.length > 0) await this.#progress();
        throw session.tooManyUnsupported();
      } else {
        while (this.#due.length >= PIPELINE_BOUND) await this.#progress();
        await this.#answer(command.reply);
      }
    }
    while (this.#due.length > 0) await this.#progress();
    return this.#quitting ? "quit" : "client closed the connection";
  }

  /** Responses from the server to the client, each checked against what is due, until the one to QUIT. */
  async responses(): Promise<string> {
    for (;;) {
      const line = await this.#heard();
      const command = this.#due[0];
      if (line === null) throw this.#serverLost();
      if (line === OVERLONG) throw new Failure("server", "server sent a line of more than 4096 octets");
      if (!isStatus(line)) throw new Failure("server", `server does not speak POP3: ${line}`);
      if (!(command instanceof Command)) throw new Failure("server", `server spoke out of turn: ${line}`);
      if (command === OUR_CAPA) await this.#learn(line);
      else if (command.verb === "CAPA") await this.#passCapabilities(line);
      else await this.#pass(command, line);
      this.#due.shift();
      while (typeof this.#due[0] === "string") await this.#downstream.say(this.#due.shift() as string);
      if (command.verb === "QUIT") return "quit";
      this.#nextTurn();
    }
  }

  /** The server's next line; what it says unasked is its last word, also if it is only half a line. */
  async #heard(): Promise<string | null | typeof OVERLONG> {
    try {
      return await this.#upstream.line(SERVER_STATUS_LIMIT);
    } catch (thrown) {
      throw this.#stray ? new Failure("server", `server spoke out of turn: ${this.#upstream.ahead}`) : thrown;
    }
  }

  #serverLost(): Failure {
    const { ahead } = this.#upstream;
    const reason = `server closed the connection${ahead && `: ${ahead}`}`;
    return new Failure("server", reason, this.#stray ? null : texts.serverLost);
  }

  /** Hands one response on, and counts what it did. */
  async #pass(command: Command, line: string): Promise<void> {
    const { session } = this;
    const positive = isPositive(line);
    if (positive && command.multiline) {
      session.inside = true;
      session.octets += await this.#upstream.relay(this.#downstream, new MultilineEnd(), cleaned(line));
      session.inside = false;
    } else {
      await this.#downstream.say(cleaned(line));
    }
    // A QUIT that is refused has not deleted all of them (RFC 1939, 6).
    if (!positive && command.verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (command.verb === "RETR" && !this.#downstream.gone) session.retrieved++;
    else if (command.verb === "RETR") return;
    else if (command.verb === "DELE") session.deleted++;
    else if (command.verb === "RSET") session.deleted = 0;
  }

  /** Forwards a command as soon as the server may get it. */
  async #send(command: Command): Promise<void> {
    this.#held = command;
    if (this.#due.length > 0 || this.#stray) await this.#room(command);
    this.#held = null;
    this.#quitting = command.verb === "QUIT";
    this.#due.push(command);
    if (this.#due.length === 1) this.#nextTurn();
    await this.#upstream.say(command.toString());
  }

  /** Answers in the client's order. */
  async #answer(reply: string): Promise<void> {
    if (this.#due.length > 0) {
      this.#due.push(reply);
      return;
    }
    this.#nextTurn();
    await this.#downstream.say(reply);
  }

  /** Waits until the server may get another command, asking it first whether it knows PIPELINING. */
  async #room(next: Command): Promise<void> {
    const { needs } = this.session;
    // Nothing follows QUIT, so there is nothing to learn for it.
    if (needs.capabilities(this.#server) === undefined && next.verb !== "QUIT") {
      while (this.#due.length > 0 || this.#stray) await this.#progress();
      // Should the question be the end of the session, then it was the last time that this server was asked.
      needs.learned(this.#server, NO_CAPABILITIES);
      this.#due.push(OUR_CAPA);
      this.#nextTurn();
      this.#upstream.deadline = now() + Math.min(this.#turn, needs.config.greetingTimeout * 1000);
      await this.#upstream.say(OUR_CAPA.toString());
      while (this.#due.length > 0) await this.#progress();
    }
    const bound = () => (needs.capabilities(this.#server)?.has("PIPELINING") ? PIPELINE_BOUND : 1);
    while (this.#due.length >= bound() || this.#stray) await this.#progress();
  }

  /** Takes the answer to a CAPA: what this server can do is known then. @returns its list; null: it has none */
  async #learn(line: string): Promise<string[] | null> {
    const lines = isPositive(line) ? await list(this.#upstream) : null;
    this.session.needs.learned(this.#server, parseCapabilities(lines ?? []));
    return lines;
  }

  /** Hands a server's capabilities on, cut down to what is let through here. */
  async #passCapabilities(line: string): Promise<void> {
    const lines = await this.#learn(line);
    const told = lines ? passedCapabilities(lines) : ownCapabilities({ logIn: false, startTls: false });
    await this.#downstream.say(texts.capabilities, ...told, ".");
  }

  /** Whether the server has said something that nobody asked for: then it gets no further command. */
  get #stray(): boolean {
    return this.#due.length === 0 && this.#upstream.pending > 0;
  }

  /** Sets the clock of the side whose turn it is, and lets the commands loop look for room. */
  #nextTurn(): void {
    const waiting = this.#due.length > 0;
    this.#upstream.deadline = waiting
      ? now() + this.#turn
      : this.#stray
        ? now() + STRAY_LINE
        : Number.POSITIVE_INFINITY;
    this.#downstream.deadline = waiting ? Number.POSITIVE_INFINITY : now() + this.#turn;
    if (this.#stray) return;
    this.#progressed?.();
    this.#progressed = null;
  }

  /** Resolves when `due` has become shorter. */
  #progress(): Promise<void> {
    if (this.#stray) this.#upstream.deadline = now() + STRAY_LINE;
    return new Promise((resolve) => {
      this.#progressed = resolve;
    });
  }

  /**
   * The client reads no more. What it had sent before counts all the same if a QUIT is among it: then the server gets
   * all of it, and some time for it. Else the session ends here, without a QUIT.
   */
  #clientLost(failure: Failure): void {
    const quit = this.#quitting || this.#held?.verb === "QUIT" || hasQuit(this.#downstream.ahead);
    if (quit && failure.blame === "client" && this.#downstream.gone) {
      this.#upstream.limit = now() + this.session.needs.config.quitTimeout * 1000;
    } else {
      this.#upstream.fail(failure);
    }
  }
}
