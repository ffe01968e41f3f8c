/**
 * Multi-line responses of the server on their way to the client, through the scanner if there is one. A mail that the
 * client does not get in full is lost to nobody: nothing that stands behind its command is carried out then.
 */

import { NEVER } from "../base/clock";
import { timeLimit } from "../base/timelimit";
import { Abort } from "../base/until";
import { type BodyEnd, type Connection, peerClosed } from "../connection/connection";
import type { Command } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { endOfWhole, MultilineEnd } from "../protocol/multiline";
import { replies } from "../protocol/replies";
import { KeepAlive } from "./keepalive";
import type { Route } from "./needs";
import type { Scan, Scanner, Verdict } from "./scans";
import { loginFields, type Session } from "./session";
import type { StatusLines } from "./statuslines";

/** The commands whose response is a mail. */
export const MAIL: ReadonlySet<string> = new Set(["RETR", "TOP"]);

/** The longest response that is handed on in one write, in octets. */
const WHOLE_BOUND = 16 * 1024;

/** What the client has sent behind the command of a body. */
export interface Behind {
  /** Whether it is nothing at all. */
  nothing(): boolean;
  /** Whether a command may be among it after which a mail may be gone. */
  final(): boolean;
}

/** The bodies of one session. */
export class Bodies {
  /** Whether a mail is under way to the client. */
  mail = false;
  /** Whether a client that now sends a command has taken the body under way for complete. */
  #declarable = false;
  /** Whether a body has ended so, or by silence. That may be wrong, and then its rest comes instead of an answer. */
  #declared = false;
  /** The end of the scan under way. */
  #abandoned: Abort | null = null;
  readonly #client: Connection;
  readonly #server: Connection;

  constructor(
    private readonly session: Session,
    private readonly statuses: StatusLines,
    private readonly behind: Behind,
  ) {
    this.#client = session.client;
    this.#server = statuses.server;
  }

  /** Whether a body has ended otherwise than by its last line. */
  get declared(): boolean {
    return this.#declared;
  }

  /** To be called when the client has sent a command. */
  heard(): void {
    if (this.#declarable && this.#client.empty) this.#declare();
  }

  /** Ends a scan: the client is gone. */
  abandon(failure: Failure): void {
    this.#abandoned?.abort(failure);
  }

  /**
   * Hands a body on that has arrived in full with its status line and is small, in one write. Most mails are.
   *
   * @param status the status line as it came
   * @returns false: it has not, or something is to be done with it; `pass` does all that
   * @throws Failure
   */
  passWhole({ verb }: Command, status: string): boolean {
    const client = this.#client;
    const { input } = this.#server;
    const mail = MAIL.has(verb);
    if (input.pending === 0 || input.lineEnd !== "\r\n" || client.traced || (mail && this.session.needs.scanner)) {
      return false;
    }
    const whole = input.takeWhole(endOfWhole, WHOLE_BOUND);
    if (whole === null) return false;
    if (mail && client.hungUp) throw peerClosed("client");
    client.send(whole);
    this.session.octets += whole.length - status.length - "\r\n".length;
    this.#declarable = false;
    return true;
  }

  /** Hands a body on, behind its status line. @returns whether the client has got it @throws Failure */
  async pass(command: Command, status: string): Promise<boolean> {
    const { scanner } = this.session.needs;
    this.mail = MAIL.has(command.verb);
    this.session.underWay = command;
    if (this.mail && this.#client.hungUp) throw peerClosed("client");
    const got = this.mail && scanner ? await this.#scanned(scanner, command, status) : await this.#relayed(status);
    if (this.mail && this.#client.hungUp) throw peerClosed("client");
    this.mail = false;
    this.session.underWay = null;
    return got;
  }

  async #relayed(status: string): Promise<boolean> {
    const { session } = this;
    session.insideResponse = true;
    session.octets += await this.#server.relay(this.#client, this.#end(), status);
    session.insideResponse = false;
    this.#declarable = false;
    return true;
  }

  /** Finds the end of a body, and looks at what else becomes of it, chunk by chunk. */
  #end(): BodyEnd {
    const end = new MultilineEnd(this.#server.input.lineEnd);
    const find = (chunk: Buffer) => {
      this.#failIfGone();
      const at = end.find(chunk);
      // What the client had sent before it could have seen these octets declares nothing.
      this.#declarable = at < 0 && end.ambiguous && this.behind.nothing();
      return at;
    };
    return { find, ambiguous: () => end.ambiguous };
  }

  #failIfGone(): void {
    if (this.mail && this.#client.hungUp) queueMicrotask(() => this.#server.fail(peerClosed("client")));
  }

  #declare(): void {
    this.#declared = true;
    this.#server.endRelay();
  }

  async #scanned(scanner: Scanner, command: Command, status: string): Promise<boolean> {
    const { session } = this;
    const { user, server } = loginFields(session.route as Route);
    const mail = { session: session.id, client: session.clientAddress, user, server, command: command.toString() };
    const abandoned = new Abort();
    this.#abandoned = abandoned;
    const scan = await scanner.begin(mail, status);
    const alive = new KeepAlive(session, status);
    try {
      session.octets += await this.#spooled(scan, status);
      // It has said all that it owes.
      this.#server.deadline = NEVER;
      const verdict = await scan.verdict(abandoned);
      const begun = alive.stop();
      if (verdict.kind === "refused") return await this.#refuse(mail.command, verdict, begun);
      if (!begun) await this.#client.say(verdict.kind === "clean" ? status : replies.withheld);
      session.insideResponse = true;
      if (verdict.kind === "clean") await scan.deliver(this.#client);
      else await this.#client.write(verdict.notice);
      session.insideResponse = false;
      return verdict.kind === "clean";
    } finally {
      alive.stop();
      await scan.close();
    }
  }

  /** As `#end`, but the client sees nothing of it, and so can't declare its end. */
  async #spooled(scan: Scan, status: string): Promise<number> {
    const end = new MultilineEnd(this.#server.input.lineEnd);
    const { silence } = this.session.needs.service.limits;
    let endLimit: (() => void) | undefined;
    const declare = () => {
      this.statuses.tell("end-by-silence", 'server sent nothing behind a "." that may be the end of a mail');
      this.#declare();
    };
    const wait = () => {
      // Nothing is read while the scan still writes, so that the rest may be here.
      endLimit = timeLimit(silence, () => (scan.empty ? declare() : wait()));
    };
    const find = (chunk: Buffer): number => {
      endLimit?.();
      this.#failIfGone();
      const at = end.find(chunk);
      if (at < 0 && end.ambiguous) wait();
      return at;
    };
    try {
      return await this.#server.relay(scan, { find }, status);
    } catch (thrown) {
      const { blame, code, message, reply } = Failure.of(thrown);
      // Unlike a relayed mail, of which the client has a part, this one can have an answer.
      throw blame === "server" && reply === null ? new Failure(blame, code, message, replies.serverLost) : thrown;
    } finally {
      endLimit?.();
    }
  }

  /**
   * Refuses a mail that could not be scanned. The session ends if the client has said already what is to become of the
   * mail, or if it waits for the rest of it.
   */
  async #refuse(
    command: string,
    { code, reason, reply }: Verdict & { kind: "refused" },
    begun: boolean,
  ): Promise<false> {
    this.session.emit("notScanned", { command, code, reason });
    if (begun) throw new Failure("nobody", "scanner", `a mail was not scanned: ${reason}`);
    await this.#client.say(reply);
    if (this.behind.final())
      throw new Failure("nobody", "scanner", "commands stood behind a mail that was not scanned");
    return false;
  }
}
