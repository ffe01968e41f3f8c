/** The commands loop of the TRANSACTION state: from the client's lines to the server. */

import { OVERLONG } from "../connection/connection";
import { Command, LOGIN_LIMIT } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { type Behind, MAIL } from "./bodies";
import type { Exchange } from "./exchange";
import { hasQuit, lastWord } from "./hangup";
import { Loop, type LoopStep } from "./loop";
import { QUIT, type SessionEnd } from "./session";

/** So many commands may be unanswered by a server that lists PIPELINING. */
const PIPELINE_BOUND = 1024;

/** The commands after which a mail may be gone: not before the client has what it asked for before them. */
const FINAL: ReadonlySet<string> = new Set(["DELE", "QUIT"]);

const CLOSED: SessionEnd = { code: "closed", reason: "client closed the connection" };

/** Takes commands until QUIT or the end of input; then all answers are awaited. */
export class CommandLoop extends Loop implements Behind {
  /** A command of the client that waits until the server may get it, or the gateway's answer to one that waits for room. */
  #held: Command | string | null = null;
  /** How the session ends when all is answered; null: more commands may come. */
  #ending: SessionEnd | Failure | null = null;

  constructor(private readonly both: Exchange) {
    super(both.server);
  }

  /** Whether something waits for the server's answers. */
  get waiting(): boolean {
    return this.#held !== null || this.#ending !== null;
  }

  /** Whether a QUIT is among what the client has sent. */
  get quits(): boolean {
    const held = this.#held instanceof Command && this.#held.verb === "QUIT";
    return this.#ending === QUIT || held || hasQuit(this.both.client.input.ahead);
  }

  /** Part of Behind. */
  nothing(): boolean {
    return this.both.client.input.pending === 0 && this.#held === null && this.both.due.length === 1;
  }

  /** Part of Behind: all that is kept of the client's input counts, and what may stand behind that. */
  final(): boolean {
    const { input } = this.both.client;
    const held = this.#held instanceof Command && FINAL.has(this.#held.verb);
    return held || input.full || /^(?:DELE|QUIT)\b/im.test(input.ahead);
  }

  protected override failed(thrown: unknown): void {
    this.both.fail(thrown);
  }

  /** One line of the client. */
  protected override step(): LoopStep {
    const { client, session, bodies, over, due } = this.both;
    if (over) return false;
    if (this.#held !== null) return typeof this.#held === "string" ? this.#answer(this.#held) : this.#send(this.#held);
    if (this.#ending) {
      if (due.length === 0) this.#endAs(this.#ending);
      return false;
    }
    let line = client.input.nextLine(LOGIN_LIMIT);
    if (line === undefined) return false;
    line ??= lastWord(client);
    if (line === null) {
      this.#ending = CLOSED;
      return true;
    }
    bodies.heard();
    const command = session.parse(line, "TRANSACTION");
    if (command.kind === "command") this.#held = command;
    else if (session.unsupported.tooMany) this.#ending = session.unsupported.failure();
    else this.#held = command.reply;
    return line === OVERLONG ? client.input.skipLine() : true;
  }

  #endAs(ending: SessionEnd | Failure): void {
    if (ending instanceof Failure) this.both.fail(ending);
    else this.both.end(ending);
  }

  /** Answers in the client's order. */
  #answer(reply: string): LoopStep {
    const { due, client } = this.both;
    if (due.length >= PIPELINE_BOUND) return false;
    this.#held = null;
    if (due.length > 0) {
      due.push(reply);
      return true;
    }
    this.both.setDeadlines();
    return client.say(reply) ?? true;
  }

  /** Forwards a command as soon as the server may get it. */
  #send(command: Command): LoopStep {
    const { due, server, responses, stray } = this.both;
    if (!this.#mayGo(command)) {
      if (stray) this.both.setDeadlines();
      return false;
    }
    if (responses.mailUnsent && FINAL.has(command.verb)) {
      const unsent = responses.sendMails();
      if (unsent) return unsent;
    }
    this.#held = null;
    if (command.verb === "QUIT") this.#ending = QUIT;
    due.push(command);
    if (due.length === 1) this.both.setDeadlines();
    return server.say(command.toString()) ?? true;
  }

  /** Whether the server may get a command now: it has room, and no mail is under way that the command could destroy. */
  #mayGo(command: Command): boolean {
    const { due, stray } = this.both;
    if (due.length === 0) return !stray;
    if (due.length >= this.#bound) return false;
    return !FINAL.has(command.verb) || !due.some((one) => one instanceof Command && MAIL.has(one.verb));
  }

  /**
   * How many commands may be unanswered. A server that is not known to list PIPELINING gets one at a time; so does one
   * whose mail the client has taken for complete, so that the rest of that mail comes to light before a QUIT has gone.
   */
  get #bound(): number {
    const { needs, route } = this.both.session;
    if (this.both.bodies.declared || !needs.service.servers.pipelining || !route) return 1;
    return needs.pipelines(route) ? PIPELINE_BOUND : 1;
  }
}
