/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop is driven by the client's lines, the responses loop by the server's. Between them is `due`, what the
 * client is owed, in order: commands that the server has yet to answer, and the gateway's own answers. The server gets
 * the commands that the client gave and no other, one at a time, unless it is known to list PIPELINING.
 */

import { NEVER, now } from "../base/clock";
import { type Connection, type Line, OVERLONG, peerClosed } from "../connection/connection";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../protocol/capability";
import { Command, LOGIN_LIMIT } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import { list } from "./asking";
import { Bodies, MAIL } from "./bodies";
import { hasQuit, lastWord } from "./hangup";
import { Loop, type Step } from "./loop";
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
export function transaction(session: Session, statuses: StatusLines): Promise<SessionEnd> {
  return new Promise((resolve, reject) => new Transaction(session, statuses, resolve, reject).begin());
}

class Transaction {
  /** What the client is owed, in order: unanswered commands, and the gateway's own answers behind them. */
  readonly #due: (Command | string)[] = [];
  readonly #server: Connection;
  readonly #client: Connection;
  readonly #route: Route;
  readonly #bodies: Bodies;
  readonly #commands: Loop;
  readonly #responses: Loop;
  /** A command of the client that waits until the server may get it, or the gateway's answer to one that waits for room. */
  #held: Command | string | null = null;
  /** How the session ends when all is answered; null: more commands may come. */
  #ending: SessionEnd | Failure | null = null;
  /** Whether a mail was handed on that may not have left for the client. */
  #mailUnsent = false;
  #over = false;

