/** The responses loop of the TRANSACTION state: from the server to the client, each checked against what is due. */

import { type InputLine, OVERLONG, peerClosed } from "../connection/connection";
import { ownCapabilities, parseCapabilities, passedCapabilities } from "../protocol/capability";
import { Command } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { cleaned, isPositive, isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";
import { list } from "./asking";
import { MAIL } from "./bodies";
import type { Exchange } from "./exchange";
import { Loop, type LoopStep } from "./loop";
import type { Route } from "./needs";
import { QUIT } from "./session";

/** The commands behind whose response, if it is one line, some servers send a ".". */
const LISTING: ReadonlySet<string> = new Set(["RETR", "TOP", "LIST", "UIDL"]);

/** Hands responses on, until the one to QUIT. */
export class ResponseLoop extends Loop {
  /** Part of Exchange. */
  mailUnsent = false;

  constructor(private readonly both: Exchange) {
    super(both.client);
  }

  protected override failed(thrown: unknown): void {
    this.both.fail(thrown);
  }

  /** One response. */
  protected override step(): LoopStep {
    if (this.both.over) return false;
    const line = this.#heard();
    if (line === undefined) return (this.mailUnsent && this.sendMails()) || false;
    const command = this.both.due[0];
    if (line === null) throw this.#serverLost();
    if (line === OVERLONG) throw notPop3(`server sent a line of more than ${SERVER_STATUS_LIMIT} octets`);
    if (!isStatus(line)) throw notPop3(`server does not speak POP3: ${line}`);
    if (!(command instanceof Command)) throw outOfTurn(line);
    const passing = command.verb === "CAPA" ? this.#passCapabilities(line) : this.#pass(command, line);
    return passing ? passing.then(() => this.#passed(command)) : this.#passed(command);
  }

  /** Part of Exchange. */
  sendMails(): Promise<void> | undefined {
    const { client } = this.both;
    client.flush();
    if (!client.empty) return client.emptied();
    if (client.hungUp) throw peerClosed("client");
    this.mailUnsent = false;
    return undefined;
  }

  /** The server's next status line; what it says unasked is its last line, also if it is only half a line. */
  #heard(): InputLine | undefined {
    const { statuses, server } = this.both;
    try {
      return statuses.nextLine(this.#counts);
    } catch (thrown) {
      throw this.both.stray ? outOfTurn(server.input.ahead) : thrown;
    }
  }

  readonly #counts = () => {
    const [command] = this.both.due;
    return command instanceof Command && !command.multiline;
  };

  #serverLost(): Failure {
    const { ahead } = this.both.server.input;
    const reason = `server closed the connection${ahead && `: ${ahead}`}`;
    return new Failure("server", "server-closed", reason, this.both.stray ? null : replies.serverLost);
  }

  /** The client has its response. */
  #passed(command: Command): LoopStep {
    const { due, client } = this.both;
    due.shift();
    let slow: Promise<void> | undefined;
    while (typeof due[0] === "string") slow = client.say(due.shift() as string) ?? slow;
    if (command.verb === "QUIT") {
      this.both.end(QUIT);
      return false;
    }
    this.both.nextTurn();
    return slow ?? true;
  }

  /** Hands one response on, and counts what it did. @returns a promise if the client is slow, or the body is long */
  #pass(command: Command, line: string): Promise<unknown> | undefined {
    const { statuses, client, bodies } = this.both;
    const status = cleaned(line);
    if (!isPositive(line) || !command.multiline) {
      if (LISTING.has(command.verb)) statuses.dotMayFollow();
      this.#count(command, isPositive(line));
      return client.say(status);
    }
    if (status !== line || !bodies.passWhole(command, status)) {
      return bodies.pass(command, status).then((got) => got && this.#count(command, true));
    }
    this.#count(command, true);
    this.mailUnsent ||= MAIL.has(command.verb);
    return client.full ? client.emptied() : undefined;
  }

  /** Counts what a command did, for the closing line. */
  #count({ verb }: Command, positive: boolean): void {
    const { session } = this.both;
    // A QUIT that is refused has not deleted all of them (RFC 1939, 6).
    if (!positive && verb === "QUIT") session.deleted = 0;
    if (!positive) return;
    if (verb === "RETR") session.retrieved++;
    else if (verb === "DELE") session.deleted++;
    else if (verb === "RSET") session.deleted = 0;
  }

  /** Hands a server's capabilities on, cut down to what is let through here, and keeps them. */
  async #passCapabilities(line: string): Promise<void> {
    const { session, server, client } = this.both;
    const { needs, route } = session;
    const lines = isPositive(line) ? await list(server) : null;
    const { utf8 } = needs.service.dialogue;
    needs.learned(route as Route, parseCapabilities(lines ?? []));
    const own = { logIn: false, startTls: false, utf8: false, mechanisms: [] };
    const told = lines ? passedCapabilities(lines, utf8) : ownCapabilities(own);
    await client.say(replies.capabilities, ...told, ".");
  }
}

function notPop3(reason: string): Failure {
  return new Failure("server", "server-protocol", reason);
}

function outOfTurn(said: string): Failure {
  return new Failure("server", "out-of-turn", `server spoke out of turn: ${said}`);
}
