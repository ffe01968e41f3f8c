/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop is driven by the client's lines, the responses loop by the server's. Between them is `due`, what the
 * client is owed, in order: commands that the server has yet to answer, and the gateway's own answers. The server gets
 * the commands that the client gave and no other, one at a time, unless it is known to list PIPELINING.
 */

import { NEVER, now } from "../base/clock";
import { type Connection, OVERLONG, peerClosed } from "../connection/connection";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../protocol/capability";
import { Command, LOGIN_LIMIT } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import { list } from "./asking";
import { Bodies, MAIL } from "./bodies";
import { hasQuit, lastWord } from "./hangup";
import type { Route } from "./needs";

import type { Session, SessionEnd } from "./session";
import type { StatusLines } from "./statuslines";

/** So many commands may be unanswered by a server that lists PIPELINING. */
const PIPELINE_BOUND = 64;

/** How long a server that spoke out of turn may take to finish its line, for the log; in milliseconds. */
const STRAY_LINE = 5000;

const QUIT: SessionEnd = { code: "quit", reason: "quit" };

/** The commands after which a mail may be gone: not before the client has what it asked for before them. */
const FINAL: ReadonlySet<string> = new Set(["DELE", "QUIT"]);

/** The commands behind whose response, if it is one line, some servers send a ".". */
const LISTING: ReadonlySet<string> = new Set(["RETR", "TOP", "LIST", "UIDL"]);

/**
 * @param statuses the status lines of the server, which is logged in
 * @returns how it ended: by QUIT, or because the client closed its side
 * @throws Failure for every other end
 */
export async function transaction(session: Session, statuses: StatusLines): Promise<SessionEnd> {
  const both = new Transaction(session, statuses);
  try {
    return await Promise.race([both.commands(), both.responses()]);
  } finally {
    session.owed = both.owed;
  }
}

class Transaction {
  /** What the client is owed, in order: unanswered commands, and the gateway's own answers behind them. */
  readonly #due: (Command | string)[] = [];
  readonly #server: Connection;
  readonly #client: Connection;
  readonly #route: Route;
  readonly #bodies: Bodies;
  /** A command of the client that waits until the server may get it. */
  #held: Command | null = null;
  #quitting = false;
  #progressed: (() => void) | null = null;

