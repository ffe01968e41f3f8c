/**
 * Multi-line responses of the server on their way to the client. A mail that the client does not get in full is lost to
 * nobody: nothing that stands behind its command is carried out then.
 */

import { type Connection, peerClosed } from "../connection/connection";
import type { Command } from "../protocol/command";
import { MultilineEnd } from "../protocol/multiline";
import type { Session } from "./session";

/** The commands whose response is a mail. */
export const MAIL: ReadonlySet<string> = new Set(["RETR", "TOP"]);

/** The bodies of one session. */
export class Bodies {
  /** Whether a mail is under way to the client. */
  mail = false;
  /** Whether a client that now sends a command has taken the body under way for complete. */
  #declarable = false;
  /** Whether a client has done so. It may have been wrong, and then the rest of the mail comes instead of an answer. */
  #declared = false;
  readonly #client: Connection;

  /** @param alone whether the client has sent nothing behind the command of this body */
  constructor(
    private readonly session: Session,
    private readonly server: Connection,
    private readonly alone: () => boolean,
  ) {
    this.#client = session.client;
  }

  /** Whether a client has ended a body by its next command, rather than the server by its last line. */
  get declared(): boolean {
    return this.#declared;
  }

  /** To be called when the client has sent a command. */
  heard(): void {
    if (!this.#declarable || !this.#client.empty) return;
    this.#declared = true;
    this.server.endRelay();
  }

  /** Hands a body on, behind its status line. @throws Failure */
  async pass(command: Command, status: string): Promise<void> {
    const { session } = this;
    this.mail = MAIL.has(command.verb);
    if (this.mail && this.#client.hungUp) throw peerClosed("client");
    session.insideResponse = true;
    session.octets += await this.server.relay(this.#client, { find: this.#finder() }, status);
    session.insideResponse = false;
    this.#declarable = false;
    if (this.mail && this.#client.hungUp) throw peerClosed("client");
    this.mail = false;
  }

  /** Finds the end of a body, and looks at what else becomes of it, chunk by chunk. */
  #finder(): (chunk: Buffer) => number {
    const end = new MultilineEnd(this.server.input.lineEnd);
    return (chunk) => {
      if (this.mail && this.#client.hungUp) queueMicrotask(() => this.server.fail(peerClosed("client")));
      const at = end.find(chunk);
      // What the client had sent before it could have seen these octets declares nothing.
      this.#declarable = at < 0 && end.ambiguous && this.alone();
      return at;
    };
  }
}