  constructor(
    private readonly session: Session,
    private readonly statuses: StatusLines,
    private readonly resolve: (end: SessionEnd) => void,
    private readonly reject: (failure: unknown) => void,
  ) {
    this.#server = statuses.server;
    this.#client = session.client;
    this.#route = session.route as Route;
    this.#bodies = new Bodies(session, statuses, {
      nothing: () => this.#client.input.pending === 0 && !this.#held && this.#due.length === 1,
      final: () => this.#finalAhead,
    });
    const failed = (thrown: unknown) => this.#leave(() => this.reject(thrown));
    this.#commands = new Loop(() => this.#command(), this.#server, failed);
    this.#responses = new Loop(() => this.#response(), this.#client, failed);
  }

  begin(): void {
    this.statuses.onSkipped = () => this.#nextTurn();
    this.#client.onOver = (failure) => this.#clientOver(failure);
    if (this.#client.over) this.#clientOver(peerClosed("client"));
    this.#client.input.onArrival = () => this.#commands.run();
    this.#server.input.onArrival = () => this.#responses.run();
    this.#setDeadlines();
    this.#commands.run();
    this.#responses.run();
  }

  /** The end of both loops. @param settle resolves or rejects */
  #leave(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.input.onArrival = null;
    this.#server.input.onArrival = null;
    this.session.owed = this.#held !== null || this.#due.length > 0;
    settle();
  }

  /** One line of the client, and the command to the server; QUIT, or the end of input, is the last. */
  #command(): Step {
    if (this.#over) return false;
    if (this.#held !== null) return this.#heldCommand(this.#held);
    if (this.#ending) return this.#due.length === 0 && this.#endAs(this.#ending);
    const { input } = this.#client;
    let line = input.nextLine(LOGIN_LIMIT);
    if (line === undefined) return false;
    line ??= lastWord(this.#client);
    if (line === null) {
      this.#ending = { code: "closed", reason: "client closed the connection" };
      return true;
    }
    this.#bodies.heard();
    const command = this.session.parse(line, "TRANSACTION");
    if (command.kind === "command") this.#held = command;
    else if (this.session.unsupported.tooMany) this.#ending = this.session.unsupported.failure();
    else this.#held = command.reply;
    return line === OVERLONG ? input.skipLine() : true;
  }

  #endAs(ending: SessionEnd | Failure): false {
    this.#leave(() => (ending instanceof Failure ? this.reject(ending) : this.resolve(ending)));
    return false;
  }

  /** Forwards a command as soon as the server may get it, and answers in the client's order. */
  #heldCommand(held: Command | string): Step {
    if (typeof held === "string") {
      if (this.#due.length >= PIPELINE_BOUND) return false;
      this.#held = null;
      return this.#answer(held);
    }
    if (!this.#mayGo(held)) {
      if (this.#stray) this.#server.deadline = now() + STRAY_LINE;
      return false;
    }
    if (this.#mailUnsent && FINAL.has(held.verb)) {
      const unsent = this.#sendMails();
      if (unsent) return unsent;
    }
    this.#held = null;
    if (held.verb === "QUIT") this.#ending = QUIT;
    this.#due.push(held);
    if (this.#due.length === 1) this.#setDeadlines();
    return this.#server.say(held.toString()) ?? true;
  }

  /** One response of the server to the client, checked against what is due; that to QUIT is the last. */
  #response(): Step {
    if (this.#over) return false;
    const line = this.#heard();
    if (line === undefined) return (this.#mailUnsent && this.#sendMails()) || false;
    const command = this.#due[0];
    if (line === null) throw this.#serverLost();
    if (line === OVERLONG) throw notPop3(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
    if (!isStatus(line)) throw notPop3(`server does not speak POP3: ${line}`);
    if (!(command instanceof Command)) throw outOfTurn(line);
    const passing = command.verb === "CAPA" ? this.#passCapabilities(line) : this.#pass(command, line);
    return passing ? passing.then(() => this.#passed(command)) : this.#passed(command);
  }

  /** The client has its response. */
  #passed(command: Command): Step {
    this.#due.shift();
    let slow: Promise<void> | undefined;
    while (typeof this.#due[0] === "string") slow = this.#client.say(this.#due.shift() as string) ?? slow;
    if (command.verb === "QUIT") return this.#endAs(QUIT);
    this.#nextTurn();
    return slow ?? true;
  }

  /** The server's next status line; what it says unasked is its last line, also if it is only half a line. */
  #heard(): Line | undefined {
    try {
      return this.statuses.nextLine(this.#counts);
    } catch (thrown) {
      throw this.#stray ? outOfTurn(this.#server.input.ahead) : thrown;
    }
  }

  readonly #counts = () => this.#due[0] instanceof Command && !this.#due[0].multiline;

  #serverLost(): Failure {
    const { ahead } = this.#server.input;
    const reason = `server closed the connection${ahead && `: ${ahead}`}`;
    return new Failure("server", "server-closed", reason, this.#stray ? null : replies.serverLost);
  }

  /** Hands one response on, and counts what it did. @returns a promise if the client is slow, or the body is long */
  #pass(command: Command, line: string): Promise<unknown> | undefined {
    if (!isPositive(line) || !command.multiline) {
      if (LISTING.has(command.verb)) this.statuses.dotMayFollow();
      this.#count(command, isPositive(line));
      return this.#client.say(cleaned(line));
    }
    const status = cleaned(line);
    if (status !== line || !this.#bodies.passWhole(command, status)) {
      return this.#bodies.pass(command, status).then((got) => got && this.#count(command, true));
    }
    this.#count(command, true);
    this.#mailUnsent ||= MAIL.has(command.verb);
    return this.#client.full ? this.#client.emptied() : undefined;
  }

  /** Counts what a command did, for the closing line. */
  #count({ verb }: Command, positive: boolean): void {
    const { session } = this;
    // A QUIT that is refused has not deleted all of them (RFC 1939, 6).
    if (!positive && verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (verb === "RETR") session.retrieved++;
    else if (verb === "DELE") session.deleted++;
    else if (verb === "RSET") session.deleted = 0;
  }

  /**
   * Sends the mails that wait with other answers. @returns a promise if that takes time; they are sent behind it, or not
   * @throws Failure if the client does not read any more
   */
  #sendMails(): Promise<void> | undefined {
    this.#client.flush();
    if (!this.#client.empty) return this.#client.emptied();
    if (this.#client.hungUp) throw peerClosed("client");
    this.#mailUnsent = false;
    return undefined;
  }

  /** Whether the server may get a command now: it has room, and no mail is under way that the command could destroy. */
  #mayGo(command: Command): boolean {
    if (this.#due.length === 0) return !this.#stray;
    if (this.#due.length >= this.#bound) return false;
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
    const held = this.#held instanceof Command && FINAL.has(this.#held.verb);
    return held || input.full || /^(?:DELE|QUIT)\b/im.test(input.ahead);
  }

  /** Answers in the client's order. */
  #answer(reply: string): Step {
    if (this.#due.length > 0) {
      this.#due.push(reply);
      return true;
    }
    this.#setDeadlines();
    return this.#client.say(reply) ?? true;
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

  /** Sets the clock of the side whose turn it is. */
  #setDeadlines(): void {
    const { inactivity, quit } = this.session.needs.service.limits;
    const waiting = this.#due.length > 0;
    const turn = this.#client.hungUp ? Math.min(inactivity, quit) : inactivity;
    const at = now();
    this.#server.deadline = waiting ? at + turn : this.#stray ? at + STRAY_LINE : NEVER;
    this.#client.deadline = waiting ? NEVER : at + inactivity;
  }

  /** What is due has changed: the server may have room for a command. */
  #nextTurn(): void {
    this.#setDeadlines();
    if ((this.#held !== null || this.#ending !== null) && !this.#stray) this.#commands.run();
  }

  /**
   * The client reads no more, and all its input is here. What it had sent counts if a QUIT is among it, unless a mail is
   * under way that it will not get: then the server gets all of it, and some time for each answer. Else the session ends
   * here, without a QUIT.
   */
  #clientOver(failure: Failure): void {
    const { inactivity } = this.session.needs.service.limits;
    const mail = this.#bodies.mail || this.#mailUnsent;
    const held = this.#held instanceof Command && this.#held.verb === "QUIT";
    const quit = this.#ending === QUIT || held || hasQuit(this.#client.input.ahead);
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