  constructor(
    private readonly session: Session,
    private readonly statuses: StatusLines,
  ) {
    this.#server = statuses.server;
    this.#client = session.client;
    this.#route = session.route as Route;
    this.#bodies = new Bodies(session, statuses, {
      nothing: () => this.#client.input.pending === 0 && !this.#held && this.#due.length === 1,
      final: () => this.#finalAhead,
    });
    statuses.onSkipped = () => this.#nextTurn();
    this.#client.onOver = (failure) => this.#clientOver(failure);
    if (this.#client.over) this.#clientOver(peerClosed("client"));
    this.#nextTurn();
  }

  /** Whether the client waits for an answer. */
  get owed(): boolean {
    return this.#held !== null || this.#due.length > 0;
  }

  /** Commands from the client to the server, until QUIT or the end of input; then all answers are awaited. */
  async commands(): Promise<SessionEnd> {
    const { session } = this;
    for (;;) {
      const line = (await this.#client.input.line(LOGIN_LIMIT)) ?? lastWord(this.#client);
      if (line === null) break;
      this.#bodies.heard();
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
      if (command.verb === "CAPA") await this.#passCapabilities(line);
      else await this.#pass(command, line);
      this.#due.shift();
      while (typeof this.#due[0] === "string") await this.#client.say(this.#due.shift() as string);
      if (command.verb === "QUIT") return QUIT;
      this.#nextTurn();
    }
  }

  /** The server's next status line; what it says unasked is its last line, also if it is only half a line. */
  async #heard(): Promise<string | null | typeof OVERLONG> {
    try {
      return await this.statuses.next(() => this.#due[0] instanceof Command && !this.#due[0].multiline);
    } catch (thrown) {
      throw this.#stray ? outOfTurn(this.#server.input.ahead) : thrown;
    }
  }

  #serverLost(): Failure {
    const { ahead } = this.#server.input;
    const reason = `server closed the connection${ahead && `: ${ahead}`}`;
    return new Failure("server", "server-closed", reason, this.#stray ? null : replies.serverLost);
  }

  /** Hands one response on, and counts what it did. */
  async #pass(command: Command, line: string): Promise<void> {
    const { session } = this;
    const positive = isPositive(line);
    if (positive && command.multiline) {
      if (!(await this.#bodies.pass(command, cleaned(line)))) return;
    } else {
      if (LISTING.has(command.verb)) this.statuses.dotMayFollow();
      await this.#client.say(cleaned(line));
    }
    // A QUIT that is refused has not deleted all of them (RFC 1939, 6).
    if (!positive && command.verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (command.verb === "RETR") session.retrieved++;
    else if (command.verb === "DELE") session.deleted++;
    else if (command.verb === "RSET") session.deleted = 0;
  }

  /** Forwards a command as soon as the server may get it. */
  async #send(command: Command): Promise<void> {
    this.#held = command;
    while (!this.#mayGo(command)) await this.#progress();
    this.#held = null;
    this.#quitting = command.verb === "QUIT";
    this.#due.push(command);
    if (this.#due.length === 1) this.#nextTurn();
    await this.#server.say(command.toString());
  }

  /** Whether the server may get a command now: it has room, and no mail is under way that the command could destroy. */
  #mayGo(command: Command): boolean {
    if (this.#stray || this.#due.length >= this.#bound) return false;
    return !FINAL.has(command.verb) || !this.#due.some((one) => one instanceof Command && MAIL.has(one.verb));
  }

  /**
   * How many commands may be unanswered. A server that is not known to list PIPELINING gets one at a time; so does one
   * whose mail the client has taken for complete, so that the rest of that mail comes to light before a QUIT has gone.
   */
  get #bound(): number {
    const { needs } = this.session;
    if (this.#bodies.declared || !needs.service.servers.pipelining) return 1;
    return needs.pipelines(this.#route) ? PIPELINE_BOUND : 1;
  }

  /** Whether a command after which a mail may be gone waits, or may wait behind all that is kept of the client's input. */
  get #finalAhead(): boolean {
    const { input } = this.#client;
    return FINAL.has(this.#held?.verb ?? "") || input.full || /^(?:DELE|QUIT)\b/im.test(input.ahead);
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

  /** Hands a server's capabilities on, cut down to what is let through here, and keeps them. */
  async #passCapabilities(line: string): Promise<void> {
    const lines = isPositive(line) ? await list(this.#server) : null;
    const { needs } = this.session;
    const { utf8 } = needs.service.dialogue;
    needs.learned(this.#route, parseCapabilities(lines ?? []));
    const own = { logIn: false, startTls: false, utf8: false, mechanisms: [] };
    const told = lines ? passedCapabilities(lines, utf8) : ownCapabilities(own);
    await this.#client.say(replies.capabilities, ...told, ".");
  }

  /** Whether the server has said something that nobody asked for: then it gets no further command. */
  get #stray(): boolean {
    return this.#due.length === 0 && this.#server.input.pending > 0;
  }

  /** Sets the clock of the side whose turn it is, and lets the commands loop look for room. */
  #nextTurn(): void {
    const { inactivity, quit } = this.session.needs.service.limits;
    const waiting = this.#due.length > 0;
    const turn = this.#client.hungUp ? Math.min(inactivity, quit) : inactivity;
    this.#server.deadline = waiting ? now() + turn : this.#stray ? now() + STRAY_LINE : NEVER;
    this.#client.deadline = waiting ? NEVER : now() + inactivity;
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
   * The client reads no more, and all its input is here. What it had sent counts if a QUIT is among it, unless a mail is
   * under way that it will not get: then the server gets all of it, and some time for each answer. Else the session ends
   * here, without a QUIT.
   */
  #clientOver(failure: Failure): void {
    const { inactivity } = this.session.needs.service.limits;
    const { mail } = this.#bodies;
    const quit = this.#quitting || this.#held?.verb === "QUIT" || hasQuit(this.#client.input.ahead);
    if (!mail && quit && failure.blame === "client" && this.#client.hungUp) {
      this.#server.limit = now() + inactivity;
      this.#nextTurn();
    } else {
      this.#bodies.abandon(failure);
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
