/**
 * The TRANSACTION and UPDATE states (RFC 1939, 5 and 6): two loops and a list.
 *
 * The commands loop reads the client's lines, the responses loop the server's lines. The list `due` has the answers
 * that the client waits for, in order: commands that the server has not answered yet, and the gateway's own refusals.
 * The server gets one command at a time, unless its capabilities are known to have PIPELINING.
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

/** How many commands a server with PIPELINING may have unanswered. */
const PIPELINE_BOUND = 64;

/** How long a server may take to end a line that it has sent out of turn, for the log, in milliseconds. */
const STRAY_LINE = 5000;

const QUIT: SessionEnd = { code: "quit", reason: "quit" };

const NO_CAPABILITIES = parseCapabilities([]);

/** The gateway's own CAPA: the client does not get the answer. */
const OWN_CAPA = new Command("CAPA", null, true);

/**
 * Relays commands and responses until the end of the session.
 *
 * @param server the connection to the server, logged in
 * @returns how the session ended: by QUIT, or because the client closed its side
 * @throws Failure for every other end
 */
export async function transaction(session: Session, server: Connection): Promise<SessionEnd> {
  const loops = new Transaction(session, server);
  try {
    return await Promise.race([loops.commands(), loops.responses()]);
  } finally {
    session.owed = loops.owed;
  }
}

/** Whether a QUIT is among command lines that are not read yet. */
export function hasQuit(lines: string): boolean {
  return /^quit *\r?$/im.test(lines);
}

class Transaction {
  /** What the client waits for, in order: unanswered commands, and the gateway's own answers. */
  readonly #due: (Command | string)[] = [];
  readonly #server: Connection;
  readonly #client: Connection;
  readonly #route: Route;
  /** How long either side may be silent when it is its turn, in milliseconds. */
  readonly #turn: number;
  /** A command of the client that the server may not get yet. */
  #held: Command | null = null;
  /** Whether QUIT was sent to the server. */
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
    return this.#held !== null || this.#due.some((one) => one !== OWN_CAPA);
  }

  /** Sends the client's commands to the server, until QUIT or the end of input; then waits for all answers. */
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

  /** Sends the server's responses to the client, each checked against `due`, until the response to QUIT. */
  async responses(): Promise<SessionEnd> {
    for (;;) {
      const line = await this.#serverLine();
      const command = this.#due[0];
      if (line === null) throw this.#serverLost();
      if (line === OVERLONG) throw notPop3(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
      if (!isStatus(line)) throw notPop3(`server does not speak POP3: ${line}`);
      if (!(command instanceof Command)) throw outOfTurn(line);
      if (command === OWN_CAPA) await this.#learn(line);
      else if (command.verb === "CAPA") await this.#passCapabilities(line);
      else await this.#pass(command, line);
      this.#due.shift();
      while (typeof this.#due[0] === "string") await this.#client.say(this.#due.shift() as string);
      if (command.verb === "QUIT") return QUIT;
      this.#nextTurn();
    }
  }

  /** The server's next line. Octets out of turn end the session with them in the log, even if their line has no end. */
  async #serverLine(): Promise<string | null | typeof OVERLONG> {
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

  /** Sends one response to the client, and counts retrieved and deleted messages. */
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
    // A server that refuses QUIT has not deleted all messages (RFC 1939, 6).
    if (!positive && command.verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (command.verb === "RETR" && !this.#client.hungUp) session.retrieved++;
    else if (command.verb === "RETR") return;
    else if (command.verb === "DELE") session.deleted++;
    else if (command.verb === "RSET") session.deleted = 0;
  }

  /** Sends a command as soon as the server may get it. */
  async #send(command: Command): Promise<void> {
    this.#held = command;
    if (this.#due.length > 0 || this.#stray) await this.#room(command);
    this.#held = null;
    this.#quitting = command.verb === "QUIT";
    this.#due.push(command);
    if (this.#due.length === 1) this.#nextTurn();
    await this.#server.say(command.toString());
  }

  /** Sends an answer of the gateway, in the order of the client's commands. */
  async #answer(reply: string): Promise<void> {
    if (this.#due.length > 0) {
      this.#due.push(reply);
      return;
    }
    this.#nextTurn();
    await this.#client.say(reply);
  }

  /** Waits until the server may get another command. Asks for the server's capabilities first if they are not known. */
  async #room(next: Command): Promise<void> {
    const { needs } = this.session;
    // No command follows QUIT, so PIPELINING does not matter for it.
    if (needs.capabilities(this.#route) === undefined && next.verb !== "QUIT") {
      while (this.#due.length > 0 || this.#stray) await this.#progress();
      // If the server ends the session at this CAPA, later sessions must not ask it again.
      needs.learned(this.#route, NO_CAPABILITIES);
      this.#due.push(OWN_CAPA);
      this.#nextTurn();
      this.#server.deadline = now() + Math.min(this.#turn, needs.service.limits.greeting);
      await this.#server.say(OWN_CAPA.toString());
      while (this.#due.length > 0) await this.#progress();
    }
    const bound = () => (needs.capabilities(this.#route)?.has("PIPELINING") ? PIPELINE_BOUND : 1);
    while (this.#due.length >= bound() || this.#stray) await this.#progress();
  }

  /** Reads the answer to CAPA, and keeps the server's capabilities. @returns the lines; null: CAPA was refused */
  async #learn(line: string): Promise<string[] | null> {
    const lines = isPositive(line) ? await list(this.#server) : null;
    this.session.needs.learned(this.#route, parseCapabilities(lines ?? []));
    return lines;
  }

  /** Sends the client the capabilities of the server that the gateway passes on. */
  async #passCapabilities(line: string): Promise<void> {
    const lines = await this.#learn(line);
    const shown = lines ? passedCapabilities(lines) : ownCapabilities({ logIn: false, startTls: false });
    await this.#client.say(replies.capabilities, ...shown, ".");
  }

  /** Whether the server has sent octets out of turn: then it gets no further command. */
  get #stray(): boolean {
    return this.#due.length === 0 && this.#server.pending > 0;
  }

  /** Sets the deadline of the side whose turn it is, and wakes the commands loop. */
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
   * The client has hung up, or failed. If it hung up after a QUIT, its commands are carried out within the limit
   * `quit`, since the client has closed in the belief that they are. Else the server gets no QUIT.
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
