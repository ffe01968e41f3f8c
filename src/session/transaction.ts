/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop is driven by the client's lines, the responses loop by the server's; between them stands `due`,
 * what the client is owed, in order: commands that the server has yet to answer, and our own refusals. The server gets
 * one command at a time, unless it is known to list PIPELINING.
 */

import { NEVER, now } from "../base/clock";
import { type Connection, OVERLONG, peerClosed } from "../connection/connection";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../protocol/capability";
import { COMMAND_LIMIT, Command } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { MultilineEnd } from "../protocol/multiline";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import type { Route } from "./needs";
import { list } from "./serverlogin";
import type { Session, SessionEnd } from "./session";

/** So many commands may be unanswered by a server that knows PIPELINING. */
const PIPELINE_BOUND = 64;

/** How long a server that spoke out of turn may take to finish its line, for the log; in milliseconds. */
const STRAY_LINE = 5000;

const QUIT: SessionEnd = { code: "quit", reason: "quit" };

const NO_CAPABILITIES = parseCapabilities([]);

/** The CAPA that is ours: its answer is not for the client. */
const OUR_CAPA = new Command("CAPA", null, true);

/**
 * @returns how it ended: by QUIT, or because the client closed its side
 * @throws Failure for every other end
 */
export async function transaction(session: Session, server: Connection): Promise<SessionEnd> {
  const both = new Transaction(session, server);
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
  readonly #server: Connection;
  readonly #client: Connection;
  readonly #route: Route;
  /** How long either side has for its turn, in milliseconds. */
  readonly #turn: number;
  /** A command of the client that waits for room. */
  #held: Command | null = null;
  #quitting = false;
  #progressed: (() => void) | null = null;

  constructor(
    private readonly session: Session,
    server: Connection,
  ) {
    this.#server = server;
    this.#client = session.client;
    this.#route = session.route as Route;
    this.#turn = session.needs.service.limits.inactivity;
    this.#client.onOver = (failure) => this.#clientOver(failure);
    if (this.#client.over) this.#clientOver(peerClosed("client"));
    this.#nextTurn();
  }

  /** Whether the client waits for an answer. */
  get owed(): boolean {
    return this.#held !== null || this.#due.some((one) => one !== OUR_CAPA);
  }

  /** Commands from the client to the server, until QUIT or the end of input; then all answers are awaited. */
  async commands(): Promise<SessionEnd> {
    const { session } = this;
    for (;;) {
      const line = await this.#client.line(COMMAND_LIMIT);
      if (line === null) break;
      const command = await session.parse(line, "TRANSACTION");
      if (command.kind === "command") {
        await this.#send(command);
        if (this.#quitting) break;
      } else if (session.unsupported.tooMany) {
        while (this.#due.length > 0) await this.#progress();
        throw session.unsupported.failure();
      } else {
        while (this.#due.length >= PIPELINE_BOUND) await this.#progress();
        await this.#answer(command.reply);
      }
    }
    while (this.#due.length > 0) await this.#progress();
    return this.#quitting ? QUIT : { code: "closed", reason: "client closed the connection" };
  }

  /** Responses from the server to the client, each checked against what is due, until the one to QUIT. */
  async responses(): Promise<SessionEnd> {
    for (;;) {
      const line = await this.#heard();
      const command = this.#due[0];
      if (line === null) throw this.#serverLost();
      if (line === OVERLONG) throw notPop3(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
      if (!isStatus(line)) throw notPop3(`server does not speak POP3: ${line}`);
      if (!(command instanceof Command)) throw outOfTurn(line);
      if (command === OUR_CAPA) await this.#learn(line);
      else if (command.verb === "CAPA") await this.#passCapabilities(line);
      else await this.#pass(command, line);
      this.#due.shift();
      while (typeof this.#due[0] === "string") await this.#client.say(this.#due.shift() as string);
      if (command.verb === "QUIT") return QUIT;
      this.#nextTurn();
    }
  }

  /** The server's next line; what it says unasked is its last word, also if it is only half a line. */
  async #heard(): Promise<string | null | typeof OVERLONG> {
    try {
      return await this.#server.line(SERVER_STATUS_LIMIT);
    } catch (thrown) {
      throw this.#stray ? outOfTurn(this.#server.ahead) : thrown;
    }
  }

  #serverLost(): Failure {
    const { ahead } = this.#server;
    const reason = `server closed the connection${ahead && `: ${ahead}`}`;
    return new Failure("server", "server-closed", reason, this.#stray ? null : replies.serverLost);
  }

  /** Hands one response on, and counts what it did. */
  async #pass(command: Command, line: string): Promise<void> {
    const { session } = this;
    const positive = isPositive(line);
    if (positive && command.multiline) {
      session.insideResponse = true;
      session.octets += await this.#server.relay(this.#client, new MultilineEnd(), cleaned(line));
      session.insideResponse = false;
    } else {
      await this.#client.say(cleaned(line));
    }
    // A QUIT that is refused has not deleted all of them (RFC 1939, 6).
    if (!positive && command.verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (command.verb === "RETR" && !this.#client.hungUp) session.retrieved++;
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
    await this.#server.say(command.toString());
  }

  /** Answers in the client's order. */
  async #answer(reply: string): Promise<void> {
    if (this.#due.length > 0) {
      this.#due.push(reply);
      return;
    }
    this.#nextTurn();
    await this.#client.say(reply);
  }

  /** Waits until the server may get another command, asking it first whether it knows PIPELINING. */
  async #room(next: Command): Promise<void> {
    const { needs } = this.session;
    // Nothing follows QUIT, so there is nothing to learn for it.
    if (needs.capabilities(this.#route) === undefined && next.verb !== "QUIT") {
      while (this.#due.length > 0 || this.#stray) await this.#progress();
      // Should the question be the end of the session, then it was the last time that this server was asked.
      needs.learned(this.#route, NO_CAPABILITIES);
      this.#due.push(OUR_CAPA);
      this.#nextTurn();
      this.#server.deadline = now() + Math.min(this.#turn, needs.service.limits.server);
      await this.#server.say(OUR_CAPA.toString());
      while (this.#due.length > 0) await this.#progress();
    }
    const bound = () => (needs.capabilities(this.#route)?.has("PIPELINING") ? PIPELINE_BOUND : 1);
    while (this.#due.length >= bound() || this.#stray) await this.#progress();
  }

  /** Takes the answer to a CAPA: what this server can do is known then. @returns its list; null: it has none */
  async #learn(line: string): Promise<string[] | null> {
    const lines = isPositive(line) ? await list(this.#server) : null;
    this.session.needs.learned(this.#route, parseCapabilities(lines ?? []));
    return lines;
  }

  /** Hands a server's capabilities on, cut down to what is let through here. */
  async #passCapabilities(line: string): Promise<void> {
    const lines = await this.#learn(line);
    const told = lines ? passedCapabilities(lines) : ownCapabilities({ logIn: false, startTls: false });
    await this.#client.say(replies.capabilities, ...told, ".");
  }

  /** Whether the server has said something that nobody asked for: then it gets no further command. */
  get #stray(): boolean {
    return this.#due.length === 0 && this.#server.pending > 0;
  }

  /** Sets the clock of the side whose turn it is, and lets the commands loop look for room. */
  #nextTurn(): void {
    const waiting = this.#due.length > 0;
    this.#server.deadline = waiting ? now() + this.#turn : this.#stray ? now() + STRAY_LINE : NEVER;
    this.#client.deadline = waiting ? NEVER : now() + this.#turn;
    if (this.#stray) return;
    this.#progressed?.();
    this.#progressed = null;
  }

  /** Resolves when `due` has become shorter. */
  #progress(): Promise<void> {
    if (this.#stray) this.#server.deadline = now() + STRAY_LINE;
    return new Promise((resolve) => {
      this.#progressed = resolve;
    });
  }

  /**
   * The client reads no more. What it had sent before counts all the same if a QUIT is among it: then the server gets
   * all of it, and some time for it. Else the session ends here, without a QUIT.
   */
  #clientOver(failure: Failure): void {
    const quit = this.#quitting || this.#held?.verb === "QUIT" || hasQuit(this.#client.ahead);
    if (quit && failure.blame === "client" && this.#client.hungUp) {
      this.#server.limit = now() + this.session.needs.service.limits.quit;
    } else {
      this.#server.fail(failure);
    }
  }
}

function notPop3(reason: string): Failure {
  return new Failure("server", "server-protocol", reason);
}

function outOfTurn(said: string): Failure {
  return new Failure("server", "out-of-turn", `server spoke out of turn: ${said}`);
}
